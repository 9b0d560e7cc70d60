/* SPDX-License-Identifier: Apache-2.0 */
/* check_virtio.c - the life of a device, as a driver that follows no rules would have it */
#include "devices/virtio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <sys/mman.h>

#include "base/log.h"

#include "tests/unit/driver.h"
#include "tests/unit/suite.h"

#define QUEUES	   3u
#define QUEUE_SIZE 64
#define FEATURE_A  3
#define FEATURE_B  40
#define HOLD_MAX   4

#define ACKNOWLEDGED (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define FEATURES_OK  VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK    VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET  VIRTIO_CONFIG_S_NEEDS_RESET

/* A device that does nothing, late if so desired. */
struct dummy {
	struct virtio virtio; /* first */
	bool holds;	      /* keeps what it takes */
	bool fails;	      /* to activate */
	struct chain held[HOLD_MAX];
	unsigned int held_queue[HOLD_MAX];
	unsigned int held_count;
	unsigned int activations, resets, serves, takes;
	uint8_t config[11];
};

static struct driver driver;
static struct dummy dummy;
static struct virtio *const virtio = &dummy.virtio;
static int lines_fd; /* what was logged */

static int on_activate(struct virtio *it)
{
	dummy.activations++;
	return dummy.fails ? -EINVAL : 0;
}

static void on_serve(struct virtio *it, unsigned int queue)
{
	static struct chain chain;

	dummy.serves++;
	while (dummy.held_count < HOLD_MAX) {
		if (!virtio_take(it, queue, &chain)) {
			if (!virtio_want_kicks(it, queue))
				break;
			continue;
		}
		dummy.takes++;
		dummy.held[dummy.held_count] = chain;
		dummy.held_queue[dummy.held_count++] = queue;
		if (!dummy.holds) {
			dummy.held_count--;
			virtio_return(it, queue, &chain, (uint32_t)chain.writable_bytes);
		}
	}
	virtio_flush(it, queue);
}

static bool on_reset(struct virtio *it)
{
	dummy.resets++;
	return dummy.held_count == 0;
}

static const struct virtio_type dummy_type = {
	.name = "dummy",
	.id = 4,
	.activate = on_activate,
	.serve = on_serve,
	.reset = on_reset,
};

static void hold_end(void)
{
	while (dummy.held_count > 0) {
		dummy.held_count--;
		virtio_return(virtio, dummy.held_queue[dummy.held_count],
			      &dummy.held[dummy.held_count], 0);
	}
}

static void open_device(void)
{
	struct virtio_config config = {
		.type = &dummy_type,
		.name = "dummy 7",
		.features = VIRTIO_FEATURE(FEATURE_A) | VIRTIO_FEATURE(FEATURE_B),
		.queues = QUEUES,
		.queue_size = QUEUE_SIZE,
		.config = dummy.config,
		.config_size = sizeof(dummy.config),
	};
	struct fail why;

	memset(&dummy, 0, sizeof(dummy));
	driver_open(&driver);
	config.gmem = driver.gmem;
	config.loop = driver.loop;
	ck_assert_int_eq(virtio_init(virtio, &config, &why), 0);
	driver_attach(&driver, virtio);
	lines_fd = memfd_create("lines", MFD_CLOEXEC);
	ck_assert_int_ge(lines_fd, 0);
	ck_assert_int_ge(dup2(lines_fd, STDERR_FILENO), 0);
}

static void start(void)
{
	open_device();
	driver_start(&driver, DRIVER_EVERYTHING);
}

static void stop(void)
{
	virtio_done(virtio);
	driver_close(&driver);
	close(lines_fd);
}

