/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_discard.c - giving memory back, and pins, on the real kernel
 *
 * First each claim by itself. Then everything at once: writers and devices at full
 * speed, against engines that merge and guests that give pages away at random. A word
 * is zero or what was written to it last, never older and never another's; what a
 * device reads into a pinned page arrives.
 *
 * The device is io_uring with a registered buffer: the kernel has hold of the page from
 * the registration on, and the data from a pipe goes there, whatever the page tables say
 * by then. DISCARD_SECONDS=N lets the last test run for longer.
 */
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/model/expect.h"
#include "tests/model/host.h"

/* Steps */

static void expect_nothing_claimed(const struct host_guest *guest)
{
	for (uint32_t page = 0; page < HOST_PAGES; page++)
		expect(atomic_load(&guest->pins.counts[page]) == 0);
}

static int drop(struct host_guest *guest, uint32_t first, uint32_t count, int over_store)
{
	return remap_ops.drop(&guest->remap, first, count, over_store);
}

static int hold(struct host_guest *guest, uint32_t first, uint32_t count, int over_store)
{
	return remap_ops.hold(&guest->remap, first, count, over_store);
}

static void let_go(struct host_guest *guest, uint32_t first, uint32_t count, int over_store)
{
	remap_ops.unhold(&guest->remap, first, count, over_store);
	remap_ops.wake(&guest->remap, first, count);
}

/* Runs of frames, broken pages among them, own memory between, and nothing at the end. */
static void memory_mix(struct host_guest *guest)
{
	for (uint32_t page = 0; page < 90; page++)
		host_fill(guest, page, 3);
	for (uint32_t run = 0; run < 8; run++) {
		host_map_frames(guest, run * 10, 5, run * 5);
		host_fill(guest, run * 10 + run % 5, 99);
	}
}

/* Giving back */

static void what_is_given_back_is_zero_and_never_a_frame(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	memory_mix(guest);
	expect(host_mappings(guest) == 16);
	expect(drop(guest, 2, 96, 1) == 96);
	for (uint32_t frame = 0; frame < 40; frame++)
		host_frame_fill(host, frame, 77);
	for (uint32_t page = 2; page < 98; page++)
		expect(host_look(guest, page) == LOOK_NONE);
	for (uint32_t page = 2; page < 98; page++)
		expect(page_is_zero(host_page(guest, page)));
	expect(*host_page(guest, 0) == 99); /* broken */
	expect(*host_page(guest, 1) == 77); /* the frame's, outside the range */
	expect(host_mappings(guest) == 2);  /* neighbours have become one again */
	expect_nothing_claimed(guest);
}

static void what_was_given_back_is_memory_like_any_other(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	memory_mix(guest);
	expect(drop(guest, 0, 100, 1) == 100);
	for (uint32_t round = 0; round < 3; round++) {
		host_map_frames(guest, 10, 40, 100 + round * 40); /* so it is registered */
		expect(*host_page(guest, 49) == 40);
		expect(host_mappings(guest) == 3);
		expect(drop(guest, 5, 50, 1) == 50);
		expect(host_mappings(guest) == 1);
		expect(page_is_zero(host_page(guest, 49)));
	}
}

static void own_memory_is_given_back_without_a_new_mapping(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	for (uint32_t page = 0; page < 20; page++)
		host_fill(guest, page, 3);
	expect(drop(guest, 0, 20, 0) == 20);
	expect(drop(guest, 0, 20, 0) == 20); /* it is gone already */
	for (uint32_t page = 0; page < 20; page++)
		expect(host_look(guest, page) == LOOK_NONE);
	expect(host_mappings(guest) == 1);
}

/* With less address space than there is, the kernel maps nothing at all. */
static void a_failure_leaves_pages_as_they_were(struct host *host)
{
	const struct rlimit nothing = { .rlim_cur = 4096, .rlim_max = RLIM_INFINITY };
	struct host_guest *guest = &host->guests[0];
	struct rlimit before;
	int dropped, shared;

	memory_mix(guest);
	expect(hold(guest, 85, 1, 0) == 0);
	expect(getrlimit(RLIMIT_AS, &before) == 0);
	expect(setrlimit(RLIMIT_AS, &nothing) == 0);
	dropped = drop(guest, 0, 80, 1);
	shared = remap_ops.share(&guest->remap, 85, 1, 50);
	let_go(guest, 85, 1, 0);
	expect(setrlimit(RLIMIT_AS, &before) == 0);
	expect(dropped == -ENOMEM && shared == -ENOMEM);
	for (uint32_t page = 0; page < 80; page++) {
		int filling = page % 10 >= 5		   ? 3
			      : page % 10 == page / 10 % 5 ? 99
							   : 1 + (int)page % 10;

		expect(*host_page(guest, page) == filling);
	}
	expect_nothing_claimed(guest);
	expect(drop(guest, 0, 100, 1) == 100);
}

