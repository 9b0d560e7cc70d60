/* SPDX-License-Identifier: Apache-2.0 */
/* check_allowance.c - so much at once, and a share of the time for ever after */
#include "tests/unit/suite.h"

#include "base/clock.h"
#include "broker/allowance.h"

#define START (1000 * NS_PER_SEC)

static struct allowance allowance;

static void open_allowance(void)
{
	allowance_init(&allowance, (struct allowance_rate){ 2 * NS_PER_SEC, 25 }, START);
}

START_TEST(so_much_can_be_used_at_once)
{
	open_allowance();
	ck_assert(allowance_is_left(&allowance, START));
	allowance_spend(&allowance, 2 * NS_PER_SEC - 1);
	ck_assert(allowance_is_left(&allowance, START));
	allowance_spend(&allowance, 1);
	ck_assert(!allowance_is_left(&allowance, START));
}
END_TEST

START_TEST(what_was_overdrawn_is_made_up_for_at_its_share)
{
	open_allowance();
	allowance_spend(&allowance, 3 * NS_PER_SEC);
	ck_assert(!allowance_is_left(&allowance, START + 3 * NS_PER_SEC));
	ck_assert(!allowance_is_left(&allowance, START + 4 * NS_PER_SEC));
	ck_assert(allowance_is_left(&allowance, START + 4 * NS_PER_SEC + 1000));
}
END_TEST

START_TEST(nobody_saves_up_more_than_the_burst)
{
	open_allowance();
	allowance_spend(&allowance, NS_PER_SEC);
	ck_assert(allowance_is_left(&allowance, START + 1000000 * NS_PER_SEC));
	allowance_spend(&allowance, 2 * NS_PER_SEC);
	ck_assert(!allowance_is_left(&allowance, START + 1000000 * NS_PER_SEC));
}
END_TEST

START_TEST(it_is_full_once_all_is_made_up_for)
{
	open_allowance();
	ck_assert(allowance_is_full(&allowance, START));
	allowance_spend(&allowance, NS_PER_SEC);
	ck_assert(!allowance_is_full(&allowance, START + 3 * NS_PER_SEC));
	ck_assert(allowance_is_full(&allowance, START + 4 * NS_PER_SEC));
}
END_TEST

START_TEST(looking_often_does_not_change_what_is_left)
{
	uint64_t now = START;

	open_allowance();
	allowance_spend(&allowance, 2 * NS_PER_SEC + NS_PER_SEC / 4);
	for (; now < START + NS_PER_SEC; now += 1000)
		ck_assert(!allowance_is_left(&allowance, now));
	ck_assert(allowance_is_left(&allowance, now + 1000));
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &so_much_can_be_used_at_once },
	{ "core", &what_was_overdrawn_is_made_up_for_at_its_share },
	{ "core", &it_is_full_once_all_is_made_up_for },
	{ "limits", &nobody_saves_up_more_than_the_burst },
	{ "limits", &looking_often_does_not_change_what_is_left },
};

SUITE_MAIN("allowance", tests)
