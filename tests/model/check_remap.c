/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_remap.c - holding, sharing and discarding on the real kernel
 *
 * Each trap that the kernel lays on the way, by itself. All of it twice: with what this
 * kernel offers, and with no more than Linux 6.1 has. Writers at full speed are in
 * check_stress.c.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/race.h"
#include "tests/model/expect.h"
#include "tests/model/host.h"

/* A writer that may have to wait */

struct writer {
	volatile uint64_t *word;
	uint64_t value;
	bool by_kernel; /* read(2) into the page */
	atomic_bool begun, done;
	pthread_t thread;
};

static void kernel_write(volatile uint64_t *word, uint64_t value)
{
	int fds[2];

	expect(pipe(fds) == 0);
	expect(write(fds[1], &value, sizeof(value)) == (ssize_t)sizeof(value));
	expect(read(fds[0], (void *)(uintptr_t)word, sizeof(value)) == (ssize_t)sizeof(value));
	close(fds[0]);
	close(fds[1]);
}

static void *writer_run(void *context)
{
	struct writer *writer = context;

	atomic_store(&writer->begun, true);
	if (writer->by_kernel)
		kernel_write(writer->word, writer->value);
	else
		*writer->word = writer->value;
	atomic_store(&writer->done, true);
	return NULL;
}

static void writer_start(struct writer *writer, uint8_t *page, uint64_t value, bool by_kernel)
{
	*writer = (struct writer){ .value = value, .by_kernel = by_kernel };
	writer->word = (uint64_t *)(uintptr_t)page;
	expect(pthread_create(&writer->thread, NULL, writer_run, writer) == 0);
	while (!atomic_load(&writer->begun)) /* on a busy machine that takes a while */
		sched_yield();
}

/* Nothing tells that a thread sleeps in a fault: only that it does not come out. */
static void expect_waiting(struct writer *writer)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };

	nanosleep(&moment, NULL);
	expect(!atomic_load(&writer->done));
}

/* A writer that nobody wakes hangs here, and the alarm ends the test. */
static void expect_written(struct writer *writer)
{
	expect(pthread_join(writer->thread, NULL) == 0);
	expect(*writer->word == writer->value);
}

/* Traps */

static void a_look_tells_what_backs_a_page(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	expect(host_look(guest, 0) == LOOK_NONE);
	expect(*(volatile uint8_t *)host_page(guest, 1) == 0);
	expect(host_look(guest, 1) == LOOK_OTHER); /* the kernel's zero page */
	host_fill(guest, 2, 9);
	expect(host_look(guest, 2) == LOOK_OWN);
	host_map_frames(guest, 3, 2, 0);
	expect(*(volatile uint8_t *)host_page(guest, 3) == 1);
	expect(host_look(guest, 3) == LOOK_OTHER); /* a frame */
	*host_page(guest, 4) = 77;
	expect(host_look(guest, 4) == LOOK_OWN); /* broken */
	expect(host_look(guest, 3) == LOOK_OTHER);
}

static void a_held_page_makes_writers_wait(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	RACES_WITH_GUEST;

	for (uint32_t page = 0; page < 2; page++) {
		struct writer writer;

		host_fill(guest, page, 5);
		host_frame_fill(host, page, 5);
		expect(remap_ops.hold(&guest->remap, page, 1, 0) == 0);
		writer_start(&writer, host_page(guest, page), 42, page == 1);
		expect_waiting(&writer);
		expect(*host_page(guest, page) == 5);
		expect(remap_ops.share(&guest->remap, page, 1, page) == 0);
		expect_waiting(&writer); /* mapping anew does not wake */
		remap_ops.wake(&guest->remap, page, 1);
		expect_written(&writer);
		expect(host_page(guest, page)[8] == 5);
		expect(host_look(guest, page) == LOOK_OWN);
	}
}

