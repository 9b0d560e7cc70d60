/* SPDX-License-Identifier: Apache-2.0 */
/* check_pins.c - a page is pinned, or being exchanged, never both */
#include "vmm/gmem_pins.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "tests/unit/suite.h"

#define PAGES 64u

static struct pins pins;

static void setup(void)
{
	ck_assert_int_eq(pins_init(&pins, PAGES), 0);
}

static void finish(void)
{
	for (uint32_t i = 0; i < PAGES; i++)
		ck_assert_uint_eq(atomic_load(&pins.counts[i]), 0);
	pins_done(&pins);
	pins_done(&pins); /* once more is no harm */
}

START_TEST(a_pinned_page_is_not_claimed)
{
	setup();
	ck_assert_int_eq(pins_take(&pins, 5, 2), 0);
	ck_assert_uint_eq(pins_claim(&pins, 5, 1), 0);
	ck_assert_uint_eq(pins_claim(&pins, 6, 1), 0);
	pins_give(&pins, 5, 2);
	ck_assert_uint_eq(pins_claim(&pins, 5, 2), 2);
	pins_unclaim(&pins, 5, 2);
	finish();
}
END_TEST

START_TEST(a_claim_ends_before_the_first_pin)
{
	setup();
	ck_assert_int_eq(pins_take(&pins, 10, 1), 0);
	ck_assert_uint_eq(pins_claim(&pins, 0, PAGES), 10);
	pins_unclaim(&pins, 0, 10);
	ck_assert_uint_eq(pins_claim(&pins, 11, PAGES - 11), PAGES - 11);
	pins_unclaim(&pins, 11, PAGES - 11);
	pins_give(&pins, 10, 1);
	finish();
}
END_TEST

START_TEST(pins_add_up)
{
	setup();
	ck_assert_int_eq(pins_take(&pins, 0, 4), 0);
	ck_assert_int_eq(pins_take(&pins, 2, 4), 0);
	pins_give(&pins, 0, 4);
	ck_assert_uint_eq(pins_claim(&pins, 0, PAGES), 2);
	pins_unclaim(&pins, 0, 2);
	pins_give(&pins, 2, 4);
	finish();
}
END_TEST

START_TEST(a_claim_is_claimed_only_once)
{
	setup();
	ck_assert_uint_eq(pins_claim(&pins, 3, 1), 1);
	ck_assert_uint_eq(pins_claim(&pins, 0, PAGES), 3);
	pins_unclaim(&pins, 0, 4);
	finish();
}
END_TEST

START_TEST(too_many_pins_are_refused_whole)
{
	setup();
	for (uint32_t i = 0; i < PINS_MAX; i++)
		ck_assert_int_eq(pins_take(&pins, 7, 1), 0);
	ck_assert_int_eq(pins_take(&pins, 7, 1), -EBUSY);
	ck_assert_int_eq(pins_take(&pins, 4, 8), -EBUSY);
	ck_assert_uint_eq(atomic_load(&pins.counts[6]), 0);
	ck_assert_uint_eq(atomic_load(&pins.counts[7]), PINS_MAX);
	ck_assert_uint_eq(pins_claim(&pins, 7, 1), 0);
	for (uint32_t i = 0; i < PINS_MAX; i++)
		pins_give(&pins, 7, 1);
	finish();
}
END_TEST

START_TEST(nothing_is_pinned_where_there_is_nothing)
{
	setup();
	ck_assert_int_eq(pins_take(&pins, PAGES, 0), 0);
	pins_give(&pins, PAGES, 0);
	ck_assert_uint_eq(pins_claim(&pins, PAGES, 0), 0);
	finish();
}
END_TEST

/*
 * Plain variables that only one side at a time may touch: those who pin add to a sum of
 * their own and read what is below the page, the one who claims changes that. A thread
 * checker sees a race where the protocol does not keep them apart.
 */
enum { PINNERS = 3, ROUNDS = 20000 };

static uint64_t below[PAGES][2]; /* always equal, unless while claimed */
static atomic_int pinners_left;

static void *pinner_run(void *context)
{
	uint64_t random = (uintptr_t)context * 7919 + 1, seen = 0;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t first, count;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		first = (uint32_t)(random >> 40) % (PAGES - 8);
		count = 1 + (uint32_t)(random >> 33) % 8;
		ck_assert_int_eq(pins_take(&pins, first, count), 0);
		for (uint32_t page = first; page < first + count; page++) {
			ck_assert_uint_eq(below[page][0], below[page][1]);
			seen += below[page][0];
		}
		pins_give(&pins, first, count);
	}
	atomic_fetch_sub(&pinners_left, 1);
	return seen > 0 ? &pins : NULL;
}

START_TEST(who_pins_and_who_exchanges_never_meet)
{
	pthread_t threads[PINNERS];
	uint64_t claimed = 0;

	setup();
	atomic_store(&pinners_left, PINNERS);
	for (uintptr_t i = 0; i < PINNERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, pinner_run, (void *)i), 0);
	for (uint32_t round = 0; atomic_load(&pinners_left) > 0; round++) {
		uint64_t first = round * 13 % PAGES, n = pins_claim(&pins, first, PAGES - first);

		for (uint64_t page = first; page < first + n; page++) {
			below[page][0]++;
			below[page][1]++;
		}
		pins_unclaim(&pins, first, n);
		claimed += n;
		sched_yield();
	}
	for (uint32_t i = 0; i < PINNERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_gt(claimed, 0);
	finish();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_pinned_page_is_not_claimed },
	{ "core", &a_claim_ends_before_the_first_pin },
	{ "core", &pins_add_up },
	{ "core", &a_claim_is_claimed_only_once },
	{ "core", &who_pins_and_who_exchanges_never_meet },
	{ "limits", &too_many_pins_are_refused_whole },
	{ "limits", &nothing_is_pinned_where_there_is_nothing },
};
SUITE_MAIN("pins", tests)
