/* SPDX-License-Identifier: Apache-2.0 */
/* check_twin.c - how two pages differ, and what that looks like */
#include "tests/unit/suite.h"

#include "cli/twin.h"

#define PAGE 4096

static uint8_t a[PAGE], b[PAGE];

static void set_up(void)
{
	for (int i = 0; i < PAGE; i++)
		a[i] = b[i] = (uint8_t)(i * 7 + i / 256);
}

static void tear_down(void)
{
}

static void put_word(uint8_t *page, size_t offset, uint64_t value)
{
	memcpy(page + offset, &value, sizeof(value));
}

static void put_half(uint8_t *page, size_t offset, uint32_t value)
{
	memcpy(page + offset, &value, sizeof(value));
}

static void put_words(size_t offset, uint64_t first, uint64_t second)
{
	put_word(a, offset, first);
	put_word(b, offset, second);
}

START_TEST(words_that_differ_are_counted_once)
{
	ck_assert_uint_eq(twin_differences(a, b, 16), 0);
	b[0] ^= 1;
	b[7] ^= 1;
	b[8] ^= 1;
	b[PAGE - 1] ^= 1;
	ck_assert_uint_eq(twin_differences(a, b, 16), 3);
}
END_TEST

START_TEST(addresses_that_moved_with_the_kernel_are_its_own)
{
	put_words(0, 0xffffffff81234560, 0xffffffff9f234560);
	put_words(8, 0xffff888012345678, 0xffff9a8012345678); /* its map of all memory */
	put_words(PAGE - 8, 0xffffc90000000000, 0xffffa30000000000);
	ck_assert_int_eq(twin_cause(a, b), TWIN_KERNEL);
	ck_assert_int_eq(twin_cause(b, a), TWIN_KERNEL);
}
END_TEST

START_TEST(addresses_of_four_bytes_are_found_at_any_offset)
{
	static const size_t offsets[] = { 0, 1, 6, 7, 61, PAGE - 4 };

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		set_up();
		put_half(a, offsets[i], 0x81c0ffee);
		put_half(b, offsets[i], 0x9ec0ffee);
		ck_assert_int_eq(twin_cause(a, b), TWIN_KERNEL);
		put_half(b, offsets[i], 0x81e0ffee); /* the smallest step */
		ck_assert_int_eq(twin_cause(a, b), TWIN_KERNEL);
	}
}
END_TEST

START_TEST(addresses_of_programs_are_known_by_their_place)
{
	put_words(64, 0x00007f1234567890, 0x00007ffe00001890);
	put_words(72, 0x000055d512345010, 0x000055f912342010);
	ck_assert_int_eq(twin_cause(a, b), TWIN_PROGRAM);
	put_words(80, 0xffffffff81234560, 0xffffffff9f234560);
	ck_assert_int_eq(twin_cause(a, b), TWIN_PROGRAM);
}
END_TEST

START_TEST(what_moved_by_no_whole_step_is_something_else)
{
	put_words(0, 0xffffffff81234560, 0xffffffff81234568);
	ck_assert_int_eq(twin_cause(a, b), TWIN_OTHER);
	put_words(0, 0xffffffff81234560, 0xffffffff81235560);
	ck_assert_int_eq(twin_cause(a, b), TWIN_OTHER);
	put_words(0, 0x00007f1234567890, 0x00007f1234567898);
	ck_assert_int_eq(twin_cause(a, b), TWIN_OTHER);
}
END_TEST

START_TEST(numbers_that_are_no_addresses_are_something_else)
{
	put_words(0, 0x1000, 0x5000);
	ck_assert_int_eq(twin_cause(a, b), TWIN_OTHER);
	put_words(0, 0x00007f1234567890, 0xffffffff81234560);
	ck_assert_int_eq(twin_cause(a, b), TWIN_OTHER);
	put_words(0, 0, 0x00007f1234567000);
	ck_assert_int_eq(twin_cause(a, b), TWIN_OTHER);
}
END_TEST

START_TEST(one_other_word_among_addresses_decides)
{
	put_words(0, 0xffffffff81234560, 0xffffffff9f234560);
	b[2048] ^= 1;
	put_words(PAGE - 8, 0x00007f1234567890, 0x00007ffe00001890);
	ck_assert_int_eq(twin_cause(a, b), TWIN_OTHER);
}
END_TEST

START_TEST(counting_ends_beyond_the_limit)
{
	for (int i = 0; i < PAGE; i += 8)
		b[i] ^= 1;
	ck_assert_uint_eq(twin_differences(a, b, 16), 17);
	ck_assert_uint_eq(twin_differences(a, b, 0), 1);
	ck_assert_uint_eq(twin_differences(a, b, 512), 512);
}
END_TEST

START_TEST(bytes_at_the_very_ends_are_looked_at)
{
	b[0] ^= 1;
	ck_assert_int_eq(twin_cause(a, b), TWIN_OTHER);
	set_up();
	b[PAGE - 1] ^= 1;
	ck_assert_int_eq(twin_cause(a, b), TWIN_OTHER);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &words_that_differ_are_counted_once },
	{ "core", &addresses_that_moved_with_the_kernel_are_its_own },
	{ "core", &addresses_of_four_bytes_are_found_at_any_offset },
	{ "core", &addresses_of_programs_are_known_by_their_place },
	{ "core", &what_moved_by_no_whole_step_is_something_else },
	{ "core", &numbers_that_are_no_addresses_are_something_else },
	{ "core", &one_other_word_among_addresses_decides },
	{ "limits", &counting_ends_beyond_the_limit },
	{ "limits", &bytes_at_the_very_ends_are_looked_at },
};

SUITE_MAIN_AROUND("twin", tests, set_up, tear_down)