/* Which of the two it is depends on the kernel; a lost write is neither. */
static void holding_what_is_not_there_is_refused_or_works(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct writer writer;
	int rc = remap_ops.hold(&guest->remap, 7, 1, 0);

	expect(rc == 0 || rc == -EAGAIN);
	expect(!host->is_plain || rc == -EAGAIN);
	writer_start(&writer, host_page(guest, 7), 42, false);
	if (rc == 0) {
		expect_waiting(&writer);
		remap_ops.unhold(&guest->remap, 7, 1, 0);
		remap_ops.wake(&guest->remap, 7, 1);
	}
	expect_written(&writer);
}

/* One that is there does not stand for one that is not. */
static void a_range_is_held_whole_or_not_at_all(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct writer writer;
	int rc;

	host_fill(guest, 0, 1);
	host_fill(guest, 2, 1);
	rc = remap_ops.hold(&guest->remap, 0, 3, 0);
	expect(!host->is_plain || rc == -EAGAIN);
	if (rc == 0) {
		remap_ops.unhold(&guest->remap, 0, 3, 0);
		remap_ops.wake(&guest->remap, 0, 3);
	}
	for (uint32_t page = 0; page < 3; page++) {
		writer_start(&writer, host_page(guest, page), 42, false);
		expect_written(&writer);
	}
}

static void a_broken_page_can_be_merged_again(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	host_map_frames(guest, 0, 3, 0);
	for (uint32_t round = 0; round < 3; round++) {
		struct writer writer;

		host_fill(guest, 1, 50 + (int)round); /* breaks it */
		expect(host_look(guest, 1) == LOOK_OWN);
		host_frame_fill(host, 10 + round, 50 + (int)round);
		expect(remap_ops.hold(&guest->remap, 1, 1, 1) == 0);
		writer_start(&writer, host_page(guest, 1), 42, round == 1);
		expect_waiting(&writer); /* so it was registered anew */
		expect(remap_ops.share(&guest->remap, 1, 1, 10 + round) == 0);
		remap_ops.wake(&guest->remap, 1, 1);
		expect_written(&writer);
		expect(host_page(guest, 1)[8] == 50 + round);
	}
	expect(*host_page(guest, 0) == 1 && *host_page(guest, 2) == 3);
}

static void discarding_over_the_store_gives_zeroes(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct writer writer;

	host_map_frames(guest, 0, 3, 0);
	host_fill(guest, 1, 0);
	expect(remap_ops.hold(&guest->remap, 1, 1, 1) == 0);
	expect(remap_ops.discard(&guest->remap, 1, 1, 1) == 0);
	remap_ops.wake(&guest->remap, 1, 1);
	host_frame_fill(host, 1, 99);
	expect(host_look(guest, 1) == LOOK_NONE);
	expect(page_is_zero(host_page(guest, 1)));
	expect(*host_page(guest, 0) == 1 && *host_page(guest, 2) == 3);

	/* and it is memory like any other again */
	host_fill(guest, 1, 7);
	host_frame_fill(host, 20, 7);
	expect(remap_ops.hold(&guest->remap, 1, 1, 0) == 0);
	writer_start(&writer, host_page(guest, 1), 42, false);
	expect_waiting(&writer);
	expect(remap_ops.share(&guest->remap, 1, 1, 20) == 0);
	remap_ops.wake(&guest->remap, 1, 1);
	expect_written(&writer);
}

static void discarding_own_memory_gives_it_back(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct writer writer;

	host_fill(guest, 0, 0);
	expect(remap_ops.hold(&guest->remap, 0, 1, 0) == 0);
	writer_start(&writer, host_page(guest, 0), 42, true);
	expect_waiting(&writer);
	expect(remap_ops.discard(&guest->remap, 0, 1, 0) == 0);
	remap_ops.wake(&guest->remap, 0, 1);
	expect_written(&writer);
	expect(host_look(guest, 0) == LOOK_OWN);
	expect(host_page(guest, 0)[8] == 0);
}

