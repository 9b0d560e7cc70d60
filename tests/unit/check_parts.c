/* SPDX-License-Identifier: Apache-2.0 */
/* check_parts.c - bytes in several parts are the same bytes */
#include "tests/unit/suite.h"

#include "base/auto.h"
#include "base/parts.h"

/* "abc", nothing, "d", "efgh" */
static char bytes[] = "abc.d.efgh";
static const struct iovec parts[] = {
	{ .iov_base = bytes, .iov_len = 3 },
	{ .iov_base = bytes + 3, .iov_len = 0 },
	{ .iov_base = bytes + 4, .iov_len = 1 },
	{ .iov_base = bytes + 6, .iov_len = 4 },
};
#define PARTS ((unsigned int)ARRAY_SIZE(parts))
#define WHOLE "abcdefgh"
#define TOTAL 8u

START_TEST(a_length_is_that_of_all_parts)
{
	ck_assert_uint_eq(parts_length(parts, PARTS), TOTAL);
	ck_assert_uint_eq(parts_length(parts, 1), 3);
	ck_assert_uint_eq(parts_length(parts, 0), 0);
}
END_TEST

START_TEST(any_range_is_gathered)
{
	for (size_t from = 0; from <= TOTAL; from++)
		for (size_t length = 0; length <= TOTAL - from; length++) {
			char to[TOTAL + 1] = "";

			ck_assert_uint_eq(parts_gather(parts, PARTS, from, to, length), length);
			ck_assert_int_eq(strncmp(to, WHOLE + from, length), 0);
			ck_assert_uint_eq(strlen(to), length);
		}
}
END_TEST

START_TEST(any_range_is_scattered)
{
	for (size_t from = 0; from <= TOTAL; from++)
		for (size_t length = 0; length <= TOTAL - from; length++) {
			char expected[TOTAL + 1] = WHOLE, now[TOTAL + 1] = "";

			memcpy(bytes, "abc.d.efgh", sizeof(bytes));
			memset(expected + from, 'X', length);
			ck_assert_uint_eq(parts_scatter(parts, PARTS, from, "XXXXXXXX", length),
					  length);
			ck_assert_uint_eq(parts_gather(parts, PARTS, 0, now, TOTAL), TOTAL);
			ck_assert_str_eq(now, expected);
			ck_assert_int_eq(bytes[3], '.');
			ck_assert_int_eq(bytes[5], '.');
		}
}
END_TEST

START_TEST(a_slice_has_the_bytes_of_its_range)
{
	for (size_t from = 0; from < TOTAL; from++)
		for (size_t length = 1; length <= TOTAL - from; length++) {
			struct iovec slice[PARTS];
			char to[TOTAL + 1] = "";
			unsigned int count = parts_slice(parts, PARTS, from, length, slice);

			ck_assert_uint_gt(count, 0);
			ck_assert_uint_eq(parts_length(slice, count), length);
			for (unsigned int i = 0; i < count; i++)
				ck_assert_uint_gt(slice[i].iov_len, 0);
			parts_gather(slice, count, 0, to, sizeof(to));
			ck_assert_int_eq(strncmp(to, WHOLE + from, length), 0);
		}
}
END_TEST

START_TEST(what_is_behind_the_end_is_not_there)
{
	struct iovec slice[PARTS];
	char to[2 * TOTAL] = "";

	ck_assert_uint_eq(parts_gather(parts, PARTS, 6, to, sizeof(to)), 2);
	ck_assert_str_eq(to, "gh");
	ck_assert_uint_eq(parts_gather(parts, PARTS, TOTAL, to, 1), 0);
	ck_assert_uint_eq(parts_gather(parts, PARTS, UINT64_MAX, to, 1), 0);
	ck_assert_uint_eq(parts_scatter(parts, PARTS, 7, "XX", 2), 1);
	ck_assert_uint_eq(parts_scatter(parts, PARTS, UINT64_MAX, "X", 1), 0);
	ck_assert_str_eq(bytes, "abc.d.efgX");
	ck_assert_uint_eq(parts_slice(parts, PARTS, 0, TOTAL + 1, slice), 0);
	ck_assert_uint_eq(parts_slice(parts, PARTS, TOTAL, 1, slice), 0);
	ck_assert_uint_eq(parts_slice(parts, PARTS, 1, UINT64_MAX, slice), 0);
	ck_assert_uint_eq(parts_slice(parts, PARTS, 2, 0, slice), 0);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_length_is_that_of_all_parts },
	{ "core", &any_range_is_gathered },
	{ "core", &any_range_is_scattered },
	{ "core", &a_slice_has_the_bytes_of_its_range },
	{ "limits", &what_is_behind_the_end_is_not_there },
};

SUITE_MAIN("parts", tests)
