/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_stress.c - no write is lost while memory is merged, on the real kernel
 *
 * Writers of every kind at full speed, each of which knows what it wrote, against a merger
 * that never pauses. All of it twice: with what this kernel offers, and with no more than
 * Linux 6.1 has. STRESS_SECONDS=N lets it run for longer.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/race.h"
#include "tests/model/expect.h"
#include "tests/model/host.h"

enum { HOT_PAGES = 256, WRITERS = 4 };

struct stress {
	struct host *host;
	atomic_bool stop;
	uint64_t deadline_ns;
	uint64_t increments[HOST_GUESTS][HOST_PAGES]; /* atomic, by two threads */
};

struct stress_thread {
	struct stress *stress;
	uint32_t number; /* of the word in each page that only this thread writes */
	uint64_t random;
	uint64_t writes;
	uint64_t shadow[HOST_GUESTS][HOST_PAGES];
	pthread_t thread;
};

static uint32_t stress_random(struct stress_thread *thread, uint32_t below)
{
	thread->random = thread->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(thread->random >> 33) % below;
}

static uint64_t *stress_word(struct stress *stress, uint32_t guest, uint32_t page, uint32_t word)
{
	return (uint64_t *)(uintptr_t)host_page(&stress->host->guests[guest], page) + word;
}

/* Fills all but the words; every eighth page is zero as long as its words are. */
static int filling_of(uint32_t page)
{
	return page % 8 == 0 ? 0 : 1 + (int)(page % 5);
}

/* Plain stores, of few values, so that pages are often equal. */
static void write_plain(struct stress_thread *thread, uint32_t guest, uint32_t page)
{
	volatile uint64_t *word = stress_word(thread->stress, guest, page, thread->number);

	expect(*word == thread->shadow[guest][page]);
	*word = thread->shadow[guest][page] = stress_random(thread, 2);
}

/* Two threads add to the same word: an increment that is lost is missing in the sum. */
static void write_added(struct stress_thread *thread, uint32_t guest, uint32_t page)
{
	if (filling_of(page) == 0)
		return; /* it would never be zero again */
	__atomic_fetch_add(stress_word(thread->stress, guest, page, 1), 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&thread->stress->increments[guest][page], 1, __ATOMIC_SEQ_CST);
}

/* The kernel reads the word, and then writes it. */
static void write_by_kernel(struct stress_thread *thread, uint32_t guest, uint32_t page)
{
	uint64_t *word = stress_word(thread->stress, guest, page, thread->number), seen;
	int fds[2];

	expect(pipe(fds) == 0);
	expect(write(fds[1], word, sizeof(*word)) == (ssize_t)sizeof(*word));
	expect(read(fds[0], &seen, sizeof(seen)) == (ssize_t)sizeof(seen));
	expect(seen == thread->shadow[guest][page]);
	thread->shadow[guest][page] = stress_random(thread, 2);
	expect(write(fds[1], &thread->shadow[guest][page], sizeof(seen)) == (ssize_t)sizeof(seen));
	expect(read(fds[0], word, sizeof(*word)) == (ssize_t)sizeof(*word));
	close(fds[0]);
	close(fds[1]);
}

/* Thread 0: plain; 1 and 2: atomic, on one word; 3: the kernel. */
static void stress_write(struct stress_thread *thread, uint32_t guest, uint32_t page)
{
	if (thread->number == 0)
		write_plain(thread, guest, page);
	else if (thread->number == 3)
		write_by_kernel(thread, guest, page);
	else
		write_added(thread, guest, page);
	thread->writes++;
}

static void threads_start(struct stress *stress, struct stress_thread *threads,
			  void *(*run)(void *))
{
	for (uint32_t i = 0; i < WRITERS; i++) {
		threads[i] = (struct stress_thread){ .stress = stress,
						     .number = i,
						     .random = i + now_ns() };
		expect(pthread_create(&threads[i].thread, NULL, run, &threads[i]) == 0);
	}
}

static void expect_page(const struct stress_thread *threads, uint32_t guest, uint32_t page,
			int filling)
{
	struct stress *stress = threads[0].stress;

	expect(*stress_word(stress, guest, page, 0) == threads[0].shadow[guest][page]);
	expect(*stress_word(stress, guest, page, 1) == stress->increments[guest][page]);
	expect(*stress_word(stress, guest, page, 3) == threads[3].shadow[guest][page]);
	for (uint32_t i = 64; i < PAGE_BYTES; i++)
		expect(host_page(&stress->host->guests[guest], page)[i] == filling);
}