/* Pins */

static void a_pinned_page_is_neither_held_nor_given_back(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	memory_mix(guest);
	expect(pins_take(&guest->pins, 3, 2) == 0);
	expect(pins_take(&guest->pins, 4, 1) == 0);
	expect(hold(guest, 0, 5, 1) == -EBUSY);
	expect(drop(guest, 0, 100, 1) == 3);
	expect(drop(guest, 3, 97, 1) == -EBUSY);
	expect(*host_page(guest, 3) == 4 && *host_page(guest, 4) == 5);
	pins_give(&guest->pins, 3, 2);
	expect(hold(guest, 3, 1, 1) == 0);
	let_go(guest, 3, 1, 1);
	expect(hold(guest, 4, 1, 1) == -EBUSY);
	expect(drop(guest, 3, 97, 1) == 1);
	pins_give(&guest->pins, 4, 1);
	expect(drop(guest, 4, 96, 1) == 96);
	expect_nothing_claimed(guest);
}

/* Nobody waits for a page that could not be held, and nobody who pins it does. */
static void a_hold_that_fails_claims_nothing(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	int rc;

	host_fill(guest, 0, 1); /* the second is not there: old kernels can't hold that */
	rc = hold(guest, 0, 2, 0);
	if (rc == 0)
		let_go(guest, 0, 2, 0);
	expect_nothing_claimed(guest);
	expect(pins_take(&guest->pins, 1, 1) == 0);
	expect(hold(guest, 0, 2, 0) == -EBUSY);
	pins_give(&guest->pins, 1, 1);
	expect_nothing_claimed(guest);
	*host_page(guest, 0) = 2; /* would sleep for ever */
}

struct pinner {
	struct host_guest *guest;
	atomic_bool done;
	pthread_t thread;
};

static void *pinner_run(void *context)
{
	struct pinner *pinner = context;

	expect(pins_take(&pinner->guest->pins, 0, 3) == 0);
	atomic_store(&pinner->done, true);
	return NULL;
}

static void who_pins_a_held_page_waits_for_the_wake(struct host *host)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };
	struct pinner pinner = { .guest = &host->guests[0] };
	struct host_guest *guest = pinner.guest;

	host_map_frames(guest, 0, 3, 0);
	host_fill(guest, 1, 8);
	host_frame_fill(host, 10, 8);
	expect(hold(guest, 1, 1, 1) == 0);
	expect(pthread_create(&pinner.thread, NULL, pinner_run, &pinner) == 0);
	nanosleep(&moment, NULL);
	expect(!atomic_load(&pinner.done));
	expect(remap_ops.share(&guest->remap, 1, 1, 10) == 0);
	nanosleep(&moment, NULL);
	expect(!atomic_load(&pinner.done));
	remap_ops.wake(&guest->remap, 1, 1);
	expect(pthread_join(pinner.thread, NULL) == 0);
	expect(hold(guest, 1, 1, 1) == -EBUSY);
	pins_give(&guest->pins, 0, 3);
	expect_nothing_claimed(guest);
}

/* A device */

struct device {
	struct io_uring ring;
	int fds[2]; /* what is written to the pipe is what the disk delivers */
};

/* Returns whether io_uring is there, and may pin. */
static bool device_open(struct device *device)
{
	if (io_uring_queue_init(4, &device->ring, 0) < 0)
		return false;
	expect(pipe(device->fds) == 0);
	return true;
}

static void device_close(struct device *device)
{
	io_uring_queue_exit(&device->ring);
	close(device->fds[0]);
	close(device->fds[1]);
}

/* The kernel takes hold of the page; data comes later. */
static void read_begin(struct device *device, uint64_t *word)
{
	struct iovec buffer = { .iov_base = word, .iov_len = sizeof(*word) };
	struct io_uring_sqe *sqe = io_uring_get_sqe(&device->ring);

	expect(sqe && io_uring_register_buffers(&device->ring, &buffer, 1) == 0);
	io_uring_prep_read_fixed(sqe, device->fds[0], word, sizeof(*word), 0, 0);
	expect(io_uring_submit(&device->ring) == 1);
}