static unsigned int lines_logged(void)
{
	char text[4096];
	ssize_t length = pread(lines_fd, text, sizeof(text), 0);
	unsigned int lines = 0;

	for (ssize_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

static void add_one(unsigned int queue)
{
	const struct driver_part part = { .gpa = GMEM_PAGE_SIZE, .length = 8, .is_writable = true };

	driver_add(&driver, queue, &part, 1);
	driver_kick(&driver, queue);
}

/* A chain that lies outside of RAM. */
static void add_wrong(unsigned int queue)
{
	const struct driver_part part = { .gpa = DRIVER_MEMORY - 4, .length = 8 };

	driver_add(&driver, queue, &part, 1);
	driver_kick(&driver, queue);
}

static bool is_active(struct driver *it, const void *context)
{
	return virtio->phase == VIRTIO_ACTIVE && dummy.activations > 0;
}

static struct virtio_queue_settings settings_of(unsigned int queue)
{
	struct virtio_queue_settings settings;

	virtio_read_queue(virtio, queue, &settings);
	return settings;
}

/* ---------------------------------------------------------------------------- core */

START_TEST(a_driver_starts_it_and_is_served)
{
	start();
	ck_assert_uint_eq(dummy.activations, 1);
	ck_assert_uint_eq(virtio_read_status(virtio), ACKNOWLEDGED | FEATURES_OK | DRIVER_OK);
	for (unsigned int i = 0; i < QUEUES; i++) {
		add_one(i);
		ck_assert_uint_eq(driver_wait(&driver, i).written, 8);
		ck_assert_uint_gt(driver.queues[i].notifications, 0);
	}
	ck_assert_uint_eq(lines_logged(), 0);
	stop();
}
END_TEST

/* What came before DRIVER_OK was not heard, so all queues are looked at then. */
START_TEST(what_waits_when_it_starts_is_served)
{
	start();
	ck_assert_uint_eq(dummy.serves, QUEUES);
	driver_reset(&driver);
	ck_assert_uint_eq(dummy.resets, 1);
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(dummy.serves, 2 * QUEUES);
	ck_assert_uint_eq(dummy.activations, 2);
	stop();
}
END_TEST

START_TEST(a_reset_forgets_what_was_set)
{
	start();
	driver_reset(&driver);
	ck_assert_uint_eq(driver.resets, 1);
	ck_assert_uint_eq(virtio_read_features(virtio, 0), 0);
	ck_assert_uint_eq(virtio_read_features(virtio, 1), 0);
	for (unsigned int i = 0; i < QUEUES; i++) {
		struct virtio_queue_settings settings = settings_of(i);

		ck_assert_uint_eq(settings.place.size, QUEUE_SIZE);
		ck_assert_uint_eq(settings.place.descriptors, 0);
		ck_assert_uint_eq(settings.place.available, 0);
		ck_assert_uint_eq(settings.place.used, 0);
		ck_assert(!settings.is_enabled);
	}
	stop();
}
END_TEST

/* Every driver begins with it, and sleeps if the answer takes time. */
START_TEST(an_idle_device_is_reset_on_the_spot)
{
	struct virtio_queue_settings settings;

	open_device();
	virtio_write_status(virtio, ACKNOWLEDGED);
	settings = settings_of(1);
	settings.place.size = 8;
	settings.is_enabled = true;
	virtio_write_queue(virtio, 1, &settings);
	ck_assert_uint_eq(settings_of(1).place.size, 8);
	virtio_write_status(virtio, 0);
	ck_assert_uint_eq(virtio_read_status(virtio), 0);
	ck_assert_uint_eq(settings_of(1).place.size, QUEUE_SIZE);
	ck_assert_uint_eq(driver.resets, 1);
	ck_assert_uint_eq(dummy.resets, 0);
	stop();
}
END_TEST

static void config_change(void *context)
{
	memset(dummy.config, *(uint8_t *)context, sizeof(dummy.config));
}

START_TEST(a_change_of_the_configuration_is_told_from_driver_ok_on)
{
	uint8_t value = 1, seen[sizeof(dummy.config)], generation;

	open_device();
	generation = virtio_read_generation(virtio);
	virtio_change_config(virtio, config_change, &value);
	ck_assert_uint_ne(virtio_read_generation(virtio), generation);
	ck_assert_uint_eq(driver.config_notifications, 0);
	virtio_write_features(virtio, 1, 1);
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK);
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK | DRIVER_OK);
	/* the I/O thread has not seen that yet, but the guest relies on it */
	virtio_change_config(virtio, config_change, &value);
	ck_assert_uint_eq(driver.config_notifications, 1);
	driver_run_until(&driver, is_active, NULL);
	value = 9;
	virtio_change_config(virtio, config_change, &value);
	ck_assert_uint_eq(driver.config_notifications, 2);
	virtio_read_config(virtio, 0, seen, sizeof(seen));
	ck_assert_uint_eq(seen[0], 9);
	driver_reset(&driver);
	virtio_change_config(virtio, config_change, &value);
	ck_assert_uint_eq(driver.config_notifications, 2);
	stop();
}
END_TEST

