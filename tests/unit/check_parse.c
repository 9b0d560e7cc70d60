/* SPDX-License-Identifier: Apache-2.0 */
/* check_parse.c - numbers, sizes and names are what people mean, or refused */
#include "tests/unit/suite.h"

#include <errno.h>
#include <stdint.h>

#include "base/parse.h"

#define MIB (UINT64_C(1) << 20)

START_TEST(a_number_is_decimal)
{
	uint64_t number;

	ck_assert_int_eq(parse_number("0", 0, 9, &number), 0);
	ck_assert_uint_eq(number, 0);
	ck_assert_int_eq(parse_number("0042", 0, 99, &number), 0);
	ck_assert_uint_eq(number, 42);
}
END_TEST

START_TEST(a_bare_size_is_in_mib)
{
	uint64_t bytes;

	ck_assert_int_eq(parse_size("512", &bytes), 0);
	ck_assert_uint_eq(bytes, 512 * MIB);
}
END_TEST

START_TEST(a_size_takes_its_unit_in_any_case_and_form)
{
	static const char *const one_gib[] = { "1G",   "1g",	"1GB",	    "1GiB",
					       "1gib", "1024M", "1048576K", "1048576kb" };
	uint64_t bytes;

	for (size_t i = 0; i < ARRAY_SIZE(one_gib); i++) {
		ck_assert_int_eq(parse_size(one_gib[i], &bytes), 0);
		ck_assert_uint_eq(bytes, 1024 * MIB);
	}
	ck_assert_int_eq(parse_size("2T", &bytes), 0);
	ck_assert_uint_eq(bytes, 2 * MIB * MIB);
}
END_TEST

START_TEST(a_name_is_letters_digits_and_three_signs)
{
	ck_assert(name_is_valid("a"));
	ck_assert(name_is_valid("web-1.example_2"));
	ck_assert(name_is_valid("0"));
}
END_TEST

START_TEST(bounds_belong_to_the_range)
{
	uint64_t number = 7;

	ck_assert_int_eq(parse_number("1", 1, 32, &number), 0);
	ck_assert_int_eq(parse_number("32", 1, 32, &number), 0);
	ck_assert_uint_eq(number, 32);
	ck_assert_int_eq(parse_number("0", 1, 32, &number), -ERANGE);
	ck_assert_int_eq(parse_number("33", 1, 32, &number), -ERANGE);
	ck_assert_uint_eq(number, 32); /* untouched */
}
END_TEST

START_TEST(numbers_end_at_64_bits)
{
	uint64_t number = 7;

	ck_assert_int_eq(parse_number("18446744073709551615", 0, UINT64_MAX, &number), 0);
	ck_assert_uint_eq(number, UINT64_MAX);
	ck_assert_int_eq(parse_number("18446744073709551616", 0, UINT64_MAX, &number), -ERANGE);
	ck_assert_int_eq(parse_size("16777215T", &number), 0);
	ck_assert_int_eq(parse_size("16777216T", &number), -ERANGE);
	ck_assert_int_eq(parse_size("17592186044416", &number), -ERANGE);
}
END_TEST

START_TEST(a_name_has_63_bytes_at_most)
{
	char name[66];

	memset(name, 'x', sizeof(name));
	name[NAME_MAX_LENGTH] = '\0';
	ck_assert(name_is_valid(name));
	name[NAME_MAX_LENGTH] = 'x';
	name[NAME_MAX_LENGTH + 1] = '\0';
	ck_assert(!name_is_valid(name));
	ck_assert(!name_is_valid(""));
}
END_TEST

START_TEST(what_is_no_number_is_refused_and_changes_nothing)
{
	static const char *const wrong[] = { "",    "-1",  "+1",  " 1", "1 ",	   "0x10",
					     "1.5", "1e3", "one", "1K", "\xd9\xa1" };
	uint64_t number = 7;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_int_eq(parse_number(wrong[i], 0, UINT64_MAX, &number), -EINVAL);
	ck_assert_uint_eq(number, 7);
}
END_TEST

START_TEST(what_is_no_size_is_refused_and_changes_nothing)
{
	static const char *const wrong[] = { "",    "M",    "-1M", "1P", "1 M",	 "1MM",
					     "1Mx", "1.5G", "1iB", "1B", "1GiBs" };
	uint64_t bytes = 7;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_int_eq(parse_size(wrong[i], &bytes), -EINVAL);
	ck_assert_uint_eq(bytes, 7);
}
END_TEST

START_TEST(a_name_can_not_leave_its_directory)
{
	static const char *const wrong[] = { ".",  "..",  ".hidden", "a/b",	 "../a", "-option",
					     "_a", "a b", "a\n",     "\xc3\xa4", "a@b",	 "a:b" };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_msg(!name_is_valid(wrong[i]), "%s", wrong[i]);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_number_is_decimal },
	{ "core", &a_bare_size_is_in_mib },
	{ "core", &a_size_takes_its_unit_in_any_case_and_form },
	{ "core", &a_name_is_letters_digits_and_three_signs },
	{ "limits", &bounds_belong_to_the_range },
	{ "limits", &numbers_end_at_64_bits },
	{ "limits", &a_name_has_63_bytes_at_most },
	{ "misuse", &what_is_no_number_is_refused_and_changes_nothing },
	{ "misuse", &what_is_no_size_is_refused_and_changes_nothing },
	{ "misuse", &a_name_can_not_leave_its_directory },
};

SUITE_MAIN("parse", tests)
