/* SPDX-License-Identifier: Apache-2.0 */
/* check_virtio_balloon.c - pages go back once, and only the guest's own; figures are kept */
#include "devices/virtio_balloon.h"

#include "tests/unit/driver.h"
#include "tests/unit/suite.h"

#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>

enum { INFLATE, DEFLATE, STATS, REPORT };

#define PAGES_MAX 8192

static struct driver driver;
static struct virtio_balloon *balloon;

/* What was given back, and whether the giver takes its time. */
static struct gmem_discard *held[1024];
static unsigned int held_count, calls;
static bool holds;
static unsigned int given[DRIVER_MEMORY / 4096];

static void discard_end(struct gmem_discard *discard)
{
	discard->returned = discard->count;
	discard->done(discard, 0);
}

static void on_discard(void *context, struct gmem_discard *discard)
{
	calls++;
	for (uint64_t i = 0; i < discard->count; i++)
		given[discard->first + i]++;
	if (!holds) {
		discard_end(discard);
		return;
	}
	ck_assert_uint_lt(held_count, ARRAY_SIZE(held));
	held[held_count++] = discard;
}

static void let_go(void)
{
	holds = false;
	while (held_count > 0)
		discard_end(held[--held_count]);
}

/* Returns the address of zeroed memory of the guest. */
static uint64_t start(uint64_t features, uint64_t bytes)
{
	struct virtio_balloon_setup setup = { .name = "balloon", .discard = on_discard };
	struct fail why;

	driver_open(&driver);
	setup.gmem = driver.gmem;
	setup.loop = driver.loop;
	ck_assert_int_eq(virtio_balloon_create(&setup, &balloon, &why), 0);
	driver_attach(&driver, virtio_balloon_virtio(balloon));
	driver_start(&driver, features);
	return driver_alloc(&driver, bytes, GMEM_PAGE_SIZE);
}

static void stop(void)
{
	virtio_balloon_free(balloon);
	driver_close(&driver);
}

static void add(unsigned int queue, uint64_t gpa, uint64_t length, bool is_writable)
{
	const struct driver_part part = { gpa, (uint32_t)length, is_writable };

	driver_add(&driver, queue, &part, 1);
	driver_kick(&driver, queue);
}

static void put_list(uint64_t gpa, const uint32_t *numbers, size_t count)
{
	ck_assert_int_eq(gmem_write(driver.gmem, gpa, numbers, count * sizeof(*numbers)), 0);
}

static struct virtio_balloon_report report(void)
{
	struct virtio_balloon_report figures;

	virtio_balloon_report(balloon, &figures);
	return figures;
}

static void write_config(size_t offset, uint32_t value)
{
	virtio_write_config(virtio_balloon_virtio(balloon), (uint32_t)offset, &value,
			    sizeof(value));
}

static uint32_t read_config(size_t offset)
{
	uint32_t value;

	virtio_read_config(virtio_balloon_virtio(balloon), (uint32_t)offset, &value, sizeof(value));
	return value;
}

static unsigned int given_pages(void)
{
	unsigned int count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		count += given[i];
	return count;
}

/* ------------------------------------------------------------------ the balloon */

START_TEST(neighbours_go_back_in_one_piece)
{
	static const uint32_t numbers[] = { 5003, 5001, 7000, 5002, 5000, 5001 };
	uint64_t gpa = start(DRIVER_EVERYTHING, 4096);

	put_list(gpa, numbers, ARRAY_SIZE(numbers));
	add(INFLATE, gpa, sizeof(numbers), false);
	driver_wait(&driver, INFLATE);
	ck_assert_uint_eq(calls, 2);
	ck_assert_uint_eq(given_pages(), 5);
	for (unsigned int page = 5000; page < 5004; page++)
		ck_assert_uint_eq(given[page], 1);
	ck_assert_uint_eq(given[7000], 1);
	stop();
}
END_TEST