/* -------------------------------------------------------------------------- limits */

START_TEST(the_configuration_ends_where_it_ends)
{
	static const uint32_t far[] = { 4096, 0x7fffffff, UINT32_MAX - 7, UINT32_MAX };
	uint8_t bytes[8], ones = 0xff;

	open_device();
	config_change(&ones);
	for (uint32_t offset = 0; offset < 2 * sizeof(dummy.config); offset++)
		for (uint32_t size = 1; size <= 8; size++) {
			virtio_read_config(virtio, offset, bytes, size);
			for (uint32_t i = 0; i < size; i++)
				ck_assert_uint_eq(bytes[i],
						  offset + i < sizeof(dummy.config) ? 0xff : 0);
		}
	for (size_t i = 0; i < ARRAY_SIZE(far); i++) {
		virtio_read_config(virtio, far[i], bytes, 8);
		ck_assert_uint_eq(bytes[0] | bytes[7], 0);
		virtio_write_config(virtio, far[i], bytes, 8);
	}
	virtio_write_config(virtio, 0, bytes, 8); /* nobody takes it */
	ck_assert_uint_eq(dummy.config[0], 0xff);
	stop();
}
END_TEST

START_TEST(sizes_that_cannot_be_are_ignored)
{
	open_device();
	for (unsigned int size = 0; size <= UINT16_MAX; size++) {
		struct virtio_queue_settings settings = settings_of(2);
		uint16_t before = settings.place.size;
		bool can_be = size > 0 && size <= QUEUE_SIZE && (size & (size - 1)) == 0;

		settings.place.size = (uint16_t)size;
		virtio_write_queue(virtio, 2, &settings);
		ck_assert_uint_eq(settings_of(2).place.size, can_be ? size : before);
	}
	stop();
}
END_TEST

/* -------------------------------------------------------------------------- misuse */

START_TEST(features_that_are_not_offered_stop_the_driver)
{
	open_device();
	virtio_write_status(virtio, ACKNOWLEDGED);
	virtio_write_features(virtio, 0, 1u << (FEATURE_A + 1));
	virtio_write_features(virtio, 1, 1);
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK);
	ck_assert_uint_eq(virtio_read_status(virtio), ACKNOWLEDGED);
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK | DRIVER_OK);
	ck_assert_uint_eq(virtio_read_status(virtio), ACKNOWLEDGED);
	virtio_write_features(virtio, 0, 1u << FEATURE_A);
	virtio_write_features(virtio, 1, 0); /* without VERSION_1 */
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK);
	ck_assert_uint_eq(virtio_read_status(virtio), ACKNOWLEDGED);
	virtio_write_features(virtio, 1, 1u | 1u << (FEATURE_B - 32));
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK);
	ck_assert_uint_eq(virtio_read_status(virtio), ACKNOWLEDGED | FEATURES_OK);
	ck_assert_int_eq(virtio->phase, VIRTIO_IDLE);
	stop();
}
END_TEST

START_TEST(there_are_64_features)
{
	static const unsigned int halves[] = { 2, 3, 32, 0x80000000, UINT32_MAX };

	open_device();
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		virtio_write_features(virtio, halves[i], UINT32_MAX);
		ck_assert_uint_eq(virtio_read_features(virtio, halves[i]), 0);
		ck_assert_uint_eq(virtio->driver_features, 0);
	}
	stop();
}
END_TEST

START_TEST(late_features_are_ignored)
{
	uint32_t low;

	open_device();
	virtio_write_features(virtio, 1, 1);
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK);
	virtio_write_features(virtio, 0, 1u << FEATURE_A);
	ck_assert_uint_eq(virtio_read_features(virtio, 0), 0);
	virtio_write_status(virtio, 0);
	driver_start(&driver, DRIVER_EVERYTHING);
	low = virtio_read_features(virtio, 0);
	virtio_write_features(virtio, 0, 0);
	virtio_write_features(virtio, 1, UINT32_MAX);
	ck_assert_uint_eq(virtio_read_features(virtio, 0), low);
	ck_assert(virtio_has_feature(virtio, FEATURE_B));
	ck_assert(!virtio_has_feature(virtio, FEATURE_B + 1));
	stop();
}
END_TEST