static void restored_pages_are_memory_like_any_other(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct writer writer;

	host_fill(guest, 9, 9);
	host_fill(guest, 15, 15);
	for (uint32_t round = 0; round < 3; round++) {
		host_map_frames(guest, 10, 5, round * 5);
		host_fill(guest, 12, 60 + (int)round); /* breaks it */
		expect(remap_ops.hold(&guest->remap, 10, 5, 1) == 0);
		writer_start(&writer, host_page(guest, 11), 42, round == 1);
		expect_waiting(&writer);
		expect(remap_ops.restore(&guest->remap, 10, 5) == 0);
		expect_waiting(&writer); /* moving does not wake */
		remap_ops.wake(&guest->remap, 10, 5);
		expect_written(&writer);
		expect(host_mappings(guest) == 1);
		for (uint32_t page = 10; page < 15; page++)
			expect(host_look(guest, page) == LOOK_OWN);
		expect(host_page(guest, 11)[8] == 2 && *host_page(guest, 12) == 60 + round);
		expect(*host_page(guest, 10) == 1 && *host_page(guest, 14) == 5);
		host_frame_fill(host, round * 5, 99); /* it is the frame's no more */
		expect(*host_page(guest, 10) == 1);
	}
	expect(*host_page(guest, 9) == 9 && *host_page(guest, 15) == 15);
}

/* The other half of the mapping stays, and what was restored before joins what is later. */
static void a_mapping_can_be_restored_in_parts(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	static const uint32_t order[] = { 24, 20, 22, 21, 23 };

	host_map_frames(guest, 20, 5, 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(order); i++) {
		expect(remap_ops.hold(&guest->remap, order[i], 1, 1) == 0);
		expect(remap_ops.restore(&guest->remap, order[i], 1) == 0);
		remap_ops.wake(&guest->remap, order[i], 1);
		for (uint32_t page = 20; page < 25; page++)
			expect(*host_page(guest, page) == page - 19);
	}
	expect(host_mappings(guest) == 1);
}

struct reader {
	const volatile uint64_t *word;
	uint64_t value, reads;
	atomic_bool stop;
	pthread_t thread;
};

static void *reader_run(void *context)
{
	struct reader *reader = context;

	for (; !atomic_load(&reader->stop); reader->reads++)
		expect(*reader->word == reader->value);
	return NULL;
}

static void whoever_reads_sees_no_other_bytes(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct reader reader = { .value = UINT64_C(0x0303030303030303) };

	host_map_frames(guest, 30, 5, 0);
	reader.word = (const uint64_t *)(uintptr_t)host_page(guest, 32);
	expect(pthread_create(&reader.thread, NULL, reader_run, &reader) == 0);
	for (uint32_t round = 0; round < 3000; round++) {
		expect(remap_ops.hold(&guest->remap, 30, 5, 1) == 0);
		expect(remap_ops.restore(&guest->remap, 30, 5) == 0);
		remap_ops.wake(&guest->remap, 30, 5);
		expect(remap_ops.hold(&guest->remap, 30, 5, 0) == 0);
		expect(remap_ops.share(&guest->remap, 30, 5, 0) == 0);
		remap_ops.wake(&guest->remap, 30, 5);
	}
	atomic_store(&reader.stop, true);
	expect(pthread_join(reader.thread, NULL) == 0);
	expect(reader.reads > 1000);
}

static void without_spare_memory_pages_stay_where_they_are(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct writer writer;

	guest->remap.spare = NULL;
	host_map_frames(guest, 10, 5, 0);
	expect(remap_ops.hold(&guest->remap, 10, 5, 1) == 0);
	expect(remap_ops.restore(&guest->remap, 10, 5) == -ENOTSUP);
	writer_start(&writer, host_page(guest, 11), 42, false);
	expect_waiting(&writer);
	remap_ops.unhold(&guest->remap, 10, 5, 1);
	remap_ops.wake(&guest->remap, 10, 5);
	expect_written(&writer);
	expect(host_page(guest, 11)[8] == 2);
}

/* Newer kernels hold both, older ones refuse: either way nothing is half held. */
static void a_range_over_two_mappings_is_all_or_nothing(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct writer writers[2];
	int rc;

	host_map_frames(guest, 0, 1, 0);
	host_fill(guest, 0, 8);
	host_fill(guest, 1, 8);
	rc = remap_ops.hold(&guest->remap, 0, 2, 1);
	for (uint32_t i = 0; i < 2; i++)
		writer_start(&writers[i], host_page(guest, i), 42, false);
	if (rc == 0) {
		expect_waiting(&writers[0]);
		expect_waiting(&writers[1]);
		remap_ops.unhold(&guest->remap, 0, 2, 1);
		remap_ops.wake(&guest->remap, 0, 2);
	}
	for (uint32_t i = 0; i < 2; i++)
		expect_written(&writers[i]);
}

