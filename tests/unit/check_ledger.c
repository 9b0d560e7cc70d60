/* SPDX-License-Identifier: Apache-2.0 */
/* check_ledger.c - a reference that was not given can't be given back */
#include "tests/unit/suite.h"

#include <errno.h>

#include "dedup/ledger.h"

static struct ledger ledger;

struct seen {
	uint32_t frames[16];
	uint32_t counts[16];
	uint32_t count;
};

static void on_each(void *context, uint32_t frame, uint32_t count)
{
	struct seen *seen = context;

	ck_assert_uint_lt(seen->count, 16);
	seen->frames[seen->count] = frame;
	seen->counts[seen->count++] = count;
}

START_TEST(what_was_added_can_be_dropped_as_often)
{
	ledger_init(&ledger);
	ck_assert(!ledger_has(&ledger, 7));
	ck_assert_int_eq(ledger_add(&ledger, 7), 1);
	ck_assert_int_eq(ledger_add(&ledger, 7), 2);
	ck_assert(ledger_has(&ledger, 7));
	ck_assert(!ledger_has(&ledger, 8));
	ck_assert_uint_eq(ledger.held, 2);
	ck_assert_int_eq(ledger_drop(&ledger, 7), 1);
	ck_assert_int_eq(ledger_drop(&ledger, 7), 0);
	ck_assert(!ledger_has(&ledger, 7));
	ck_assert_int_eq(ledger_drop(&ledger, 7), -ENOENT);
	ck_assert_uint_eq(ledger.held, 0);
	ledger_done(&ledger);
}
END_TEST

START_TEST(each_goes_up_through_all_frames)
{
	static const uint32_t added[] = { 5000000, 3, 1024, 1023, 3 };
	struct seen seen = { .count = 0 };

	ledger_init(&ledger);
	for (size_t i = 0; i < ARRAY_SIZE(added); i++)
		ck_assert_int_gt(ledger_add(&ledger, added[i]), 0);
	ledger_each(&ledger, on_each, &seen);
	ck_assert_uint_eq(seen.count, 4);
	ck_assert_uint_eq(seen.frames[0], 3);
	ck_assert_uint_eq(seen.counts[0], 2);
	ck_assert_uint_eq(seen.frames[1], 1023);
	ck_assert_uint_eq(seen.frames[2], 1024);
	ck_assert_uint_eq(seen.frames[3], 5000000);
	ledger_done(&ledger);
}
END_TEST

START_TEST(memory_goes_with_the_references)
{
	size_t empty;

	ledger_init(&ledger);
	ck_assert_int_eq(ledger_add(&ledger, 100000), 1);
	ck_assert_int_eq(ledger_drop(&ledger, 100000), 0);
	empty = ledger.memory_bytes;
	for (uint32_t i = 0; i < 100000; i++)
		ck_assert_int_eq(ledger_add(&ledger, i), 1);
	ck_assert_uint_ge(ledger.memory_bytes, 200000);
	for (uint32_t i = 0; i < 100000; i++)
		ck_assert_int_eq(ledger_drop(&ledger, i), 0);
	ck_assert_uint_eq(ledger.memory_bytes, empty);
	ledger_done(&ledger);
}
END_TEST

START_TEST(a_full_count_is_an_error_and_not_an_overflow)
{
	ledger_init(&ledger);
	for (uint32_t i = 0; i < UINT16_MAX; i++)
		ck_assert_int_eq(ledger_add(&ledger, 9), (int)i + 1);
	ck_assert_int_eq(ledger_add(&ledger, 9), -EMLINK);
	ck_assert_uint_eq(ledger.held, UINT16_MAX);
	ck_assert_int_eq(ledger_drop(&ledger, 9), UINT16_MAX - 1);
	ck_assert_int_eq(ledger_add(&ledger, 9), UINT16_MAX);
	ledger_done(&ledger);
}
END_TEST

START_TEST(foreign_frames_can_not_be_dropped)
{
	ledger_init(&ledger);
	ck_assert_int_eq(ledger_drop(&ledger, 0), -ENOENT);
	ck_assert_int_eq(ledger_drop(&ledger, UINT32_MAX), -ENOENT);
	ck_assert_int_eq(ledger_add(&ledger, 4), 1);
	ck_assert_int_eq(ledger_drop(&ledger, 5), -ENOENT);
	ck_assert_int_eq(ledger_drop(&ledger, 4 + 1024), -ENOENT);
	ck_assert_uint_eq(ledger.held, 1);
	ledger_done(&ledger);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &what_was_added_can_be_dropped_as_often },
	{ "core", &each_goes_up_through_all_frames },
	{ "core", &memory_goes_with_the_references },
	{ "limits", &a_full_count_is_an_error_and_not_an_overflow },
	{ "misuse", &foreign_frames_can_not_be_dropped },
};

SUITE_MAIN("ledger", tests)
