/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_huge.c - huge pages are kept whole, or split so that all of their memory comes back
 *
 * On the real kernel, with two guests that have one huge page each, and small pages behind
 * it. Skipped where the host has no huge page to give.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/proc.h"
#include "dedup/huge.h"
#include "tests/model/expect.h"
#include "tests/model/host.h"
#include "vmm/gmem_huge.h"

#define HUGE_BYTES ((size_t)HUGE_PAGES * PAGE_BYTES)
#define PASSES	   20

/* Of a page of kpageflags: it is a part of something larger. */
#define KPF_COMPOUND (UINT64_C(1) << 15 | UINT64_C(1) << 16)

static uint64_t entry_read(const char *path, uint64_t index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, sizeof(entry), (off_t)(index * sizeof(entry))) < 0)
		entry = 0;
	if (fd >= 0)
		close(fd);
	return entry;
}

/* Parts whose memory belongs to a huge page; 0 for who may not know that. */
static uint32_t parts_of_compounds(const struct host_guest *guest)
{
	uint32_t count = 0;

	for (uint32_t page = 0; page < HUGE_PAGES; page++) {
		uintptr_t at = (uintptr_t)host_page(guest, page) / PAGE_BYTES;
		uint64_t entry = entry_read("/proc/self/pagemap", at);
		uint64_t frame = entry & ((UINT64_C(1) << 55) - 1);

		if (entry >> 63 && frame != 0)
			count += (entry_read("/proc/kpageflags", frame) & KPF_COMPOUND) != 0;
	}
	return count;
}

static bool is_huge(const struct host_guest *guest)
{
	uint32_t own = 0;

	for (uint32_t page = 0; page < HUGE_PAGES; page++)
		own += host_look((struct host_guest *)(uintptr_t)guest, page) == LOOK_OWN;
	return own == HUGE_PAGES && remap_ops.is_huge((void *)(uintptr_t)&guest->remap, 0) != 0;
}

static void page_fill(const struct host_guest *guest, uint32_t page, uint64_t word)
{
	uint64_t *words = (uint64_t *)(void *)host_page(guest, page);

	for (uint32_t i = 0; i < PAGE_BYTES / sizeof(word); i++)
		words[i] = word;
}

static bool page_is_filled(const struct host_guest *guest, uint32_t page, uint64_t word)
{
	const uint64_t *words = (const uint64_t *)(void *)host_page(guest, page);

	return words[0] == word && words[PAGE_BYTES / sizeof(word) - 1] == word;
}

/* No two guests have it. */
static uint64_t word_of(const struct host *host, const struct host_guest *guest, uint32_t page)
{
	return (uint64_t)(guest - host->guests + 1) << 32 | (page + 1);
}

/* The first `count` parts have contents of their own, the others are zero. */
static void huge_fill(struct host *host, struct host_guest *guest, uint32_t count)
{
	expect(madvise(guest->base, HUGE_BYTES, MADV_HUGEPAGE) == 0);
	for (uint32_t page = 0; page < count; page++)
		page_fill(guest, page, word_of(host, guest, page));
	if (!is_huge(guest) || proc_huge_bytes() == 0) {
		printf("skipped: no huge page to be had\n");
		exit(SKIPPED);
	}
	expect(madvise(guest->base, HUGE_BYTES, MADV_NOHUGEPAGE) == 0);
}

static void passes(struct host *host)
{
	for (uint32_t pass = 0; pass < PASSES; pass++)
		for (uint32_t i = 0; i < HOST_GUESTS; i++)
			expect(engine_step(host->guests[i].engine) >= 0);
	for (uint32_t i = 0; i < HOST_GUESTS; i++)
		engine_check(host->guests[i].engine);
}

static void expect_bytes(const struct host *host, const struct host_guest *guest, uint32_t first,
			 uint32_t count)
{
	for (uint32_t page = first; page < first + count; page++)
		expect(page_is_filled(guest, page, word_of(host, guest, page)));
}

static void a_split_leaves_small_pages_with_the_same_bytes(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	huge_fill(host, guest, HUGE_PAGES);
	expect(remap_ops.split(&guest->remap, 17) == 0);
	expect(parts_of_compounds(guest) == 0);
	expect_bytes(host, guest, 0, HUGE_PAGES);
}