static void read_complete(struct device *device, uint64_t value)
{
	struct io_uring_cqe *cqe;

	expect(write(device->fds[1], &value, sizeof(value)) == (ssize_t)sizeof(value));
	expect(io_uring_wait_cqe(&device->ring, &cqe) == 0);
	expect(cqe->res == (int)sizeof(value));
	io_uring_cqe_seen(&device->ring, cqe);
	expect(io_uring_unregister_buffers(&device->ring) == 0);
}

static uint64_t *word_of(struct host_guest *guest, uint32_t page, uint32_t number)
{
	return (uint64_t *)(uintptr_t)host_page(guest, page) + number;
}

/* Tries to put a frame, and then nothing, where the page is. */
static void exchange(struct host_guest *guest, uint32_t page)
{
	host_frame_fill(guest->host, 60, 0);
	if (hold(guest, page, 1, 0) == 0) {
		expect(remap_ops.share(&guest->remap, page, 1, 60) == 0);
		remap_ops.wake(&guest->remap, page, 1);
	}
	(void)drop(guest, page, 1, 1);
}

static void data_on_its_way_arrives_where_the_page_is_pinned(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct device device;

	if (!device_open(&device)) {
		printf("  not tried: no io_uring here\n");
		return;
	}
	for (uint32_t page = 0; page < 2; page++) {
		bool pinned = page == 0;

		host_fill(guest, page, 0);
		if (pinned)
			expect(pins_take(&guest->pins, page, 1) == 0);
		read_begin(&device, word_of(guest, page, 5));
		exchange(guest, page);
		read_complete(&device, 4711);
		/* without a pin it is lost: that is what pins are for */
		expect(*word_of(guest, page, 5) == (pinned ? 4711 : 0));
		if (pinned)
			pins_give(&guest->pins, page, 1);
	}
	device_close(&device);
}

/* Everything at once */

enum { WRITERS = 3 };

struct turmoil {
	struct host *host;
	atomic_bool stop;
};

struct turmoil_thread {
	struct turmoil *turmoil;
	uint32_t number; /* of the word in each page that only this thread writes */
	uint64_t random;
	uint64_t writes, zeroes; /* seen instead of what was written */
	uint64_t shadow[HOST_GUESTS][HOST_PAGES];
	pthread_t thread;
};

static uint32_t turmoil_random(uint64_t *random, uint32_t below)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*random >> 33) % below;
}

static int filling_of(uint32_t page)
{
	return page % 8 == 0 ? 0 : 1 + (int)(page % 5);
}

/* Zero where the page was given away since, else what was written last. */
static void word_check(struct turmoil_thread *thread, uint32_t guest, uint32_t page)
{
	uint64_t *shadow = &thread->shadow[guest][page];
	uint64_t seen = __atomic_load_n(
		word_of(&thread->turmoil->host->guests[guest], page, thread->number),
		__ATOMIC_RELAXED);

	expect(seen == *shadow || seen == 0);
	if (seen == 0 && *shadow != 0)
		thread->zeroes++;
	*shadow = seen;
}

static void *writer_run(void *context)
{
	struct turmoil_thread *thread = context;

	while (!atomic_load(&thread->turmoil->stop)) {
		uint32_t page = turmoil_random(&thread->random, HOST_PAGES);
		uint32_t number = turmoil_random(&thread->random, HOST_GUESTS);
		struct host_guest *guest = &thread->turmoil->host->guests[number];

		/* what is given away while it is filled becomes zero from there on */
		if (thread->number == 0 && turmoil_random(&thread->random, 4) == 0)
			memset(host_page(guest, page) + 64, filling_of(page), PAGE_BYTES - 64);
		word_check(thread, number, page);
		thread->shadow[number][page] = turmoil_random(&thread->random, 3);
		__atomic_store_n(word_of(guest, page, thread->number), thread->shadow[number][page],
				 __ATOMIC_RELAXED);
		thread->writes++;
	}
	return NULL;
}

/* A page that is pinned can be given away as little as it can be merged. */
static void *device_run(void *context)
{
	struct turmoil_thread *thread = context;
	struct device device;

	if (!device_open(&device))
		return NULL;
	while (!atomic_load(&thread->turmoil->stop)) {
		uint32_t page = turmoil_random(&thread->random, HOST_PAGES);
		uint32_t number = turmoil_random(&thread->random, HOST_GUESTS);
		struct host_guest *guest = &thread->turmoil->host->guests[number];
		uint64_t value = 1 + turmoil_random(&thread->random, 3);

		expect(pins_take(&guest->pins, page, 1) == 0);
		word_check(thread, number, page);
		read_begin(&device, word_of(guest, page, thread->number));
		sched_yield();
		read_complete(&device, value);
		thread->shadow[number][page] = value;
		word_check(thread, number, page);
		expect(*word_of(guest, page, thread->number) == value);
		pins_give(&guest->pins, page, 1);
		thread->writes++;
	}
	device_close(&device);
	return NULL;
}

