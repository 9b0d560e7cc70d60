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

START_TEST(full_pace_has_no_brake)
{
	struct pace pace;

	pace_init(&pace, 100, PAGES);
	pace_start(&pace, 0, 0);
	ck_assert_uint_eq(pace_brake_ns(&pace, NS_PER_MS, 100 * NS_PER_SEC), 0);
}
END_TEST

START_TEST(pauses_grow_while_nothing_is_gained_and_have_an_end)
{
	static const uint32_t percents[] = { 1, 5, 99, 100 };

	for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
		struct pace pace;
		uint64_t first, last, next;

		pace_init(&pace, percents[i], PAGES);
		first = last = pace_pause_ns(&pace, PAGES, 0);
		ck_assert_uint_gt(first, 0);
		for (int pass = 0; pass < 40; pass++) {
			next = pace_pause_ns(&pace, 0, 0);
			ck_assert_uint_ge(next, last);
			last = next;
		}
		ck_assert_uint_gt(last, first);
		ck_assert_uint_le(last, 60 * NS_PER_SEC);
		ck_assert_uint_eq(pace_pause_ns(&pace, PAGES, 0), first);
	}
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

static const struct suite_test tests[] = {
	{ "core", &work_beyond_the_budget_is_slept_off },
	{ "core", &idle_time_is_not_saved_up },
	{ "core", &full_pace_has_no_brake },
	{ "core", &pauses_grow_while_nothing_is_gained_and_have_an_end },
	{ "limits", &the_smallest_budget_and_the_longest_run_do_not_overflow },
};

SUITE_MAIN("pace", tests)
