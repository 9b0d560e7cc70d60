/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_io_thread.c - the thread of the devices: pauses, ends, and a guest whose
 * processors reset, kick and rewrite a device at the same time
 *
 * The storms look for races: they are worth most under the thread sanitizer.
 */
#include "devices/io_thread.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "devices/virtio.h"

#include "tests/unit/suite.h"

#define RAM	    (UINT64_C(1) << 20)
#define QUEUES	    2u
#define SIZE	    8u
#define ROUNDS	    300u
#define PATIENCE_NS (30 * NS_PER_SEC)
#define READY	    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

static struct io_thread *thread;
static struct gmem *gmem;
static atomic_uint calls;
static struct fail why;

/* ---------------------------------------------------------------------------- core */

static void on_call(void *context)
{
	atomic_fetch_add(&calls, 1);
}

static struct loop_source *start(void)
{
	struct loop_source *source;

	atomic_store(&calls, 0);
	ck_assert_int_eq(io_thread_create(&thread), 0);
	ck_assert_int_eq(loop_add_wake(io_thread_loop(thread), on_call, NULL, &source), 0);
	ck_assert_int_eq(io_thread_start(thread, &why), 0);
	return source;
}

static void await_calls(unsigned int count)
{
	const struct timespec moment = { .tv_nsec = 1000 * 1000 };
	uint64_t deadline = now_ns() + 30 * NS_PER_SEC;

	while (atomic_load(&calls) < count) {
		ck_assert_msg(now_ns() < deadline, "the thread does not call");
		nanosleep(&moment, NULL);
	}
}

START_TEST(its_callbacks_run_until_it_stops)
{
	struct loop_source *source = start();

	for (unsigned int i = 1; i <= 3; i++) {
		loop_wake(source);
		await_calls(i);
	}
	ck_assert_int_eq(io_thread_stop(thread, PATIENCE_NS), 0);
	ck_assert_int_eq(io_thread_stop(thread, PATIENCE_NS), 0);
	loop_wake(source);
	ck_assert_uint_eq(atomic_load(&calls), 3);
	/* and what came in between is not lost */
	ck_assert_int_eq(io_thread_start(thread, &why), 0);
	await_calls(4);
	io_thread_free(thread);
}
END_TEST

START_TEST(nothing_is_called_during_a_pause)
{
	struct loop_source *source = start();

	for (unsigned int i = 0; i < 200; i++) {
		unsigned int before;

		loop_wake(source);
		ck_assert_int_eq(io_thread_pause(thread, PATIENCE_NS), 0);
		before = atomic_load(&calls);
		loop_wake(source);
		sched_yield();
		ck_assert_uint_eq(atomic_load(&calls), before);
		io_thread_resume(thread);
		await_calls(before + 1);
	}
	io_thread_free(thread);
}
END_TEST

START_TEST(a_pause_may_come_before_the_start)
{
	struct loop_source *source;

	atomic_store(&calls, 0);
	ck_assert_int_eq(io_thread_create(&thread), 0);
	ck_assert_int_eq(io_thread_pause(thread, PATIENCE_NS), 0);
	ck_assert_int_eq(loop_add_wake(io_thread_loop(thread), on_call, NULL, &source), 0);
	ck_assert_int_eq(io_thread_start(thread, &why), 0);
	io_thread_resume(thread);
	loop_wake(source);
	await_calls(1);
	io_thread_free(thread);
}
END_TEST

START_TEST(a_paused_thread_can_be_stopped)
{
	start();
	ck_assert_int_eq(io_thread_pause(thread, PATIENCE_NS), 0);
	ck_assert_int_eq(io_thread_stop(thread, PATIENCE_NS), 0);
	io_thread_resume(thread);
	ck_assert_int_eq(io_thread_start(thread, &why), 0);
	ck_assert_int_eq(io_thread_pause(thread, PATIENCE_NS), 0);
	io_thread_free(thread);
	io_thread_free(NULL);
}
END_TEST

