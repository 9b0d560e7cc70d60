/* SPDX-License-Identifier: Apache-2.0 */
/* check_page.c - a page goes only where the picture in page.h has an arrow */
#include "tests/unit/suite.h"

#include <stdbool.h>

#include "base/auto.h"
#include "dedup/page.h"

START_TEST(a_page_that_is_shared_was_held_before)
{
	for (enum page_state from = PAGE_PRIVATE; from < PAGE_STATES; from++) {
		ck_assert_int_eq(page_transition_is_valid(from, PAGE_SHARED), from == PAGE_HELD);
		ck_assert_int_eq(page_transition_is_valid(from, PAGE_ZERO), from == PAGE_HELD);
	}
}
END_TEST

START_TEST(only_a_shared_page_can_break)
{
	for (enum page_state from = PAGE_PRIVATE; from < PAGE_STATES; from++)
		ck_assert_int_eq(page_transition_is_valid(from, PAGE_BROKEN), from == PAGE_SHARED);
}
END_TEST

START_TEST(the_way_to_a_frame_is_open)
{
	static const enum page_state way[] = { PAGE_PRIVATE, PAGE_CALM,	     PAGE_PROBED,
					       PAGE_TWIN,    PAGE_PUBLISHED, PAGE_HELD,
					       PAGE_SHARED,  PAGE_BROKEN,    PAGE_PRIVATE };

	for (size_t i = 0; i + 1 < ARRAY_SIZE(way); i++)
		ck_assert(page_transition_is_valid(way[i], way[i + 1]));
	ck_assert(page_transition_is_valid(PAGE_PROBED, PAGE_HELD)); /* an offer */
}
END_TEST

START_TEST(a_page_that_waits_for_nobody_can_be_given_away)
{
	static const bool can[PAGE_STATES] = { [PAGE_PRIVATE] = true,
					       [PAGE_CALM] = true,
					       [PAGE_PROBED] = true,
					       [PAGE_SHARED] = true,
					       [PAGE_ZERO] = true };

	for (enum page_state state = PAGE_PRIVATE; state < PAGE_STATES; state++) {
		ck_assert_int_eq(page_transition_is_valid(state, PAGE_RETURNED), can[state]);
		ck_assert_int_eq(page_transition_is_valid(PAGE_RETURNED, state),
				 state == PAGE_PRIVATE);
	}
}
END_TEST

START_TEST(every_state_leads_back_to_private)
{
	for (enum page_state from = PAGE_CALM; from < PAGE_STATES; from++)
		ck_assert(page_transition_is_valid(from, PAGE_PRIVATE));
}
END_TEST

START_TEST(no_state_leads_to_itself)
{
	for (enum page_state from = PAGE_PRIVATE; from < PAGE_STATES; from++)
		ck_assert(!page_transition_is_valid(from, from));
}
END_TEST

START_TEST(every_state_has_a_name_of_its_own)
{
	for (enum page_state a = PAGE_PRIVATE; a < PAGE_STATES; a++)
		for (enum page_state b = PAGE_PRIVATE; b < a; b++)
			ck_assert_str_ne(page_state_name(a), page_state_name(b));
}
END_TEST

START_TEST(a_page_costs_eight_bytes)
{
	ck_assert_uint_eq(sizeof(struct page), 8);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_page_that_is_shared_was_held_before },
	{ "core", &only_a_shared_page_can_break },
	{ "core", &the_way_to_a_frame_is_open },
	{ "core", &a_page_that_waits_for_nobody_can_be_given_away },
	{ "core", &every_state_leads_back_to_private },
	{ "core", &no_state_leads_to_itself },
	{ "core", &every_state_has_a_name_of_its_own },
	{ "limits", &a_page_costs_eight_bytes },
};

SUITE_MAIN("page", tests)