static void what_a_device_has_pinned_is_not_split(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	huge_fill(host, guest, HUGE_PAGES);
	expect(pins_take(&guest->pins, 100, 1) == 0);
	expect(remap_ops.split(&guest->remap, 17) == -EBUSY);
	expect(is_huge(guest));
	pins_give(&guest->pins, 100, 1);
	expect(remap_ops.split(&guest->remap, 17) == 0);
	expect(parts_of_compounds(guest) == 0);
}

static void zeroes_that_came_with_a_huge_page_are_no_gain_of_sharing(struct host *host)
{
	struct host_guest *guest = &host->guests[0];

	huge_fill(host, guest, 3);
	engine_expect_huge(guest->engine, false);
	passes(host);
	expect(engine_tally(guest->engine).populated == 3);
	expect(engine_tally(guest->engine).states[PAGE_ZERO] == 0);
	expect(host_look(guest, 2) == LOOK_OWN && host_look(guest, 3) != LOOK_OWN);
	expect(parts_of_compounds(guest) == 0);
	expect_bytes(host, guest, 0, 3);
	/* from now on they are pages like any others */
	host_fill(guest, 9, 1);
	passes(host);
	host_fill(guest, 9, 0);
	passes(host);
	expect(engine_tally(guest->engine).states[PAGE_ZERO] == 1);
}

/* Two huge pages of which `count` parts are equal. */
static void twins_fill(struct host *host, uint32_t count)
{
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		struct host_guest *guest = &host->guests[i];

		huge_fill(host, guest, HUGE_PAGES);
		for (uint32_t page = 0; page < count; page++)
			page_fill(guest, 300 + page, page + 1);
		engine_expect_huge(guest->engine, false);
	}
}

static void a_huge_page_with_little_to_gain_stays_whole(struct host *host)
{
	twins_fill(host, HOST_HUGE_GAIN - 1);
	passes(host);
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		expect(is_huge(&host->guests[i]));
		expect(engine_tally(host->guests[i].engine).states[PAGE_SHARED] == 0);
	}
}

static void a_huge_page_with_much_to_gain_is_split_and_shared(struct host *host)
{
	twins_fill(host, HOST_HUGE_GAIN);
	passes(host);
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		const struct host_guest *guest = &host->guests[i];

		expect(engine_tally(guest->engine).states[PAGE_SHARED] == HOST_HUGE_GAIN);
		expect(parts_of_compounds(guest) == 0);
		expect_bytes(host, guest, 0, 300);
		expect(page_is_filled(guest, 300, 1));
	}
}

/* Parts that others have, one after the other: the last one tips the scales. */
static void what_there_is_to_gain_adds_up(struct host *host)
{
	struct host_guest *guest = &host->guests[1];

	twins_fill(host, HOST_HUGE_GAIN - 1);
	passes(host);
	host_fill(guest, 5, 0);
	passes(host);
	expect(!is_huge(guest));
	expect(parts_of_compounds(guest) == 0);
	expect(host_look(guest, 5) != LOOK_OWN);
}

/* The guest is at work in most of its huge page; the others change nothing. */
static void passes_at_work(struct host *host, const struct host_guest *guest, uint64_t *round)
{
	for (uint32_t pass = 0; pass < PASSES; pass++) {
		for (uint32_t page = 0; page < 290; page++)
			page_fill(guest, page, word_of(host, guest, page) | ++*round << 40);
		for (uint32_t i = 0; i < HOST_GUESTS; i++)
			expect(engine_step(host->guests[i].engine) >= 0);
	}
	for (uint32_t i = 0; i < HOST_GUESTS; i++)
		engine_check(host->guests[i].engine);
}

/* There is enough to gain in both guests, while one is at work in most of its huge page. */
static void gain_while_hot(struct host *host, const struct host_guest *hot, uint64_t *round)
{
	twins_fill(host, HOST_HUGE_GAIN - 1);
	passes_at_work(host, hot, round);
	for (uint32_t i = 0; i < HOST_GUESTS; i++)
		page_fill(&host->guests[i], 300 + HOST_HUGE_GAIN - 1, 7777);
	for (uint32_t i = 0; i < 4; i++)
		passes_at_work(host, hot, round);
}

