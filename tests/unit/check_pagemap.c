/* SPDX-License-Identifier: Apache-2.0 */
/* check_pagemap.c - what an entry of pagemap says about a page */
#include "tests/unit/suite.h"

#include "dedup/memory.h"
#include "vmm/pagemap.h"

/* Bits as in Documentation/admin-guide/mm/pagemap.rst */
#define EXCLUSIVE (UINT64_C(1) << 56)
#define FILE_PAGE (UINT64_C(1) << 61)
#define SWAPPED	  (UINT64_C(1) << 62)
#define PRESENT	  (UINT64_C(1) << 63)

START_TEST(own_memory_is_own_wherever_it_is)
{
	ck_assert_int_eq(pagemap_entry_look(PRESENT | EXCLUSIVE), LOOK_OWN);
	ck_assert_int_eq(pagemap_entry_look(SWAPPED), LOOK_SWAP);
}
END_TEST

START_TEST(nothing_is_nothing)
{
	ck_assert_int_eq(pagemap_entry_look(0), LOOK_NONE);
	ck_assert_int_eq(pagemap_entry_look(PRESENT), LOOK_OTHER); /* the zero page */
}
END_TEST

/* Compaction makes a frame look swapped while it moves: it is shared all the same. */
START_TEST(a_frame_is_never_taken_for_a_broken_page)
{
	ck_assert_int_eq(pagemap_entry_look(PRESENT | FILE_PAGE), LOOK_OTHER);
	ck_assert_int_eq(pagemap_entry_look(PRESENT | FILE_PAGE | EXCLUSIVE), LOOK_OTHER);
	ck_assert_int_eq(pagemap_entry_look(SWAPPED | FILE_PAGE), LOOK_OTHER);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &own_memory_is_own_wherever_it_is },
	{ "core", &nothing_is_nothing },
	{ "limits", &a_frame_is_never_taken_for_a_broken_page },
};
SUITE_MAIN("pagemap", tests)