START_TEST(the_guest_waits_until_its_pages_are_gone)
{
	static const uint32_t numbers[] = { 5000, 6000 };
	uint64_t gpa = start(DRIVER_EVERYTHING, 4096);
	struct driver_used used;

	holds = true;
	put_list(gpa, numbers, ARRAY_SIZE(numbers));
	add(INFLATE, gpa, sizeof(numbers), false);
	driver_settle(&driver);
	ck_assert_uint_eq(held_count, 2);
	ck_assert(!driver_poll(&driver, INFLATE, &used));
	discard_end(held[--held_count]);
	driver_settle(&driver);
	ck_assert(!driver_poll(&driver, INFLATE, &used));
	let_go();
	driver_wait(&driver, INFLATE);
	stop();
}
END_TEST

START_TEST(a_long_list_goes_back_in_turns)
{
	uint64_t gpa = start(DRIVER_EVERYTHING, PAGES_MAX * 4);
	static uint32_t numbers[PAGES_MAX];

	for (uint32_t i = 0; i < ARRAY_SIZE(numbers); i++)
		numbers[i] = 2 * (i % 4096) + 8000;
	holds = true;
	put_list(gpa, numbers, ARRAY_SIZE(numbers));
	add(INFLATE, gpa, sizeof(numbers), false);
	driver_settle(&driver);
	ck_assert_uint_eq(held_count, BALLOON_BATCH_PAGES);
	let_go();
	driver_wait(&driver, INFLATE);
	ck_assert_uint_eq(given_pages(), PAGES_MAX);
	stop();
}
END_TEST

START_TEST(chains_wait_for_one_another)
{
	static const uint32_t numbers[] = { 5000, 6000 };
	uint64_t gpa = start(DRIVER_EVERYTHING, 4096);

	holds = true;
	put_list(gpa, numbers, ARRAY_SIZE(numbers));
	for (unsigned int i = 0; i < 100; i++)
		add(INFLATE, gpa, sizeof(numbers), false);
	driver_settle(&driver);
	ck_assert_uint_eq(held_count, 2);
	let_go();
	for (unsigned int i = 0; i < 100; i++)
		driver_wait(&driver, INFLATE);
	ck_assert_uint_eq(given[5000], 100);
	stop();
}
END_TEST

START_TEST(deflation_gives_nothing_back)
{
	static const uint32_t numbers[] = { 5000, 0xffffffff };
	uint64_t gpa = start(DRIVER_EVERYTHING, 4096);

	put_list(gpa, numbers, ARRAY_SIZE(numbers));
	for (unsigned int i = 0; i < 100; i++)
		add(DEFLATE, gpa, sizeof(numbers), false);
	for (unsigned int i = 0; i < 100; i++)
		driver_wait(&driver, DEFLATE);
	ck_assert_uint_eq(calls, 0);
	stop();
}
END_TEST

START_TEST(a_target_reaches_the_guest)
{
	start(DRIVER_EVERYTHING, 0);
	ck_assert_uint_eq(report().target_bytes, DRIVER_MEMORY);
	ck_assert_int_eq(virtio_balloon_set_target(balloon, DRIVER_MEMORY - 0x5000), 0);
	ck_assert_uint_eq(driver.config_notifications, 1);
	ck_assert_uint_eq(read_config(offsetof(struct virtio_balloon_config, num_pages)), 5);
	ck_assert_uint_eq(report().target_bytes, DRIVER_MEMORY - 0x5000);
	write_config(offsetof(struct virtio_balloon_config, actual), 5);
	ck_assert_uint_eq(report().ballooned_bytes, 0x5000);
	stop();
}
END_TEST

/* -------------------------------------------------------------------- reports */

START_TEST(reported_pages_go_back_and_are_counted)
{
	uint64_t gpa = start(DRIVER_EVERYTHING, 64 * 4096);
	struct driver_part parts[2] = { { gpa, 4 * 4096, true }, { gpa + 10 * 4096, 4096, true } };

	driver_add(&driver, REPORT, parts, 2);
	driver_kick(&driver, REPORT);
	driver_wait(&driver, REPORT);
	ck_assert_uint_eq(calls, 2);
	ck_assert_uint_eq(given[gpa / 4096], 1);
	ck_assert_uint_eq(given[gpa / 4096 + 10], 1);
	ck_assert_uint_eq(report().reported_bytes, 5 * 4096);
	stop();
}
END_TEST