static void threads_start(struct turmoil *turmoil, struct turmoil_thread *threads)
{
	for (uint32_t i = 0; i < WRITERS; i++) {
		threads[i] = (struct turmoil_thread){ .turmoil = turmoil,
						      .number = i,
						      .random = i + now_ns() };
		expect(pthread_create(&threads[i].thread, NULL,
				      i + 1 < WRITERS ? writer_run : device_run, &threads[i]) == 0);
	}
}

static void pages_check(struct turmoil_thread *threads, uint32_t guest)
{
	struct host *host = threads[0].turmoil->host;

	for (uint32_t page = 0; page < HOST_PAGES; page++) {
		const uint8_t *bytes = host_page(&host->guests[guest], page);

		for (uint32_t i = 0; i < WRITERS; i++)
			word_check(&threads[i], guest, page);
		for (uint32_t i = 64; i < PAGE_BYTES; i++)
			expect(bytes[i] == 0 || bytes[i] == filling_of(page));
	}
}

static uint64_t turmoil_seconds(void)
{
	const char *text = getenv("DISCARD_SECONDS");

	return text ? strtoull(text, NULL, 10) : 2;
}

/* Returns how many pages were given back. */
static uint64_t engine_turn(struct host_guest *guest, uint64_t *random)
{
	uint32_t first = turmoil_random(random, HOST_PAGES), room = HOST_PAGES - first;
	uint32_t count = turmoil_random(random, 40), returned = 0;

	expect(engine_step(guest->engine) >= 0);
	if (turmoil_random(random, 100) == 0)
		count = room;
	expect(engine_discard(guest->engine, first, count < room ? count : room, &returned) == 0);
	engine_take_offers(guest->engine);
	engine_check(guest->engine);
	return returned;
}

/* Else nothing was shown; a slow machine just takes longer. */
static bool is_enough(struct host *host, uint64_t returned)
{
	return returned > 1000 && engine_tally(host->guests[0].engine).merges_total > 100;
}

static void nothing_is_mixed_up_when_all_happens_at_once(struct host *host)
{
	static struct turmoil_thread threads[WRITERS];
	struct turmoil turmoil = { .host = host };
	uint64_t end = now_ns() + turmoil_seconds() * NS_PER_SEC, random = now_ns(), returned = 0;
	struct tally tally;

	threads_start(&turmoil, threads);
	while (now_ns() < end || !is_enough(host, returned))
		for (uint32_t i = 0; i < HOST_GUESTS; i++)
			returned += engine_turn(&host->guests[i], &random);
	atomic_store(&turmoil.stop, true);
	for (uint32_t i = 0; i < WRITERS; i++)
		expect(pthread_join(threads[i].thread, NULL) == 0);
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		pages_check(threads, i);
		expect_nothing_claimed(&host->guests[i]);
	}
	catalog_check(host->catalog);
	tally = engine_tally(host->guests[0].engine);
	printf("  %llu merged, %llu broken, %llu given back, %llu pinned; %llu requests, "
	       "%llu words gone; %llu mappings, %llu counted\n",
	       (unsigned long long)tally.merges_total, (unsigned long long)tally.breaks_total,
	       (unsigned long long)returned, (unsigned long long)tally.pinned_total,
	       (unsigned long long)threads[WRITERS - 1].writes,
	       (unsigned long long)threads[0].zeroes,
	       (unsigned long long)host_mappings(&host->guests[0]),
	       (unsigned long long)tally.mappings);
	expect(threads[0].zeroes > 0);
}

int main(void)
{
	static const struct host_test tests[] = {
		HOST_TEST(what_is_given_back_is_zero_and_never_a_frame),
		HOST_TEST(what_was_given_back_is_memory_like_any_other),
		HOST_TEST(own_memory_is_given_back_without_a_new_mapping),
		HOST_TEST(a_failure_leaves_pages_as_they_were),
		HOST_TEST(a_pinned_page_is_neither_held_nor_given_back),
		HOST_TEST(a_hold_that_fails_claims_nothing),
		HOST_TEST(who_pins_a_held_page_waits_for_the_wake),
		HOST_TEST(data_on_its_way_arrives_where_the_page_is_pinned),
		HOST_TEST(nothing_is_mixed_up_when_all_happens_at_once),
	};

	host_run_all_kernels(tests, ARRAY_SIZE(tests), 120 + (unsigned int)turmoil_seconds());
	return 0;
}