static void a_writer_goes_on_when_sharing_fails(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	int store_fd = guest->remap.store_fd;

	host_map_frames(guest, 0, 1, 0);
	for (uint32_t page = 0; page < 2; page++) {
		int over_store = page == 0;
		struct writer writer;

		host_fill(guest, page, 8);
		expect(remap_ops.hold(&guest->remap, page, 1, over_store) == 0);
		writer_start(&writer, host_page(guest, page), 42, false);
		expect_waiting(&writer);
		guest->remap.store_fd = -1; /* mmap() refuses it */
		expect(remap_ops.share(&guest->remap, page, 1, 3) == -EBADF);
		guest->remap.store_fd = store_fd;
		expect_waiting(&writer); /* still held */
		remap_ops.unhold(&guest->remap, page, 1, over_store);
		remap_ops.wake(&guest->remap, page, 1);
		expect_written(&writer);
		expect(host_page(guest, page)[8] == 8);
	}
}

static void a_frame_that_is_not_there_is_an_error(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	expect(!remap_ops.frames(&guest->remap, host->store.frames, 1));
	expect(!remap_ops.frames(&guest->remap, host->store.frames - 1, 2));
	expect(remap_ops.frames(&guest->remap, host->store.frames - 1, 1));
}

static void mappings_are_what_the_kernel_counts(struct host *host)
{
	for (uint32_t page = 0; page < HOST_PAGES; page++)
		for (uint32_t i = 0; i < HOST_GUESTS; i++)
			host_fill(&host->guests[i], page, page % 37 < 20 ? 1 + (int)page % 100 : 0);
	for (uint32_t round = 0; round < 60; round++) {
		for (uint32_t i = 0; i < HOST_GUESTS; i++) {
			struct host_guest *guest = &host->guests[i];

			expect(engine_step(guest->engine) >= 0);
			engine_check(guest->engine);
			expect(host_mappings(guest) == engine_tally(guest->engine).mappings);
		}
		/* break some, blank others, and some more than once */
		for (uint32_t i = 0; i < 12; i++)
			host_fill(&host->guests[i % 2], (round * 31 + i * 59) % HOST_PAGES,
				  round < 40 ? (int)(i % 3) : 7);
	}
	expect(engine_tally(host->guests[0].engine).merges_total > 300);
	expect(engine_tally(host->guests[1].engine).breaks_total > 20);
}

/* Each store is a file system of its own, while anybody maps it. */
static bool file_is_mapped(const struct stat *wanted)
{
	unsigned long long inode;
	unsigned int major, minor;
	bool found = false;
	char line[512];
	FILE *file = fopen("/proc/self/maps", "re");

	expect(file);
	while (fgets(line, sizeof(line), file))
		found |= sscanf(line, "%*x-%*x %*s %*x %x:%x %llu", &major, &minor, &inode) == 3 &&
			 makedev(major, minor) == wanted->st_dev && inode == wanted->st_ino;
	fclose(file);
	return found;
}

/* With pages that broke, and are nobody else's any more. */
static void the_store_of_a_dead_broker_is_freed(struct host *host)
{
	struct stat old;

	for (uint32_t page = 0; page < HOST_PAGES; page++)
		for (uint32_t i = 0; i < HOST_GUESTS; i++)
			host_fill(&host->guests[i], page, 1 + (int)page % 200);
	for (uint32_t round = 0; round < 10; round++)
		for (uint32_t i = 0; i < HOST_GUESTS; i++)
			expect(engine_step(host->guests[i].engine) >= 0);
	expect(fstat(host->store.fd, &old) == 0);
	host_change_broker(host);
	for (uint32_t page = 0; page < HOST_PAGES; page += 7)
		*host_page(&host->guests[page % 2], page) = 201;
	expect(file_is_mapped(&old));
	for (uint32_t round = 0; round < 60; round++)
		for (uint32_t i = 0; i < HOST_GUESTS; i++) {
			expect(engine_step(host->guests[i].engine) >= 0);
			engine_check(host->guests[i].engine);
		}
	expect(!file_is_mapped(&old));
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		struct tally tally = engine_tally(host->guests[i].engine);

		expect(tally.old_store == 0 && tally.restored_total > 10);
		expect(tally.states[PAGE_SHARED] > HOST_PAGES / 2);
		expect(host_mappings(&host->guests[i]) == tally.mappings);
		for (uint32_t page = 0; page < HOST_PAGES; page++) {
			expect(*host_page(&host->guests[i], page) ==
			       (page % 7 == 0 && page % 2 == i ? 201 : 1 + page % 200));
			expect(host_page(&host->guests[i], page)[1] == 1 + page % 200);
		}
	}
}

