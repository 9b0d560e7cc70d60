/* SPDX-License-Identifier: Apache-2.0 */
/* check_virtio_rng.c - randomness comes in the guest's buffers, and no more than is fair */
#include "devices/virtio_rng.h"

#include "tests/unit/driver.h"
#include "tests/unit/suite.h"

static struct driver driver;
static struct virtio_rng *rng;

/* Returns the address of zeroed memory of the guest. */
static uint64_t start(uint64_t bytes)
{
	struct virtio_rng_setup config = { .name = "rng" };
	struct fail why;

	driver_open(&driver);
	config.gmem = driver.gmem;
	config.loop = driver.loop;
	ck_assert_int_eq(virtio_rng_create(&config, &rng, &why), 0);
	driver_attach(&driver, virtio_rng_virtio(rng));
	driver_start(&driver, DRIVER_EVERYTHING);
	return driver_alloc(&driver, bytes, GMEM_PAGE_SIZE);
}

static void stop(void)
{
	virtio_rng_free(rng);
	driver_close(&driver);
}

static struct driver_part writable(uint64_t gpa, uint32_t length)
{
	return (struct driver_part){ .gpa = gpa, .length = length, .is_writable = true };
}

static unsigned int zeroes_in(uint64_t gpa, size_t length)
{
	const unsigned char *bytes = driver_at(&driver, gpa, length);
	unsigned int count = 0;

	for (size_t i = 0; i < length; i++)
		count += bytes[i] == 0;
	return count;
}

START_TEST(a_buffer_is_filled_in_all_its_parts)
{
	uint64_t gpa = start(4096);
	const struct driver_part parts[] = { writable(gpa, 1000), writable(gpa + 2000, 1000) };

	driver_add(&driver, 0, parts, 2);
	driver_kick(&driver, 0);
	ck_assert_uint_eq(driver_wait(&driver, 0).written, 2000);
	/* about 4 of 1000 random bytes are 0, and all of those that nobody wrote */
	ck_assert_uint_lt(zeroes_in(gpa, 1000), 100);
	ck_assert_uint_lt(zeroes_in(gpa + 2000, 1000), 100);
	ck_assert_uint_eq(zeroes_in(gpa + 1000, 1000), 1000);
	ck_assert_uint_eq(zeroes_in(gpa + 3000, 1096), 1096);
	stop();
}
END_TEST

START_TEST(two_buffers_differ)
{
	uint64_t gpa = start(64);
	const struct driver_part first = writable(gpa, 32), second = writable(gpa + 32, 32);

	driver_add(&driver, 0, &first, 1);
	driver_add(&driver, 0, &second, 1);
	driver_kick(&driver, 0);
	driver_wait(&driver, 0);
	driver_wait(&driver, 0);
	ck_assert_mem_ne(driver_at(&driver, gpa, 32), driver_at(&driver, gpa + 32, 32), 32);
	stop();
}
END_TEST

START_TEST(a_request_for_gigabytes_gets_a_bounded_piece)
{
	struct driver_part parts[100];
	const uint32_t length = 48u << 20;
	uint64_t gpa = start(length);

	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i] = writable(gpa, length);
	driver_add_indirect(&driver, 0, parts, ARRAY_SIZE(parts));
	driver_kick(&driver, 0);
	ck_assert_uint_eq(driver_wait(&driver, 0).written, VIRTIO_RNG_MAX_BYTES);
	ck_assert_uint_lt(zeroes_in(gpa, VIRTIO_RNG_MAX_BYTES), VIRTIO_RNG_MAX_BYTES / 10);
	ck_assert_uint_eq(zeroes_in(gpa + VIRTIO_RNG_MAX_BYTES, 1 << 20), 1 << 20);
	stop();
}
END_TEST

START_TEST(a_full_queue_is_served_to_the_end)
{
	uint64_t gpa = start(4096);
	const struct driver_part part = writable(gpa, 1);
	unsigned int size = driver.queues[0].size;

	for (unsigned int i = 0; i < size; i++)
		driver_add(&driver, 0, &part, 1);
	driver_kick(&driver, 0);
	for (unsigned int i = 0; i < size; i++)
		ck_assert_uint_eq(driver_wait(&driver, 0).written, 1);
	stop();
}
END_TEST

START_TEST(a_buffer_that_cannot_be_written_to_is_refused)
{
	uint64_t gpa = start(4096);
	const struct driver_part parts[] = { { .gpa = gpa, .length = 64 }, writable(gpa + 64, 64) };

	driver_add(&driver, 0, parts, 2);
	driver_kick(&driver, 0);
	driver_wait_refusal(&driver);
	ck_assert_uint_eq(zeroes_in(gpa, 128), 128);
	stop();
}
END_TEST

START_TEST(a_reset_makes_a_refused_device_usable)
{
	uint64_t gpa = start(4096);
	const struct driver_part bad = { .gpa = gpa, .length = 64 }, good = writable(gpa, 64);

	driver_add(&driver, 0, &bad, 1);
	driver_kick(&driver, 0);
	driver_wait_refusal(&driver);
	driver_reset(&driver);
	driver_start(&driver, DRIVER_EVERYTHING);
	driver_add(&driver, 0, &good, 1);
	driver_kick(&driver, 0);
	ck_assert_uint_eq(driver_wait(&driver, 0).written, 64);
	stop();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_buffer_is_filled_in_all_its_parts },
	{ "core", &two_buffers_differ },
	{ "limits", &a_request_for_gigabytes_gets_a_bounded_piece },
	{ "limits", &a_full_queue_is_served_to_the_end },
	{ "misuse", &a_buffer_that_cannot_be_written_to_is_refused },
	{ "misuse", &a_reset_makes_a_refused_device_usable },
};
SUITE_MAIN("virtio_rng", tests)