static void threads_stop(struct stress *stress, struct stress_thread *threads,
			 uint64_t writes_least)
{
	atomic_store(&stress->stop, true);
	for (uint32_t i = 0; i < WRITERS; i++) {
		expect(pthread_join(threads[i].thread, NULL) == 0);
		expect(threads[i].writes >= writes_least);
	}
}

static uint64_t stress_seconds(void)
{
	const char *text = getenv("STRESS_SECONDS");

	return text ? strtoull(text, NULL, 10) : 1;
}

static void pages_prepare(struct host *host)
{
	for (uint32_t guest = 0; guest < HOST_GUESTS; guest++)
		for (uint32_t page = 0; page < HOST_PAGES; page++) {
			host_fill(&host->guests[guest], page, filling_of(page));
			memset(host_page(&host->guests[guest], page), 0, 64);
		}
}

/* How much longer a stress goes on, on a slow machine or under a sanitizer, until all that it is
 * about has happened. */
#define PATIENCE_NS (40 * NS_PER_SEC)

/* The protocol itself, on pages that are written to all the time */

static void *hot_run(void *context)
{
	struct stress_thread *thread = context;

	while (!atomic_load(&thread->stress->stop))
		stress_write(thread, 0, stress_random(thread, HOT_PAGES));
	return NULL;
}

struct merger {
	struct host_guest *guest;
	int side[HOT_PAGES];	     /* which of its two frames a page maps; -1: none */
	struct stress_thread chance; /* no thread: only its random numbers */
	uint64_t shared, unequal, discarded, restored;
};

static uint32_t frame_of(uint32_t page, int side)
{
	return page + (side == 1 ? HOT_PAGES : 0);
}

/* One page after the compare; nobody can write to it. */
static void hot_decide(struct merger *merger, uint32_t page, int side, const uint8_t *frame)
{
	struct host_guest *guest = merger->guest;
	int over_store = merger->side[page] >= 0;
	RACES_WITH_GUEST;

	if (page_is_zero(host_page(guest, page))) {
		expect(remap_ops.discard(&guest->remap, page, 1, over_store) == 0);
		merger->side[page] = -1;
		merger->discarded++;
	} else if (memcmp(host_page(guest, page), frame, PAGE_BYTES) == 0) {
		expect(remap_ops.share(&guest->remap, page, 1, frame_of(page, side)) == 0);
		merger->side[page] = side;
		merger->shared++;
	} else {
		remap_ops.unhold(&guest->remap, page, 1, over_store);
		merger->unequal++;
	}
}

/* Each page has two frames of its own, so that the one it maps is never written to. */
static void hot_merge(struct merger *merger, uint32_t first, uint32_t count)
{
	uint8_t bytes[PAGE_BYTES];
	struct host_guest *guest = merger->guest;
	const uint8_t *frames;
	int side = merger->side[first] == 0;
	RACES_WITH_GUEST;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(bytes, host_page(guest, first + i), PAGE_BYTES);
		expect(store_write(&guest->host->store, frame_of(first + i, side), bytes) == 0);
	}
	frames = remap_ops.frames(&guest->remap, frame_of(first, side), count);
	expect(frames);
	if (remap_ops.hold(&guest->remap, first, count, merger->side[first] >= 0) < 0)
		return;
	for (uint32_t i = 0; i < count; i++)
		hot_decide(merger, first + i, side, frames + (size_t)i * PAGE_BYTES);
	remap_ops.wake(&guest->remap, first, count);
}

/* What lies over the store, side by side: any pages of it. */
static void hot_restore(struct merger *merger, uint32_t first, uint32_t count)
{
	struct host_guest *guest = merger->guest;

	if (remap_ops.hold(&guest->remap, first, count, 1) < 0)
		return;
	expect(remap_ops.restore(&guest->remap, first, count) == 0);
	remap_ops.wake(&guest->remap, first, count);
	for (uint32_t i = 0; i < count; i++)
		merger->side[first + i] = -1;
	merger->restored += count;
}

static bool each_has_happened(const struct merger *merger)
{
	return merger->shared > 100 && merger->discarded > 10 && merger->restored > 100;
}