/* Each page of its own, and the same in both guests. */
static void page_fill_own(struct host *host, uint32_t page, uint32_t change)
{
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		uint32_t *words = (uint32_t *)(void *)host_page(&host->guests[i], page);

		words[5] = page + 1;
		words[6] = change;
	}
}

static void engines_run(struct host *host, uint32_t rounds)
{
	for (uint32_t round = 0; round < rounds; round++)
		for (uint32_t i = 0; i < HOST_GUESTS; i++)
			expect(engine_step(host->guests[i].engine) >= 0);
}

static void pages_that_break_and_are_equal_again_rejoin_their_run(struct host *host)
{
	const struct engine *engine = host->guests[0].engine;
	uint64_t before, chance = 1;

	for (uint32_t page = 0; page < HOST_PAGES; page++)
		page_fill_own(host, page, 0);
	engines_run(host, 12);
	before = engine_tally(engine).mappings;
	for (uint32_t round = 1; round <= 40; round++) {
		uint32_t pages[8];

		for (uint32_t i = 0; i < ARRAY_SIZE(pages); i++) {
			chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407;
			pages[i] = (uint32_t)(chance >> 33) % HOST_PAGES;
			page_fill_own(host, pages[i], round * 10 + i);
		}
		engines_run(host, 3);
		for (uint32_t i = 0; i < ARRAY_SIZE(pages); i++)
			page_fill_own(host, pages[i], 0);
		engines_run(host, 3);
	}
	engines_run(host, 40);
	printf("  %llu mappings, %llu after %llu breaks\n", (unsigned long long)before,
	       (unsigned long long)engine_tally(engine).mappings,
	       (unsigned long long)engine_tally(engine).breaks_total);
	expect(engine_tally(engine).states[PAGE_SHARED] == HOST_PAGES);
	expect(engine_tally(engine).mappings <= before + 4);
	expect(engine_tally(engine).breaks_total > 200);
}

int main(void)
{
	static const struct host_test tests[] = {
		HOST_TEST(a_look_tells_what_backs_a_page),
		HOST_TEST(a_held_page_makes_writers_wait),
		HOST_TEST(holding_what_is_not_there_is_refused_or_works),
		HOST_TEST(a_range_is_held_whole_or_not_at_all),
		HOST_TEST(a_broken_page_can_be_merged_again),
		HOST_TEST(discarding_over_the_store_gives_zeroes),
		HOST_TEST(discarding_own_memory_gives_it_back),
		HOST_TEST(restored_pages_are_memory_like_any_other),
		HOST_TEST(a_mapping_can_be_restored_in_parts),
		HOST_TEST(whoever_reads_sees_no_other_bytes),
		HOST_TEST(without_spare_memory_pages_stay_where_they_are),
		HOST_TEST(a_range_over_two_mappings_is_all_or_nothing),
		HOST_TEST(a_writer_goes_on_when_sharing_fails),
		HOST_TEST(a_frame_that_is_not_there_is_an_error),
		HOST_TEST(mappings_are_what_the_kernel_counts),
		HOST_TEST(the_store_of_a_dead_broker_is_freed),
		HOST_TEST(pages_that_break_and_are_equal_again_rejoin_their_run),
	};

	host_run_all_kernels(tests, ARRAY_SIZE(tests), 120);
	return 0;
}