START_TEST(what_is_no_whole_page_stays)
{
	uint64_t gpa = start(DRIVER_EVERYTHING, 64 * 4096);

	add(REPORT, gpa + 1, 4095, true);
	add(REPORT, gpa + 100, 8191, true);
	add(REPORT, gpa + 4095, 4098, true);
	for (unsigned int i = 0; i < 3; i++)
		driver_wait(&driver, REPORT);
	ck_assert_uint_eq(given_pages(), 2);
	ck_assert_uint_eq(given[gpa / 4096 + 1], 2);
	stop();
}
END_TEST

START_TEST(reports_come_on_the_number_that_the_features_give)
{
	uint64_t gpa = start(VIRTIO_FEATURE(VIRTIO_BALLOON_F_REPORTING), 64 * 4096);

	/* without statistics it is the third queue; counting all features, the fifth */
	holds = true;
	add(2, gpa, 4096, true);
	add(4, gpa + 4096, 4096, true);
	driver_settle(&driver);
	let_go();
	driver_wait(&driver, 2);
	driver_wait(&driver, 4);
	ck_assert_uint_eq(given_pages(), 2);
	stop();
}
END_TEST

START_TEST(poisoned_pages_stay)
{
	uint64_t gpa = start(DRIVER_EVERYTHING, 64 * 4096);

	write_config(offsetof(struct virtio_balloon_config, poison_val), 0xaaaaaaaa);
	for (unsigned int i = 0; i < 20; i++)
		add(REPORT, gpa, 4096, true);
	for (unsigned int i = 0; i < 20; i++)
		driver_wait(&driver, REPORT);
	ck_assert_uint_eq(calls, 0);
	write_config(offsetof(struct virtio_balloon_config, poison_val), 0);
	add(REPORT, gpa, 4096, true);
	driver_wait(&driver, REPORT);
	ck_assert_uint_eq(calls, 1);
	stop();
}
END_TEST

/* ----------------------------------------------------------------- statistics */

static void put_stat(uint64_t gpa, unsigned int index, uint16_t tag, uint64_t value)
{
	struct virtio_balloon_stat entry = { .tag = tag, .val = value };

	ck_assert_int_eq(
		gmem_write(driver.gmem, gpa + index * sizeof(entry), &entry, sizeof(entry)), 0);
}

START_TEST(statistics_are_kept_until_they_are_asked_for_again)
{
	uint64_t gpa = start(DRIVER_EVERYTHING, 4096);
	struct virtio_balloon_report figures;
	struct driver_used used;

	ck_assert_uint_eq(report().stats.known, 0);
	put_stat(gpa, 0, VIRTIO_BALLOON_S_MEMFREE, 12345);
	put_stat(gpa, 1, 999, 1);
	put_stat(gpa, 2, VIRTIO_BALLOON_S_MEMTOT, 54321);
	put_stat(gpa, 3, VIRTIO_BALLOON_S_AVAIL, UINT64_MAX);
	add(STATS, gpa, 40, false);
	driver_settle(&driver);
	ck_assert(!driver_poll(&driver, STATS, &used));
	figures = report();
	ck_assert_uint_eq(figures.stats.known,
			  1u << VIRTIO_BALLOON_S_MEMFREE | 1u << VIRTIO_BALLOON_S_MEMTOT);
	ck_assert_uint_eq(figures.stats.values[VIRTIO_BALLOON_S_MEMFREE], 12345);
	ck_assert_uint_eq(figures.stats.values[VIRTIO_BALLOON_S_MEMTOT], 54321);
	/* the report has asked for fresh ones */
	driver_wait(&driver, STATS);
	put_stat(gpa, 0, VIRTIO_BALLOON_S_MEMFREE, 1);
	add(STATS, gpa, 10, false);
	driver_settle(&driver);
	ck_assert_uint_eq(report().stats.values[VIRTIO_BALLOON_S_MEMFREE], 1);
	ck_assert_uint_eq(report().stats.known, 1u << VIRTIO_BALLOON_S_MEMFREE);
	stop();
}
END_TEST