START_TEST(driver_ok_needs_features_ok)
{
	open_device();
	virtio_write_status(virtio, ACKNOWLEDGED | DRIVER_OK);
	ck_assert_uint_eq(virtio_read_status(virtio), ACKNOWLEDGED);
	virtio_write_status(virtio, 0xff); /* all at once: no VERSION_1 yet */
	ck_assert_uint_eq(virtio_read_status(virtio) & (FEATURES_OK | DRIVER_OK | NEEDS_RESET), 0);
	driver_settle(&driver);
	ck_assert_uint_eq(dummy.activations, 0);
	stop();
}
END_TEST

START_TEST(no_bit_of_the_status_is_cleared_but_by_a_reset)
{
	const uint8_t active = ACKNOWLEDGED | FEATURES_OK | DRIVER_OK;

	start();
	for (unsigned int value = 1; value < 256; value++) {
		virtio_write_status(virtio, (uint8_t)value);
		ck_assert_uint_eq(virtio_read_status(virtio) & active, active);
		ck_assert_uint_eq(virtio_read_status(virtio) & NEEDS_RESET, 0);
	}
	driver_settle(&driver);
	ck_assert_uint_eq(dummy.activations, 1);
	stop();
}
END_TEST

/* CVE-2026-5747 elsewhere: a queue made larger under a running device. */
START_TEST(queues_are_frozen_while_it_runs)
{
	struct virtio_queue_settings settings[QUEUES], now;

	start();
	for (unsigned int i = 0; i < QUEUES; i++) {
		settings[i] = now = settings_of(i);
		now.place.size = now.place.size == 1 ? 2 : 1;
		virtio_write_queue(virtio, i, &now);
		now.place = (struct virtqueue_place){ UINT64_MAX, UINT64_MAX, UINT64_MAX, 64 };
		now.is_enabled = false;
		virtio_write_queue(virtio, i, &now);
		now = settings_of(i);
		ck_assert_mem_eq(&now.place, &settings[i].place, sizeof(uint64_t) * 3);
		ck_assert_uint_eq(now.place.size, settings[i].place.size);
		ck_assert(now.is_enabled);
		ck_assert_uint_eq(virtio->queues[i].size, settings[i].place.size);
		add_one(i);
		ck_assert_uint_eq(driver_wait(&driver, i).written, 8);
	}
	stop();
}
END_TEST

START_TEST(a_queue_is_frozen_once_it_is_enabled)
{
	struct virtio_queue_settings settings;

	open_device();
	settings = settings_of(0);
	settings.is_enabled = true;
	virtio_write_queue(virtio, 0, &settings);
	settings.place.size = 2;
	settings.place.used = 0x5000;
	settings.is_enabled = false;
	virtio_write_queue(virtio, 0, &settings);
	ck_assert_uint_eq(settings_of(0).place.size, QUEUE_SIZE);
	ck_assert_uint_eq(settings_of(0).place.used, 0);
	ck_assert(settings_of(0).is_enabled);
	stop();
}
END_TEST

START_TEST(kicks_of_what_does_not_run_are_nothing)
{
	struct virtio_queue_settings settings;

	open_device();
	for (unsigned int i = 0; i < QUEUES; i++)
		driver_kick(&driver, i);
	driver_settle(&driver);
	ck_assert_uint_eq(dummy.serves, 0);
	/* only queue 1 is enabled */
	settings = settings_of(1);
	settings.place = (struct virtqueue_place){ 0x1000, 0x2000, 0x3000, 8 };
	settings.is_enabled = true;
	virtio_write_queue(virtio, 1, &settings);
	virtio_write_features(virtio, 1, 1);
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK);
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK | DRIVER_OK);
	driver_run_until(&driver, is_active, NULL);
	ck_assert_uint_eq(dummy.serves, 1);
	driver_kick(&driver, 0);
	driver_kick(&driver, 2);
	driver_settle(&driver);
	ck_assert_uint_eq(dummy.serves, 1);
	/* too late for another */
	virtio_write_queue(virtio, 2, &settings);
	ck_assert(!settings_of(2).is_enabled);
	ck_assert_uint_eq(settings_of(2).place.used, 0);
	ck_assert_uint_eq(lines_logged(), 0);
	stop();
}
END_TEST