static void no_write_is_lost_while_hot_pages_are_merged(struct host *host)
{
	static struct stress_thread threads[WRITERS];
	struct stress stress = { .host = host };
	struct merger merger = { .guest = &host->guests[0], .chance.random = now_ns() };
	uint64_t end = now_ns() + stress_seconds() * NS_PER_SEC, last = end + PATIENCE_NS, now;

	memset(merger.side, 0xff, sizeof(merger.side));
	pages_prepare(host);
	threads_start(&stress, threads, hot_run);
	while ((now = now_ns()) < end || (now < last && !each_has_happened(&merger))) {
		uint32_t first = stress_random(&merger.chance, HOT_PAGES), count = 1;

		while (count < 8 && first + count < HOT_PAGES &&
		       merger.side[first + count] == merger.side[first])
			count++;
		if (merger.side[first] >= 0 && stress_random(&merger.chance, 3) == 0)
			hot_restore(&merger, first, count);
		else
			hot_merge(&merger, first, count);
	}
	threads_stop(&stress, threads, 100);
	printf("  %llu shared, %llu changed meanwhile, %llu discarded, %llu restored\n",
	       (unsigned long long)merger.shared, (unsigned long long)merger.unequal,
	       (unsigned long long)merger.discarded, (unsigned long long)merger.restored);
	expect(each_has_happened(&merger));
	for (uint32_t page = 0; page < HOT_PAGES; page++)
		expect_page(threads, 0, page, filling_of(page));
}

/* Engines and catalog, on pages that are written to now and then */

/* Works on a few pages for a while, the same in both guests, and then on others. */
static void *roaming_run(void *context)
{
	struct stress_thread *thread = context;
	const struct timespec moment = { .tv_nsec = 200 * 1000 };

	while (!atomic_load(&thread->stress->stop)) {
		uint32_t first = stress_random(thread, HOST_PAGES - 8);

		for (uint32_t i = 0; i < 64; i++) {
			uint32_t page = first + stress_random(thread, 8);

			for (uint32_t guest = 0; guest < HOST_GUESTS; guest++)
				stress_write(thread, guest, page);
			if (i % 16 == 0)
				nanosleep(&moment, NULL);
		}
		nanosleep(&moment, NULL);
	}
	return NULL;
}

static bool much_has_happened(const struct host *host)
{
	struct tally tally = engine_tally(host->guests[0].engine);

	return tally.merges_total > 500 && tally.breaks_total > 100 && tally.restored_total > 0;
}

static void no_write_is_lost_under_two_engines(struct host *host)
{
	static struct stress_thread threads[WRITERS];
	struct stress stress = { .host = host };
	uint64_t end = now_ns() + stress_seconds() * NS_PER_SEC, last = end + PATIENCE_NS, now;
	struct tally tally;

	pages_prepare(host);
	threads_start(&stress, threads, roaming_run);
	for (uint32_t round = 1; (now = now_ns()) < end || (now < last && !much_has_happened(host));
	     round++) {
		for (uint32_t i = 0; i < HOST_GUESTS; i++)
			expect(engine_step(host->guests[i].engine) >= 0);
		/* time enough to get rid of the store before */
		if (round % 100 == 0)
			host_change_broker(host);
	}
	threads_stop(&stress, threads, 100);
	for (uint32_t guest = 0; guest < HOST_GUESTS; guest++) {
		engine_check(host->guests[guest].engine);
		for (uint32_t page = 0; page < HOST_PAGES; page++)
			expect_page(threads, guest, page, filling_of(page));
	}
	catalog_check(host->catalog);
	tally = engine_tally(host->guests[0].engine);
	printf("  %llu merged, %llu broken, %llu discarded, %llu changed meanwhile, %llu restored\n",
	       (unsigned long long)tally.merges_total, (unsigned long long)tally.breaks_total,
	       (unsigned long long)tally.zeroes_total, (unsigned long long)tally.unequal_total,
	       (unsigned long long)tally.restored_total);
	expect(much_has_happened(host));
}

int main(void)
{
	static const struct host_test tests[] = {
		HOST_TEST(no_write_is_lost_while_hot_pages_are_merged),
		HOST_TEST(no_write_is_lost_under_two_engines),
	};

	host_run_all_kernels(tests, ARRAY_SIZE(tests), 120 + (unsigned int)stress_seconds());
	return 0;
}
