/* SPDX-License-Identifier: Apache-2.0 */
/* check_pace.c - the engine keeps to its budget, and rests where nothing is to be had */
#include "tests/unit/suite.h"

#include "base/auto.h"
#include "base/clock.h"
#include "dedup/pace.h"

#define PAGES 65536u

START_TEST(work_beyond_the_budget_is_slept_off)
{
	struct pace pace;

	pace_init(&pace, 10, PAGES);
	pace_start(&pace, 1000 * NS_PER_MS, 50 * NS_PER_MS);
	/* 10 ms of work are due every 100 ms; 10 have passed: 90 are missing */
	ck_assert_uint_eq(pace_brake_ns(&pace, 1010 * NS_PER_MS, 60 * NS_PER_MS), 90 * NS_PER_MS);
	ck_assert_uint_eq(pace_brake_ns(&pace, 1100 * NS_PER_MS, 60 * NS_PER_MS), 0);
	ck_assert_uint_eq(pace_brake_ns(&pace, 9000 * NS_PER_MS, 60 * NS_PER_MS), 0);
}
END_TEST

START_TEST(idle_time_is_not_saved_up)
{
	struct pace pace;

	pace_init(&pace, 50, PAGES);
	pace_start(&pace, 0, 0);
	pace_start(&pace, 100 * NS_PER_SEC, 0);
	ck_assert_uint_eq(pace_brake_ns(&pace, 100 * NS_PER_SEC + 10 * NS_PER_MS, 10 * NS_PER_MS),
			  10 * NS_PER_MS);
}
END_TEST

/* As the dedup thread does: each time it wakes, and works for 100 ms of a budget of 10 %. */
START_TEST(what_was_used_is_not_forgiven)
{
	struct pace pace;
	uint64_t wall = 0, busy = 0;

	pace_init(&pace, 10, PAGES);
	for (int i = 0; i < 100; i++) {
		pace_start(&pace, wall, busy);
		ck_assert_uint_eq(pace_brake_ns(&pace, wall, busy), 0);
		busy += 100 * NS_PER_MS;
		wall += 100 * NS_PER_MS;
		wall += i % 2 ? 0 : 50 * NS_PER_MS;
		pace_start(&pace, wall, busy); /* another piece of work, before that is slept off */
		busy += NS_PER_MS;
		wall += NS_PER_MS;
		wall += pace_brake_ns(&pace, wall, busy);
	}
	ck_assert_uint_ge(wall, busy * 10);
	ck_assert_uint_lt(wall, busy * 11);
}
END_TEST

START_TEST(full_pace_has_no_brake)
{
	struct pace pace;

	pace_init(&pace, 100, PAGES);
	pace_start(&pace, 0, 0);
	ck_assert_uint_eq(pace_brake_ns(&pace, NS_PER_MS, 100 * NS_PER_SEC), 0);
}
END_TEST

/* After a pass of that price. */
static uint64_t pause_after(struct pace *pace, uint64_t gained_pages, uint64_t price_ns)
{
	struct pace_pass pass = { .gained_pages = gained_pages, .price_ns = price_ns };

	return pace_pause_ns(pace, &pass);
}

START_TEST(pauses_grow_while_nothing_is_gained_and_have_an_end)
{
	static const uint32_t percents[] = { 1, 5, 99, 100 };

	for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
		struct pace pace;
		uint64_t first, last, next;

		pace_init(&pace, percents[i], PAGES);
		first = last = pause_after(&pace, PAGES, NS_PER_SEC);
		ck_assert_uint_gt(first, 0);
		for (int pass = 0; pass < 40; pass++) {
			next = pause_after(&pace, 0, NS_PER_SEC);
			ck_assert_uint_ge(next, last);
			last = next;
		}
		ck_assert_uint_gt(last, first);
		ck_assert_uint_le(last, 60 * NS_PER_SEC);
		ck_assert_uint_eq(pause_after(&pace, PAGES, NS_PER_SEC), first);
	}
}
END_TEST

/* Of passes that gain nothing, when they have come to rest. */
static uint64_t pause_at_rest(uint64_t price_ns)
{
	struct pace pace;
	uint64_t pause = 0;

	pace_init(&pace, 20, PAGES);
	for (int pass = 0; pass < 40; pass++)
		pause = pause_after(&pace, 0, price_ns);
	return pause;
}