/* Sets up one queue there and says DRIVER_OK. */
static void start_at(struct virtqueue_place place)
{
	struct virtio_queue_settings settings = { .place = place, .is_enabled = true };

	virtio_write_status(virtio, ACKNOWLEDGED);
	virtio_write_features(virtio, 1, 1);
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK);
	virtio_write_queue(virtio, 0, &settings);
	virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK | DRIVER_OK);
}

START_TEST(a_queue_that_cannot_be_stops_the_device_and_says_so_once)
{
	const struct virtqueue_place places[] = {
		{ DRIVER_MEMORY, 0x2000, 0x3000, 8 },	{ 0x1000, DRIVER_MEMORY - 16, 0x3000, 8 },
		{ 0x1000, 0x2000, GMEM_HOLE_START, 8 }, { 0x1001, 0x2000, 0x3000, 8 },
		{ UINT64_MAX - 15, 0x2000, 0x3000, 8 },
	};

	open_device();
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		start_at(places[i]);
		driver_wait_refusal(&driver);
		ck_assert_uint_eq(driver.config_notifications, i + 1);
		ck_assert_uint_eq(dummy.activations, 0);
		driver_kick(&driver, 0);
		driver_settle(&driver);
		ck_assert_uint_eq(dummy.serves, 0);
		driver_reset(&driver);
		ck_assert_uint_eq(lines_logged(), 1);
	}
	driver_start(&driver, DRIVER_EVERYTHING);
	add_one(0);
	driver_wait(&driver, 0);
	stop();
}
END_TEST

START_TEST(a_wrong_chain_stops_the_device_and_is_said_once)
{
	start();
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int takes = dummy.takes;

		add_wrong(i % QUEUES);
		driver_wait_refusal(&driver);
		ck_assert_uint_eq(driver.config_notifications, i + 1);
		/* all of it stands still, until the reset and no longer */
		for (unsigned int queue = 0; queue < QUEUES; queue++)
			add_one(queue);
		driver_settle(&driver);
		ck_assert_uint_eq(dummy.takes, takes);
		ck_assert_uint_eq(lines_logged(), 1);
		virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK | DRIVER_OK);
		ck_assert_uint_ne(virtio_read_status(virtio) & NEEDS_RESET, 0);
		driver_reset(&driver);
		driver_start(&driver, DRIVER_EVERYTHING);
		add_one(0);
		ck_assert_uint_eq(driver_wait(&driver, 0).written, 8);
	}
	stop();
}
END_TEST

START_TEST(what_was_in_flight_before_a_wrong_chain_comes_back)
{
	start();
	dummy.holds = true;
	add_one(0);
	add_wrong(1);
	driver_wait_refusal(&driver);
	driver_settle(&driver);
	ck_assert_uint_eq(dummy.held_count, 1);
	hold_end();
	ck_assert_uint_eq(driver_wait(&driver, 0).written, 0);
	driver_reset(&driver);
	stop();
}
END_TEST

START_TEST(a_device_that_cannot_work_says_so)
{
	open_device();
	dummy.fails = true;
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_ne(virtio_read_status(virtio) & NEEDS_RESET, 0);
	ck_assert_uint_eq(dummy.serves, 0);
	dummy.fails = false;
	driver_reset(&driver);
	driver_start(&driver, DRIVER_EVERYTHING);
	ck_assert_uint_eq(virtio_read_status(virtio) & NEEDS_RESET, 0);
	ck_assert_uint_eq(lines_logged(), 1);
	stop();
}
END_TEST