START_TEST(statistics_are_asked_for_seldom)
{
	uint64_t gpa = start(DRIVER_EVERYTHING, 4096);
	struct driver_used used;

	add(STATS, gpa, 10, false);
	driver_settle(&driver);
	report();
	driver_wait(&driver, STATS);
	add(STATS, gpa, 10, false);
	driver_settle(&driver);
	for (unsigned int i = 0; i < 100; i++)
		report();
	driver_settle(&driver);
	ck_assert(!driver_poll(&driver, STATS, &used));
	stop();
}
END_TEST

START_TEST(megabytes_of_statistics_are_not_read)
{
	const uint32_t length = 32u << 20;
	uint64_t gpa = start(DRIVER_EVERYTHING, length);
	struct driver_part parts[100];

	put_stat(gpa, 0, VIRTIO_BALLOON_S_MEMFREE, 7);
	put_stat(gpa, 1000, VIRTIO_BALLOON_S_MEMFREE, 8);
	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i] = (struct driver_part){ .gpa = gpa, .length = length };
	driver_add_indirect(&driver, STATS, parts, ARRAY_SIZE(parts));
	driver_kick(&driver, STATS);
	driver_settle(&driver);
	/* tag 0 stands in the zeroes behind it */
	ck_assert_uint_eq(report().stats.values[VIRTIO_BALLOON_S_MEMFREE], 7);
	stop();
}
END_TEST

/* ------------------------------------------------------- wrongly driven, reset */

START_TEST(a_page_outside_of_memory_is_refused)
{
	static const uint32_t wrong[] = { DRIVER_MEMORY / 4096, 0xc0000, 0xfffff, 0xffffffff };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint32_t numbers[] = { 5000, wrong[i] };
		uint64_t gpa = start(DRIVER_EVERYTHING, 4096);

		put_list(gpa, numbers, ARRAY_SIZE(numbers));
		add(INFLATE, gpa, sizeof(numbers), false);
		driver_wait_refusal(&driver);
		ck_assert_uint_eq(calls, 0);
		stop();
	}
}
END_TEST

