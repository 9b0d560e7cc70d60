/* SPDX-License-Identifier: Apache-2.0 */
/* check_claims.c - a claim is found again, and what has none costs next to nothing */
#include "dedup/claims.h"

#include "tests/unit/suite.h"

#define PAGES_MAX (UINT32_C(1) << 28)

START_TEST(a_claim_is_found_by_its_page)
{
	static const uint32_t pages[] = { 0, 1, 63, 64, 32767, 32768, 1000000, PAGES_MAX - 1 };
	struct claims claims;

	ck_assert_int_eq(claims_init(&claims, PAGES_MAX), 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(pages); i++) {
		ck_assert_uint_eq(claims_get(&claims, pages[i]), CLAIM_NONE);
		ck_assert_int_eq(claims_add(&claims, pages[i], i), 0);
	}
	ck_assert_uint_eq(claims.count, ARRAY_SIZE(pages));
	for (uint32_t i = 0; i < ARRAY_SIZE(pages); i++)
		ck_assert_uint_eq(claims_get(&claims, pages[i]), i);
	ck_assert_uint_eq(claims_get(&claims, 2), CLAIM_NONE);
	claims_done(&claims);
}
END_TEST

struct walk {
	struct claims *claims;
	uint32_t last, count;
	int drops;
};

static void on_claim(void *context, uint32_t page, uint32_t entry)
{
	struct walk *walk = context;

	ck_assert(walk->count == 0 || page > walk->last);
	ck_assert_uint_eq(entry, page + 1);
	walk->last = page;
	walk->count++;
	if (walk->drops)
		claims_drop(walk->claims, page);
}

/* Each that is visited may go, and takes its block and its chapter along. */
START_TEST(all_are_visited_in_order_and_can_be_dropped_meanwhile)
{
	struct claims claims;
	struct walk walk = { .claims = &claims };
	size_t empty_bytes;

	ck_assert_int_eq(claims_init(&claims, 200000), 0);
	empty_bytes = claims.memory_bytes;
	for (uint32_t page = 0; page < 200000; page += 37)
		ck_assert_int_eq(claims_add(&claims, page, page + 1), 0);
	claims_each(&claims, on_claim, &walk);
	ck_assert_uint_eq(walk.count, 200000 / 37 + 1);
	walk = (struct walk){ .claims = &claims, .drops = 1 };
	claims_each(&claims, on_claim, &walk);
	ck_assert_uint_eq(walk.count, 200000 / 37 + 1);
	ck_assert_uint_eq(claims.count, 0);
	ck_assert_uint_eq(claims.memory_bytes, empty_bytes);
	claims_done(&claims);
}
END_TEST

START_TEST(what_is_declared_and_not_used_takes_hardly_any_memory)
{
	struct claims claims;

	ck_assert_int_eq(claims_init(&claims, PAGES_MAX), 0);
	ck_assert_uint_le(claims.memory_bytes, 128 << 10);
	ck_assert_int_eq(claims_add(&claims, PAGES_MAX / 2, 1), 0);
	ck_assert_uint_le(claims.memory_bytes, 136 << 10);
	claims_drop(&claims, PAGES_MAX / 2);
	ck_assert_uint_le(claims.memory_bytes, 128 << 10);
	claims_done(&claims);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_claim_is_found_by_its_page },
	{ "core", &all_are_visited_in_order_and_can_be_dropped_meanwhile },
	{ "limits", &what_is_declared_and_not_used_takes_hardly_any_memory },
};

SUITE_MAIN("claims", tests)