/* The guest sees a status that is not 0 until nothing of it is touched any more. */
START_TEST(a_reset_waits_for_what_is_in_flight)
{
	struct virtio_queue_settings settings;

	start();
	dummy.holds = true;
	add_one(0);
	add_one(2);
	driver_settle(&driver);
	ck_assert_uint_eq(dummy.held_count, 2);
	for (unsigned int i = 0; i < 5; i++) {
		virtio_write_status(virtio, 0);
		driver_settle(&driver);
		ck_assert_uint_ne(virtio_read_status(virtio), 0);
		virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK | DRIVER_OK);
		virtio_write_features(virtio, 0, 0);
		settings = settings_of(0);
		settings.place.size = 2;
		virtio_write_queue(virtio, 0, &settings);
		add_one(1);
		loop_wake(virtio->change); /* as a late turn of the loop would */
	}
	driver_settle(&driver);
	ck_assert_uint_eq(dummy.takes, 2);
	ck_assert_uint_eq(dummy.resets, 1);
	ck_assert_uint_eq(dummy.activations, 1);
	ck_assert_uint_ne(settings_of(0).place.size, 2);
	ck_assert_uint_eq(driver.resets, 0);
	hold_end();
	virtio_drained(virtio);
	ck_assert_uint_eq(virtio_read_status(virtio), 0);
	ck_assert_uint_eq(driver.resets, 1);
	dummy.holds = false;
	driver_start(&driver, DRIVER_EVERYTHING);
	add_one(0);
	ck_assert_uint_eq(driver_wait(&driver, 0).written, 8);
	stop();
}
END_TEST

START_TEST(a_device_that_is_being_reset_does_not_complain)
{
	start();
	dummy.holds = true;
	add_one(0);
	driver_settle(&driver);
	virtio_write_status(virtio, 0);
	driver_settle(&driver);
	virtio_refuse(virtio, "a request makes no sense");
	ck_assert_uint_eq(virtio_read_status(virtio) & NEEDS_RESET, 0);
	virtio_drop(virtio, 0);
	dummy.held_count = 0;
	virtio_drained(virtio);
	ck_assert_uint_eq(virtio_read_status(virtio), 0);
	stop();
}
END_TEST

/* All of it before the I/O thread has looked once. */
START_TEST(a_reset_may_come_before_the_start)
{
	open_device();
	for (unsigned int i = 0; i < 100; i++) {
		virtio_write_features(virtio, 1, 1);
		virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK);
		virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK | DRIVER_OK);
		virtio_write_status(virtio, 0);
		virtio_write_status(virtio, 0);
		virtio_write_status(virtio, ACKNOWLEDGED | FEATURES_OK | DRIVER_OK);
		ck_assert_uint_ne(virtio_read_status(virtio), 0);
		driver_reset(&driver);
		ck_assert_uint_eq(driver.resets, i + 1);
	}
	ck_assert_uint_eq(dummy.activations, 0);
	ck_assert_uint_eq(dummy.resets, 0);
	stop();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_driver_starts_it_and_is_served },
	{ "core", &what_waits_when_it_starts_is_served },
	{ "core", &a_reset_forgets_what_was_set },
	{ "core", &an_idle_device_is_reset_on_the_spot },
	{ "core", &a_change_of_the_configuration_is_told_from_driver_ok_on },
	{ "limits", &the_configuration_ends_where_it_ends },
	{ "limits", &sizes_that_cannot_be_are_ignored },
	{ "misuse", &features_that_are_not_offered_stop_the_driver },
	{ "misuse", &there_are_64_features },
	{ "misuse", &late_features_are_ignored },
	{ "misuse", &driver_ok_needs_features_ok },
	{ "misuse", &no_bit_of_the_status_is_cleared_but_by_a_reset },
	{ "misuse", &queues_are_frozen_while_it_runs },
	{ "misuse", &a_queue_is_frozen_once_it_is_enabled },
	{ "misuse", &kicks_of_what_does_not_run_are_nothing },
	{ "misuse", &a_queue_that_cannot_be_stops_the_device_and_says_so_once },
	{ "misuse", &a_wrong_chain_stops_the_device_and_is_said_once },
	{ "misuse", &what_was_in_flight_before_a_wrong_chain_comes_back },
	{ "misuse", &a_device_that_cannot_work_says_so },
	{ "faults", &a_reset_waits_for_what_is_in_flight },
	{ "faults", &a_device_that_is_being_reset_does_not_complain },
	{ "faults", &a_reset_may_come_before_the_start },
};
SUITE_MAIN("virtio", tests)
