/* SPDX-License-Identifier: Apache-2.0 */
/* check_config_text.c - lines "name = value" and "[section]" */
#include "tests/unit/suite.h"

#include <errno.h>

#include "cli/config_text.h"

static char text[CONFIG_LINE_MAX + 64];
static struct config_text config;
static struct config_line line;
static struct fail why;

static int begin(const char *content)
{
	strcpy(text, content);
	why.text[0] = '\0';
	return config_text_init(text, strlen(text), &config, &why);
}

static int next(void)
{
	return config_text_next(&config, &line, &why);
}

static void expect_setting(unsigned int number, const char *name, const char *value)
{
	ck_assert_int_eq(next(), 1);
	ck_assert_uint_eq(line.number, number);
	ck_assert_ptr_null(line.section);
	ck_assert_str_eq(line.name, name);
	ck_assert_str_eq(line.value, value);
}

START_TEST(lines_come_with_their_numbers)
{
	ck_assert_int_eq(begin("# comment\n\n[one]\na = b\n  c\t=\td  \n[ two ]\n"), 0);
	ck_assert_int_eq(next(), 1);
	ck_assert_str_eq(line.section, "one");
	ck_assert_uint_eq(line.number, 3);
	expect_setting(4, "a", "b");
	expect_setting(5, "c", "d");
	ck_assert_int_eq(next(), 1);
	ck_assert_str_eq(line.section, "two");
	ck_assert_int_eq(next(), 0);
	ck_assert_int_eq(next(), 0);
}
END_TEST

START_TEST(nothing_in_a_value_is_special)
{
	ck_assert_int_eq(begin("cmdline = a=\"b # c\" ; d=[e] $f\\\nempty ="), 0);
	expect_setting(1, "cmdline", "a=\"b # c\" ; d=[e] $f\\");
	expect_setting(2, "empty", "");
	ck_assert_int_eq(next(), 0);
}
END_TEST

START_TEST(lines_may_end_as_elsewhere)
{
	ck_assert_int_eq(begin("[guest]\r\nname = a\r\n"), 0);
	ck_assert_int_eq(next(), 1);
	ck_assert_str_eq(line.section, "guest");
	expect_setting(2, "name", "a");
	ck_assert_int_eq(begin(""), 0);
	ck_assert_int_eq(next(), 0);
}
END_TEST

START_TEST(a_line_of_the_greatest_length_is_taken_and_no_longer_one)
{
	char content[CONFIG_LINE_MAX + 2];

	memset(content, 'x', sizeof(content));
	content[1] = '=';
	content[CONFIG_LINE_MAX] = '\0';
	ck_assert_int_eq(begin(content), 0);
	ck_assert_int_eq(next(), 1);
	content[CONFIG_LINE_MAX] = 'x';
	content[CONFIG_LINE_MAX + 1] = '\0';
	ck_assert_int_eq(begin(content), 0);
	ck_assert_int_eq(next(), -EINVAL);
}
END_TEST

static const char *const refused[] = { "word", "= value", "[open", "[a] b", "]" };

START_TEST(what_is_no_line_is_named)
{
	ck_assert_int_eq(begin("\n"), 0);
	ck_assert_int_eq(begin(refused[_i]), 0);
	ck_assert_int_eq(next(), -EINVAL);
	ck_assert_uint_eq(config.line, 1);
	ck_assert_ptr_nonnull(strstr(why.text, "write "));
}
END_TEST

START_TEST(bytes_that_are_no_text_are_refused_with_their_line)
{
	char zero[] = "a = b\nc\0d = e\n";

	ck_assert_int_eq(config_text_init(zero, sizeof(zero) - 1, &config, &why), -EINVAL);
	ck_assert_uint_eq(config.line, 2);
	ck_assert_int_eq(begin("a = \033[2J"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "27"));
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &lines_come_with_their_numbers },
	{ "core", &nothing_in_a_value_is_special },
	{ "core", &lines_may_end_as_elsewhere },
	{ "limits", &a_line_of_the_greatest_length_is_taken_and_no_longer_one },
	{ "misuse", &what_is_no_line_is_named, ARRAY_SIZE(refused) },
	{ "misuse", &bytes_that_are_no_text_are_refused_with_their_line },
};

SUITE_MAIN("config_text", tests)