static void a_huge_page_that_is_hot_stays_whole_until_it_is_calm(struct host *host)
{
	const struct host_guest *hot = &host->guests[0], *calm = &host->guests[1];
	uint64_t round = 0;

	gain_while_hot(host, hot, &round);
	expect(is_huge(hot) && engine_keeps_huge(hot->engine, 0));
	expect(engine_tally(hot->engine).states[PAGE_SHARED] == 0);
	expect(parts_of_compounds(calm) == 0); /* the same to gain */
	for (uint32_t i = 0; i < 4; i++)
		passes(host);
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		expect(parts_of_compounds(&host->guests[i]) == 0);
		expect(engine_tally(host->guests[i].engine).states[PAGE_SHARED] == HOST_HUGE_GAIN);
		expect(page_is_filled(&host->guests[i], 300, 1));
	}
	expect_bytes(host, hot, 400, HUGE_PAGES - 400);
}

static void a_huge_page_that_is_zero_where_it_was_hot_is_split(struct host *host)
{
	const struct host_guest *hot = &host->guests[0];
	uint64_t round = 0;

	twins_fill(host, 0);
	passes_at_work(host, hot, &round);
	expect(is_huge(hot));
	for (uint32_t page = 0; page < 290; page++)
		page_fill(hot, page, 0);
	for (uint32_t i = 0; i < 4; i++)
		passes(host);
	expect(parts_of_compounds(hot) == 0);
	expect(engine_tally(hot->engine).populated == HUGE_PAGES - 290);
	expect_bytes(host, hot, 290, HUGE_PAGES - 290);
}

/* What was to gain while it was hot. */
static void what_there_is_no_more_to_gain_splits_no_huge_page(struct host *host)
{
	const struct host_guest *hot = &host->guests[0];
	uint64_t round = 0;

	gain_while_hot(host, hot, &round);
	page_fill(hot, 300, 8888);
	for (uint32_t i = 0; i < 4; i++)
		passes_at_work(host, hot, &round);
	for (uint32_t i = 0; i < 4; i++)
		passes(host);
	expect(is_huge(hot) && engine_keeps_huge(hot->engine, 0));
	expect(engine_tally(hot->engine).states[PAGE_SHARED] == 0);
	expect(page_is_filled(hot, 300, 8888) && page_is_filled(hot, 301, 2));
}

static void a_huge_page_that_is_hot_is_split_where_a_part_was_given_away(struct host *host)
{
	struct host_guest *hot = &host->guests[0];
	uint64_t round = 0;
	uint32_t returned;

	twins_fill(host, 0);
	passes_at_work(host, hot, &round);
	expect(is_huge(hot));
	expect(engine_discard(hot->engine, 100, 10, &returned) == 0 && returned == 10);
	engine_take_offers(hot->engine);
	expect(parts_of_compounds(hot) == 0);
	expect_bytes(host, hot, 300, HUGE_PAGES - 300);
	engine_check(hot->engine);
}

static void what_is_left_after_a_part_was_given_away_is_split(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	uint32_t returned;

	huge_fill(host, guest, HUGE_PAGES);
	engine_expect_huge(guest->engine, false);
	passes(host);
	expect(is_huge(guest));
	expect(engine_discard(guest->engine, 100, 10, &returned) == 0 && returned == 10);
	engine_take_offers(guest->engine);
	expect(parts_of_compounds(guest) == 0);
	expect(host_look(guest, 100) == LOOK_NONE);
	expect_bytes(host, guest, 0, 100);
	expect_bytes(host, guest, 110, HUGE_PAGES - 110);
	engine_check(guest->engine);
}

static void what_was_given_away_while_booting_is_split_later(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	uint32_t returned;

	huge_fill(host, guest, HUGE_PAGES);
	expect(engine_discard(guest->engine, 500, 12, &returned) == 0 && returned == 12);
	engine_expect_huge(guest->engine, false);
	passes(host);
	expect(parts_of_compounds(guest) == 0);
	expect_bytes(host, guest, 0, 500);
}

