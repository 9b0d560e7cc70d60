/* SPDX-License-Identifier: Apache-2.0 */
/* check_twins.c - a sample of pages finds those that are almost the same */
#include "tests/unit/suite.h"

#include <stdlib.h>

#include "cli/twins.h"

#define PAGE   4096
#define SAMPLE 64

static struct twins *twins;

static void set_up(void)
{
	ck_assert_int_eq(twins_create(SAMPLE, &twins), 0);
}

static void tear_down(void)
{
	twins_free(twins);
}

/* A page of its own for each seed. */
static void page_fill(uint8_t *page, uint32_t seed)
{
	uint32_t state = seed * 2654435761u + 1;

	for (int i = 0; i < PAGE; i++) {
		state = state * 1664525u + 1013904223u;
		page[i] = (uint8_t)(state >> 24);
	}
}

/* `words` words differ, as far from each other as can be. */
static void page_change(uint8_t *page, unsigned int words)
{
	for (unsigned int i = 0; i < words; i++)
		page[i * (PAGE / words)] ^= 0xff;
}

static void add(uint32_t seed)
{
	uint8_t page[PAGE];

	page_fill(page, seed);
	twins_add(twins, page);
}

static void compare(uint32_t seed, unsigned int words)
{
	uint8_t page[PAGE];

	page_fill(page, seed);
	page_change(page, words);
	twins_compare(twins, page);
}

START_TEST(a_page_finds_its_equal)
{
	struct twins_count count;

	add(1);
	add(2);
	compare(3, 0);
	compare(2, 0);
	count = twins_count(twins);
	ck_assert_uint_eq(count.sample, 2);
	ck_assert_uint_eq(count.compared, 2);
	ck_assert_uint_eq(count.equal, 1);
	ck_assert_uint_eq(twins_near(&count), 0);
}
END_TEST

/* However the words lie: no twin within the limit goes unseen. */
START_TEST(a_twin_in_sixteen_words_is_found_and_in_seventeen_is_none)
{
	struct twins_count count;

	for (uint32_t seed = 1; seed <= SAMPLE; seed++)
		add(seed);
	for (uint32_t seed = 1; seed <= SAMPLE; seed++)
		compare(seed, TWIN_WORDS_MAX + (seed % 2));
	count = twins_count(twins);
	ck_assert_uint_eq(count.near[TWIN_OTHER], SAMPLE / 2);
	ck_assert_uint_eq(count.equal, 0);
}
END_TEST

START_TEST(the_closest_of_several_counts)
{
	uint8_t page[PAGE], moved[PAGE];
	const uint64_t here = 0xffffffff81000000, there = 0xffffffffa1000000;
	struct twins_count count;

	page_fill(page, 1);
	memcpy(moved, page, PAGE);
	memcpy(page + 64, &here, sizeof(here));
	memcpy(moved + 64, &there, sizeof(there));
	twins_add(twins, page);
	compare(1, 9);
	count = twins_count(twins);
	ck_assert_uint_eq(count.near[TWIN_OTHER], 1);
	twins_compare(twins, moved);
	compare(1, 10);
	count = twins_count(twins);
	ck_assert_uint_eq(count.near[TWIN_OTHER], 0);
	ck_assert_uint_eq(count.near[TWIN_KERNEL], 1);
	twins_compare(twins, page);
	twins_compare(twins, moved);
	count = twins_count(twins);
	ck_assert_uint_eq(count.equal, 1);
	ck_assert_uint_eq(twins_near(&count), 0);
}
END_TEST

START_TEST(pages_that_are_nearly_empty_are_no_twins)
{
	uint8_t page[PAGE] = { 0 }, other[PAGE] = { 0 };
	struct twins_count count;

	page[100] = 1;
	other[100] = 2;
	twins_add(twins, page);
	twins_compare(twins, other);
	count = twins_count(twins);
	ck_assert_uint_eq(twins_near(&count), 0);
}
END_TEST

START_TEST(the_same_bytes_elsewhere_in_the_page_are_no_twin)
{
	uint8_t page[PAGE], turned[PAGE];
	struct twins_count count;

	page_fill(page, 1);
	memcpy(turned, page + 128, PAGE - 128);
	memcpy(turned + PAGE - 128, page, 128);
	twins_add(twins, page);
	twins_compare(twins, turned);
	count = twins_count(twins);
	ck_assert_uint_eq(twins_near(&count), 0);
}
END_TEST

START_TEST(a_sample_of_nothing_finds_nothing)
{
	struct twins *none;
	struct twins_count count;
	uint8_t page[PAGE];

	page_fill(page, 1);
	ck_assert_int_eq(twins_create(0, &none), 0);
	twins_compare(none, page);
	count = twins_count(none);
	ck_assert_uint_eq(count.sample, 0);
	ck_assert_uint_eq(count.compared, 1);
	twins_free(none);
}
END_TEST

/* A guest can make any number of such pages: they must cost no more than others. */
START_TEST(pages_that_are_all_alike_fill_no_table)
{
	struct twins_count count;

	for (uint32_t i = 0; i < SAMPLE - 1; i++)
		add(1);
	add(2);
	compare(1, 1);
	compare(2, 1);
	count = twins_count(twins);
	ck_assert_uint_eq(count.near[TWIN_OTHER], 8 + 1);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_page_finds_its_equal },
	{ "core", &a_twin_in_sixteen_words_is_found_and_in_seventeen_is_none },
	{ "core", &the_closest_of_several_counts },
	{ "core", &pages_that_are_nearly_empty_are_no_twins },
	{ "core", &the_same_bytes_elsewhere_in_the_page_are_no_twin },
	{ "limits", &a_sample_of_nothing_finds_nothing },
	{ "limits", &pages_that_are_all_alike_fill_no_table },
};

SUITE_MAIN_AROUND("twins", tests, set_up, tear_down)