START_TEST(cheap_passes_come_sooner)
{
	uint64_t dear = pause_at_rest(NS_PER_SEC), middling = pause_at_rest(5 * NS_PER_MS);
	uint64_t cheap = pause_at_rest(NS_PER_MS / 10), free = pause_at_rest(0);

	ck_assert_uint_gt(dear, middling);
	ck_assert_uint_eq(middling, 5 * NS_PER_SEC); /* one part in a thousand */
	ck_assert_uint_gt(middling, cheap);
	ck_assert_uint_eq(cheap, free);
	ck_assert_uint_ge(free, NS_PER_SEC); /* a host of idle guests sleeps */
}
END_TEST

START_TEST(one_dear_pass_is_no_reason_to_wait)
{
	struct pace pace;
	uint64_t rest = 0;

	pace_init(&pace, 20, PAGES);
	for (int pass = 0; pass < 40; pass++)
		rest = pause_after(&pace, 0, 0);
	ck_assert_uint_eq(pause_after(&pace, 0, NS_PER_SEC), rest);
	ck_assert_uint_gt(pause_after(&pace, 0, NS_PER_SEC), rest);
}
END_TEST

/* As in a guest that has nothing to gain any more. Returns how long the shortest was. */
static uint64_t pauses_grow(struct pace *pace)
{
	uint64_t shortest;

	pace_init(pace, 20, PAGES);
	shortest = pause_after(pace, PAGES, 0);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_gt(pause_after(pace, 0, 0), shortest);
	return shortest;
}

START_TEST(a_host_that_is_short_of_memory_is_helped_at_once)
{
	struct pace_pass pass = { .memory_is_short = true };
	struct pace pace;
	uint64_t shortest;

	shortest = pauses_grow(&pace);
	ck_assert_uint_eq(pace_pause_ns(&pace, &pass), shortest);
	ck_assert_uint_eq(pace_pause_ns(&pace, &pass), shortest);
	ck_assert_uint_gt(pause_after(&pace, 0, 0), shortest);
}
END_TEST

START_TEST(a_host_that_becomes_short_while_a_pause_lasts_makes_it_the_shortest)
{
	struct pace pace;
	uint64_t shortest;

	shortest = pauses_grow(&pace);
	ck_assert_uint_eq(pace_hurry_ns(&pace), shortest);
	ck_assert_uint_eq(pause_after(&pace, 0, 0), 2 * shortest); /* and it was that once */
	pace_init(&pace, 100, PAGES);
	shortest = pause_after(&pace, PAGES, 0);
	ck_assert_uint_eq(pace_hurry_ns(&pace), shortest);
}
END_TEST

START_TEST(the_smallest_budget_and_the_longest_run_do_not_overflow)
{
	struct pace pace;
	uint64_t year = 365 * 24 * 3600 * NS_PER_SEC;

	pace_init(&pace, 1, PAGES);
	pace_start(&pace, 0, 0);
	ck_assert_uint_eq(pace_brake_ns(&pace, year, year), 99 * year);
}
END_TEST

START_TEST(time_that_seems_to_run_backwards_is_none_at_all)
{
	struct pace pace;

	pace_init(&pace, 10, PAGES);
	pace_start(&pace, 1000 * NS_PER_MS, 50 * NS_PER_MS);
	ck_assert_uint_eq(pace_brake_ns(&pace, 1010 * NS_PER_MS, 40 * NS_PER_MS), 0);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &work_beyond_the_budget_is_slept_off },
	{ "core", &idle_time_is_not_saved_up },
	{ "core", &what_was_used_is_not_forgiven },
	{ "core", &full_pace_has_no_brake },
	{ "core", &pauses_grow_while_nothing_is_gained_and_have_an_end },
	{ "core", &cheap_passes_come_sooner },
	{ "core", &one_dear_pass_is_no_reason_to_wait },
	{ "core", &a_host_that_is_short_of_memory_is_helped_at_once },
	{ "core", &a_host_that_becomes_short_while_a_pause_lasts_makes_it_the_shortest },
	{ "faults", &time_that_seems_to_run_backwards_is_none_at_all },
	{ "limits", &the_smallest_budget_and_the_longest_run_do_not_overflow },
};

SUITE_MAIN("pace", tests)