/* As in a file system that hangs. */
static void on_hang(void *context)
{
	const int *pipe_fds = context;
	char byte;

	atomic_fetch_add(&calls, 1);
	ck_assert_int_eq(read(pipe_fds[0], &byte, 1), 1);
}

START_TEST(a_callback_that_hangs_is_not_waited_for)
{
	struct loop_source *source;
	int fds[2];

	atomic_store(&calls, 0);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(io_thread_create(&thread), 0);
	ck_assert_int_eq(loop_add_wake(io_thread_loop(thread), on_hang, fds, &source), 0);
	ck_assert_int_eq(io_thread_start(thread, &why), 0);
	loop_wake(source);
	await_calls(1);
	ck_assert_int_eq(io_thread_pause(thread, NS_PER_MS), -ETIMEDOUT);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	loop_wake(source); /* there is no pause */
	await_calls(2);
	ck_assert_int_eq(io_thread_stop(thread, NS_PER_MS), -ETIMEDOUT);
	ck_assert(io_thread_runs(thread));
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(io_thread_stop(thread, PATIENCE_NS), 0);
	ck_assert(!io_thread_runs(thread));
	io_thread_free(thread);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* -------------------------------------------------------------------------- storms */

/* A device that keeps each chain until a timer fires, and counts that none is lost. */
static struct slow {
	struct virtio virtio;
	struct loop_source *timer;
	struct chain chain;
	uint64_t held_bytes[QUEUES * SIZE];
	uint16_t held_heads[QUEUES * SIZE];
	unsigned int held_queues[QUEUES * SIZE];
	unsigned int held;
	bool is_draining;
	unsigned long taken, given, activations, resets;
	uint8_t config[16];
} slow;

static void on_serve(struct virtio *virtio, unsigned int queue)
{
	for (unsigned int turn = 0; turn < SIZE; turn++) {
		if (slow.held == ARRAY_SIZE(slow.held_heads))
			break;
		if (!virtio_take(virtio, queue, &slow.chain)) {
			if (!virtio_want_kicks(virtio, queue))
				break;
			continue;
		}
		slow.held_heads[slow.held] = slow.chain.head;
		slow.held_bytes[slow.held] = slow.chain.writable_bytes;
		slow.held_queues[slow.held++] = queue;
		slow.taken++;
	}
	if (slow.held > 0)
		loop_arm(slow.timer, 20000);
	virtio_flush(virtio, queue);
}

static void on_timer(void *context)
{
	bool is_draining = slow.is_draining;

	while (slow.held > 0) {
		struct chain *chain = &slow.chain;

		slow.held--;
		slow.given++;
		chain->head = slow.held_heads[slow.held];
		chain->writable_bytes = slow.held_bytes[slow.held];
		if (is_draining && slow.held % 2)
			virtio_drop(&slow.virtio, slow.held_queues[slow.held]);
		else
			virtio_return(&slow.virtio, slow.held_queues[slow.held], chain, 0);
	}
	for (unsigned int i = 0; i < QUEUES; i++)
		virtio_flush(&slow.virtio, i);
	slow.is_draining = false;
	if (is_draining)
		virtio_drained(&slow.virtio);
}

static int on_activate(struct virtio *virtio)
{
	ck_assert_uint_eq(slow.held, 0);
	slow.activations++;
	return 0;
}

static bool on_reset(struct virtio *virtio)
{
	slow.resets++;
	slow.is_draining = slow.held > 0;
	return slow.held == 0;
}

static void on_config_write(struct virtio *virtio, uint32_t offset, const void *bytes,
			    uint32_t size)
{
	memcpy(slow.config + offset, bytes, size);
}

static const struct virtio_type slow_type = {
	.name = "slow",
	.id = 4,
	.activate = on_activate,
	.serve = on_serve,
	.reset = on_reset,
	.config_write = on_config_write,
};

static atomic_ulong queue_notifications, config_notifications, resets;

static void on_notify_queue(void *context, unsigned int queue)
{
	atomic_fetch_add(&queue_notifications, 1);
}

static void on_notify_config(void *context)
{
	atomic_fetch_add(&config_notifications, 1);
}

static int on_call_fd(void *context, unsigned int queue)
{
	return -1;
}

static void on_was_reset(void *context)
{
	atomic_fetch_add(&resets, 1);
}

static const struct virtio_carrier_ops carrier_ops = {
	.notify_queue = on_notify_queue,
	.notify_config = on_notify_config,
	.queue_call_fd = on_call_fd,
	.was_reset = on_was_reset,
};

static void storm_open(void)
{
	struct virtio_config config = {
		.type = &slow_type,
		.name = "slow",
		.queues = QUEUES,
		.queue_size = SIZE,
		.config = slow.config,
		.config_size = sizeof(slow.config),
	};

	memset(&slow, 0, sizeof(slow));
	ck_assert_int_eq(gmem_create(RAM, &gmem, &why), 0);
	ck_assert_int_eq(io_thread_create(&thread), 0);
	config.gmem = gmem;
	config.loop = io_thread_loop(thread);
	ck_assert_int_eq(loop_add_timer(config.loop, on_timer, NULL, &slow.timer), 0);
	ck_assert_int_eq(virtio_init(&slow.virtio, &config, &why), 0);
	virtio_set_carrier(&slow.virtio, &carrier_ops, NULL);
	ck_assert_int_eq(io_thread_start(thread, &why), 0);
}

static void storm_close(void)
{
	ck_assert_int_eq(io_thread_stop(thread, PATIENCE_NS), 0);
	ck_assert_uint_eq(slow.taken, slow.given);
	ck_assert_uint_eq(slow.held, 0);
	virtio_done(&slow.virtio);
	io_thread_free(thread);
	gmem_free(gmem);
}

/* Rings whose available index has run ahead, sometimes too far; the parts are all one. */
static void rings_write(unsigned int queue, unsigned int round)
{
	struct virtio_queue_settings settings = {
		.place = { 0x10000 * (queue + 1), 0x10000 * (queue + 1) + 0x1000,
			   0x10000 * (queue + 1) + 0x2000, SIZE },
		.is_enabled = true,
	};
	struct vring_desc desc = { .addr = round % 7 == 0 ? RAM : 0x8000,
				   .len = 16,
				   .flags = VRING_DESC_F_WRITE };
	const uint16_t index = round % 11 == 0 ? 100 : SIZE;
	const uint16_t zero[2 + SIZE] = { 0, index };

	for (unsigned int i = 0; i < SIZE; i++)
		ck_assert_int_eq(
			gmem_write(gmem, settings.place.descriptors + 16 * i, &desc, sizeof(desc)),
			0);
	ck_assert_int_eq(gmem_write(gmem, settings.place.available, zero, sizeof(zero)), 0);
	virtio_write_queue(&slow.virtio, queue, &settings);
}

/* Written to by who resets, while nobody else of the guest writes to the rings. */
static void reset_and_start(unsigned int round)
{
	const struct timespec moment = { .tv_nsec = 10000 };
	uint64_t deadline = now_ns() + 30 * NS_PER_SEC;
	struct virtio *virtio = &slow.virtio;

	virtio_write_status(virtio, 0);
	while (round % 5 != 0 && virtio_read_status(virtio) != 0) {
		ck_assert_msg(now_ns() < deadline, "the reset does not end");
		nanosleep(&moment, NULL);
	}
	virtio_write_status(virtio, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	virtio_write_features(virtio, 0, round % 2 ? 1u << VIRTIO_RING_F_EVENT_IDX : 0);
	virtio_write_features(virtio, 1, 1);
	virtio_write_status(virtio, READY);
	if (virtio->config.queues && round % 5 != 0)
		for (unsigned int i = 0; i < QUEUES; i++)
			rings_write(i, round);
	virtio_write_status(virtio, READY | VIRTIO_CONFIG_S_DRIVER_OK);
}

static atomic_bool storm_rages;

static void *kicker(void *context)
{
	for (unsigned int i = 0; atomic_load(&storm_rages); i++)
		virtio_kick(&slow.virtio, i % QUEUES);
	return NULL;
}

static void change(void *context)
{
	slow.config[0]++;
}

static void *scribbler(void *context)
{
	struct virtio *virtio = &slow.virtio;
	struct virtio_queue_settings settings;
	uint64_t bytes = 0;

	for (unsigned int i = 0; atomic_load(&storm_rages); i++) {
		virtio_read_queue(virtio, i % QUEUES, &settings);
		settings.place.size = (uint16_t)(1u << i % 9);
		settings.is_enabled = i % 3 == 0;
		if (i % 4 == 0)
			settings.place.used = i * UINT64_C(0x1001);
		virtio_write_queue(virtio, i % QUEUES, &settings);
		virtio_write_features(virtio, i % 3, i);
		virtio_read_features(virtio, i % 3);
		virtio_read_status(virtio);
		virtio_write_config(virtio, i % 20, &bytes, 4);
		virtio_read_config(virtio, i % 20, &bytes, 8);
		virtio_read_generation(virtio);
		if (i % 16 == 0)
			virtio_change_config(virtio, change, NULL);
		if (i % 64 == 0)
			virtio_write_status(virtio, READY | VIRTIO_CONFIG_S_DRIVER_OK);
	}
	return NULL;
}

static void await_idle(void)
{
	const struct timespec moment = { .tv_nsec = 1000 * 1000 };
	uint64_t deadline = now_ns() + 30 * NS_PER_SEC;

	virtio_write_status(&slow.virtio, 0);
	while (virtio_read_status(&slow.virtio) != 0) {
		ck_assert_msg(now_ns() < deadline, "the last reset does not end");
		nanosleep(&moment, NULL);
	}
}

START_TEST(resets_and_kicks_from_everywhere_lose_no_chain)
{
	pthread_t threads[2];

	storm_open();
	atomic_store(&storm_rages, true);
	ck_assert_int_eq(pthread_create(&threads[0], NULL, kicker, NULL), 0);
	ck_assert_int_eq(pthread_create(&threads[1], NULL, kicker, NULL), 0);
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		reset_and_start(round);
		if (round % 3 == 0)
			sched_yield();
		if (round % 50 == 0) {
			ck_assert_int_eq(io_thread_pause(thread, PATIENCE_NS), 0);
			io_thread_resume(thread);
		}
	}
	atomic_store(&storm_rages, false);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	await_idle();
	storm_close();
	ck_assert_uint_gt(slow.activations, 0);
	ck_assert_uint_gt(slow.taken, 0);
	ck_assert_uint_eq(slow.activations, slow.resets);
}
END_TEST

START_TEST(registers_written_from_everywhere_leave_a_device_that_works)
{
	pthread_t threads[2];

	storm_open();
	atomic_store(&storm_rages, true);
	ck_assert_int_eq(pthread_create(&threads[0], NULL, kicker, NULL), 0);
	ck_assert_int_eq(pthread_create(&threads[1], NULL, scribbler, NULL), 0);
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		virtio_write_status(&slow.virtio, 0);
		virtio_write_features(&slow.virtio, 1, 1);
		virtio_write_status(&slow.virtio, READY);
		virtio_write_status(&slow.virtio, READY | VIRTIO_CONFIG_S_DRIVER_OK);
	}
	atomic_store(&storm_rages, false);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	await_idle();
	reset_and_start(1);
	await_idle();
	storm_close();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &its_callbacks_run_until_it_stops },
	{ "core", &nothing_is_called_during_a_pause },
	{ "limits", &a_pause_may_come_before_the_start },
	{ "limits", &a_paused_thread_can_be_stopped },
	{ "faults", &a_callback_that_hangs_is_not_waited_for },
	{ "faults", &resets_and_kicks_from_everywhere_lose_no_chain },
	{ "faults", &registers_written_from_everywhere_leave_a_device_that_works },
};
SUITE_MAIN("io_thread", tests)