static void memory_that_was_given_away_whole_can_be_huge_again(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	uint32_t returned;

	huge_fill(host, guest, HUGE_PAGES);
	engine_expect_huge(guest->engine, true);
	passes(host);
	expect(engine_discard(guest->engine, 0, HUGE_PAGES, &returned) == 0);
	huge_fill(host, guest, HUGE_PAGES);
	passes(host);
	expect(is_huge(guest));
	host_fill(guest, 7, 0);
	passes(host);
	expect(is_huge(guest) && host_look(guest, 7) == LOOK_OWN); /* it is kept as one again */
}

static void memory_of_small_pages_can_be_huge_after_a_reboot(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	struct gmem_huge huge = { .base = guest->base,
				  .bytes = (uint64_t)HOST_PAGES * PAGE_BYTES,
				  .hugepages = GMEM_HUGEPAGES_AUTO,
				  .is_on = true };
	uint32_t returned;

	guest->remap.huge = &huge;
	huge_fill(host, guest, 3);
	engine_expect_huge(guest->engine, false);
	passes(host);
	expect(parts_of_compounds(guest) == 0);
	expect(engine_discard(guest->engine, 0, HOST_PAGES, &returned) == 0);
	expect(host_mappings(guest) <= 2);
	huge_fill(host, guest, HUGE_PAGES);
	engine_expect_huge(guest->engine, false);
	passes(host);
	expect(is_huge(guest));
	guest->remap.huge = NULL;
}

#ifndef MADV_COLLAPSE /* newer than the headers of Debian 12 */
#define MADV_COLLAPSE 25
#endif

static void small_pages_that_the_kernel_puts_together_are_known_as_huge(struct host *host)
{
	struct host_guest *guest = &host->guests[0];
	uint32_t returned;

	huge_fill(host, guest, HUGE_PAGES);
	engine_expect_huge(guest->engine, true);
	expect(remap_ops.split(&guest->remap, 0) == 0);
	passes(host);
	if (remap_ops.is_huge(&guest->remap, 0) < 0)
		return; /* this kernel does not tell, so nobody can know */
	expect(madvise(guest->base, HUGE_BYTES, MADV_HUGEPAGE) == 0);
	if (madvise(guest->base, HUGE_BYTES, MADV_COLLAPSE) < 0)
		return;
	host_fill(guest, 7, 7);
	passes(host);
	expect(engine_discard(guest->engine, 100, 10, &returned) == 0 && returned == 10);
	engine_take_offers(guest->engine);
	expect(parts_of_compounds(guest) == 0);
}

int main(void)
{
	static const struct host_test tests[] = {
		HOST_TEST(a_split_leaves_small_pages_with_the_same_bytes),
		HOST_TEST(what_a_device_has_pinned_is_not_split),
		HOST_TEST(zeroes_that_came_with_a_huge_page_are_no_gain_of_sharing),
		HOST_TEST(a_huge_page_with_little_to_gain_stays_whole),
		HOST_TEST(a_huge_page_with_much_to_gain_is_split_and_shared),
		HOST_TEST(what_there_is_to_gain_adds_up),
		HOST_TEST(a_huge_page_that_is_hot_stays_whole_until_it_is_calm),
		HOST_TEST(a_huge_page_that_is_zero_where_it_was_hot_is_split),
		HOST_TEST(what_there_is_no_more_to_gain_splits_no_huge_page),
		HOST_TEST(a_huge_page_that_is_hot_is_split_where_a_part_was_given_away),
		HOST_TEST(what_is_left_after_a_part_was_given_away_is_split),
		HOST_TEST(what_was_given_away_while_booting_is_split_later),
		HOST_TEST(memory_that_was_given_away_whole_can_be_huge_again),
		HOST_TEST(memory_of_small_pages_can_be_huge_after_a_reboot),
		HOST_TEST(small_pages_that_the_kernel_puts_together_are_known_as_huge),
	};

	host_run_tests(tests, ARRAY_SIZE(tests), false, 120);
	return 0;
}