START_TEST(lists_that_are_none_are_refused)
{
	static const struct {
		unsigned int queue;
		uint32_t length;
		bool is_writable;
	} wrong[] = {
		{ INFLATE, 4, true },	 { INFLATE, 3, false }, { INFLATE, 5, false },
		{ DEFLATE, 4, true },	 { DEFLATE, 7, false }, { STATS, 10, true },
		{ REPORT, 4096, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint64_t gpa = start(DRIVER_EVERYTHING, 4096);

		add(wrong[i].queue, gpa, wrong[i].length, wrong[i].is_writable);
		driver_wait_refusal(&driver);
		ck_assert_uint_eq(calls, 0);
		stop();
	}
}
END_TEST

START_TEST(a_reset_waits_for_pages_on_their_way)
{
	static uint32_t numbers[1024];
	uint64_t gpa = start(DRIVER_EVERYTHING, 8192);

	for (uint32_t i = 0; i < ARRAY_SIZE(numbers); i++)
		numbers[i] = 8000 + 2 * i;
	holds = true;
	put_list(gpa, numbers, ARRAY_SIZE(numbers));
	add(STATS, gpa, 10, false);
	add(INFLATE, gpa, sizeof(numbers), false);
	add(REPORT, gpa, 4096, true);
	write_config(offsetof(struct virtio_balloon_config, actual), 5);
	driver_settle(&driver);
	ck_assert_uint_eq(held_count, BALLOON_BATCH_PAGES + 1);
	virtio_write_status(driver.virtio, 0);
	driver_settle(&driver);
	ck_assert_uint_ne(virtio_read_status(driver.virtio), 0);
	let_go();
	driver_reset(&driver);
	/* what was not on its way stays; the balloon is gone */
	ck_assert_uint_eq(given_pages(), BALLOON_BATCH_PAGES + 1);
	ck_assert_uint_eq(report().ballooned_bytes, 0);
	ck_assert_uint_eq(report().stats.known, 0);
	driver_start(&driver, DRIVER_EVERYTHING);
	add(INFLATE, gpa, 4, false);
	driver_wait(&driver, INFLATE);
	stop();
}
END_TEST

START_TEST(what_the_guest_says_of_its_balloon_is_bounded)
{
	start(DRIVER_EVERYTHING, 0);
	write_config(offsetof(struct virtio_balloon_config, actual), 0xffffffff);
	ck_assert_uint_eq(report().ballooned_bytes, DRIVER_MEMORY);
	write_config(offsetof(struct virtio_balloon_config, num_pages), 0xffffffff);
	ck_assert_uint_eq(report().target_bytes, DRIVER_MEMORY);
	stop();
}
END_TEST

START_TEST(a_target_may_be_there_before_the_driver)
{
	struct virtio_balloon_setup setup = { .name = "balloon",
					      .discard = on_discard,
					      .target_bytes = DRIVER_MEMORY - 0x7000 };
	struct fail why;

	driver_open(&driver);
	setup.gmem = driver.gmem;
	setup.loop = driver.loop;
	ck_assert_int_eq(virtio_balloon_create(&setup, &balloon, &why), 0);
	ck_assert_uint_eq(virtio_balloon_target(balloon), DRIVER_MEMORY - 0x7000);
	driver_attach(&driver, virtio_balloon_virtio(balloon));
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(read_config(offsetof(struct virtio_balloon_config, num_pages)), 7);
	stop();
}
END_TEST

START_TEST(a_target_needs_sense_and_a_driver)
{
	start(DRIVER_EVERYTHING, 0);
	ck_assert_int_eq(virtio_balloon_set_target(balloon, DRIVER_MEMORY + 4096), -ERANGE);
	ck_assert_int_eq(virtio_balloon_set_target(balloon, VIRTIO_BALLOON_FLOOR - 4096), -ERANGE);
	ck_assert_int_eq(virtio_balloon_set_target(balloon, VIRTIO_BALLOON_FLOOR), 0);
	driver_reset(&driver);
	ck_assert(!report().has_driver);
	ck_assert_int_eq(virtio_balloon_set_target(balloon, DRIVER_MEMORY), -ENOTCONN);
	stop();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &neighbours_go_back_in_one_piece },
	{ "core", &the_guest_waits_until_its_pages_are_gone },
	{ "core", &deflation_gives_nothing_back },
	{ "core", &a_target_reaches_the_guest },
	{ "core", &a_target_may_be_there_before_the_driver },
	{ "core", &reported_pages_go_back_and_are_counted },
	{ "core", &reports_come_on_the_number_that_the_features_give },
	{ "core", &poisoned_pages_stay },
	{ "core", &statistics_are_kept_until_they_are_asked_for_again },
	{ "limits", &a_long_list_goes_back_in_turns },
	{ "limits", &chains_wait_for_one_another },
	{ "limits", &what_is_no_whole_page_stays },
	{ "limits", &statistics_are_asked_for_seldom },
	{ "limits", &megabytes_of_statistics_are_not_read },
	{ "limits", &what_the_guest_says_of_its_balloon_is_bounded },
	{ "misuse", &a_page_outside_of_memory_is_refused },
	{ "misuse", &lists_that_are_none_are_refused },
	{ "misuse", &a_reset_waits_for_pages_on_their_way },
	{ "misuse", &a_target_needs_sense_and_a_driver },
};
SUITE_MAIN("virtio_balloon", tests)
