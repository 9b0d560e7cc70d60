/* SPDX-License-Identifier: Apache-2.0 */
/* check_fail.c - a sentence and its error number stay together */
#include "tests/unit/suite.h"

#include <errno.h>

#include "base/fail.h"

START_TEST(the_sentence_comes_with_the_negated_number)
{
	struct fail why;

	ck_assert_int_eq(fail_set(&why, EINVAL, "cannot open %s", "x.img"), -EINVAL);
	ck_assert_str_eq(why.text, "cannot open x.img");
}
END_TEST

START_TEST(the_system_s_words_follow_the_sentence)
{
	struct fail why;

	ck_assert_int_eq(fail_errno(&why, ENOENT, "cannot open disk '%s'", "x.img"), -ENOENT);
	ck_assert_str_eq(why.text, "cannot open disk 'x.img': No such file or directory");
}
END_TEST

START_TEST(a_sentence_that_is_too_long_is_cut)
{
	char text[2 * sizeof(((struct fail *)0)->text)];
	struct fail why;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(fail_set(&why, E2BIG, "%s", text), -E2BIG);
	ck_assert_uint_eq(strlen(why.text), sizeof(why.text) - 1);
	ck_assert_int_eq(fail_errno(&why, E2BIG, "%s", text), -E2BIG);
	ck_assert_uint_eq(strlen(why.text), sizeof(why.text) - 1);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &the_sentence_comes_with_the_negated_number },
	{ "core", &the_system_s_words_follow_the_sentence },
	{ "limits", &a_sentence_that_is_too_long_is_cut },
};

SUITE_MAIN("fail", tests)
