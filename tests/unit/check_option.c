/* SPDX-License-Identifier: Apache-2.0 */
/* check_option.c - options as tables */
#include "tests/unit/suite.h"

#include <errno.h>
#include <stdbool.h>

#include "base/log.h"
#include "cli/option.h"

struct settings {
	bool flag, on;
	const char *text, *name;
	uint64_t number, size, seconds;
	enum log_level level;
	unsigned int choice;
	struct option_texts texts;
};

static const struct option options[] = {
	{ "flag", NULL, "a flag", OPTION_FLAG, offsetof(struct settings, flag), 0, 0, 0 },
	{ "on", "on|off", "a choice", OPTION_ON_OFF, offsetof(struct settings, on), 0, 0, 0 },
	{ "text", "TEXT", "a text\nof two lines", OPTION_TEXT, offsetof(struct settings, text), 0,
	  0, 0 },
	{ "name", "NAME", "a name", OPTION_NAME, offsetof(struct settings, name), 0, 0, 0 },
	{ "number", "N", "a number", OPTION_NUMBER, offsetof(struct settings, number), 2, 8, 0 },
	{ "size", "SIZE", "a size", OPTION_SIZE, offsetof(struct settings, size), 1 << 20, 1 << 30,
	  0 },
	{ "watch", "[S]", "seconds", OPTION_SECONDS, offsetof(struct settings, seconds), 1, 60, 2 },
	{ "level", "LEVEL", "a level", OPTION_LEVEL, offsetof(struct settings, level), 0, 0, 0 },
	{ "choice", "this|that|other", "a choice", OPTION_CHOICE, offsetof(struct settings, choice),
	  0, 0, 0 },
	{ "many", "TEXT", "texts", OPTION_TEXTS, offsetof(struct settings, texts), 0, 0, 0 },
	{ 0 },
};

static struct settings settings;
static struct fail why;
static char *words[64];
static int operands;
static uint64_t given;

/* The words up to NULL, as the arguments of a verb. */
static int parse(char **list)
{
	int count = 0;

	memset(&settings, 0, sizeof(settings));
	why.text[0] = '\0';
	operands = -1;
	for (; list[count]; count++)
		words[count] = list[count];
	return options_parse(options, count, words, &settings, &operands, &given, &why);
}

#define PARSE(...) parse((char *[]){ __VA_ARGS__, NULL })

START_TEST(values_come_behind_a_blank_or_an_equals_sign)
{
	ck_assert_int_eq(PARSE("--number", "3", "--size=2M", "--text", "--flag", "--name=a-1"),
			 OPTIONS_PARSED);
	ck_assert_uint_eq(settings.number, 3);
	ck_assert_uint_eq(settings.size, 2 << 20);
	ck_assert_str_eq(settings.text, "--flag");
	ck_assert_str_eq(settings.name, "a-1");
	ck_assert(!settings.flag);
	ck_assert_int_eq(operands, 0);
}
END_TEST

START_TEST(an_empty_value_is_a_value)
{
	ck_assert_int_eq(PARSE("--text="), OPTIONS_PARSED);
	ck_assert_str_eq(settings.text, "");
	ck_assert_int_eq(PARSE("--number="), -EINVAL);
}
END_TEST

START_TEST(operands_keep_their_order_between_options)
{
	ck_assert_int_eq(PARSE("one", "--flag", "two", "-", "--", "--flag"), OPTIONS_PARSED);
	ck_assert_int_eq(operands, 4);
	ck_assert_str_eq(words[0], "one");
	ck_assert_str_eq(words[1], "two");
	ck_assert_str_eq(words[2], "-");
	ck_assert_str_eq(words[3], "--flag");
	ck_assert(settings.flag);
}
END_TEST

START_TEST(seconds_may_be_left_out)
{
	ck_assert_int_eq(PARSE("--watch"), OPTIONS_PARSED);
	ck_assert_uint_eq(settings.seconds, 2);
	ck_assert_int_eq(PARSE("--watch", "--flag"), OPTIONS_PARSED);
	ck_assert_uint_eq(settings.seconds, 2);
	ck_assert(settings.flag);
	ck_assert_int_eq(PARSE("--watch", "7"), OPTIONS_PARSED);
	ck_assert_uint_eq(settings.seconds, 7);
	ck_assert_int_eq(PARSE("--watch=9"), OPTIONS_PARSED);
	ck_assert_uint_eq(settings.seconds, 9);
	ck_assert_int_eq(PARSE("--watch=0"), -EINVAL);
}
END_TEST

START_TEST(texts_are_listed_in_their_order)
{
	ck_assert_int_eq(PARSE("--many", "one", "--flag", "--many=", "--many", "--many"),
			 OPTIONS_PARSED);
	ck_assert_uint_eq(settings.texts.count, 3);
	ck_assert_str_eq(settings.texts.texts[0], "one");
	ck_assert_str_eq(settings.texts.texts[1], "");
	ck_assert_str_eq(settings.texts.texts[2], "--many");
	ck_assert(settings.flag);
}
END_TEST

START_TEST(texts_have_a_bound)
{
	char *list[OPTION_MAX_TEXTS + 2] = { NULL };

	for (unsigned int i = 0; i < OPTION_MAX_TEXTS; i++)
		list[i] = "--many=x";
	ck_assert_int_eq(parse(list), OPTIONS_PARSED);
	ck_assert_uint_eq(settings.texts.count, OPTION_MAX_TEXTS);
	list[OPTION_MAX_TEXTS] = "--many=x";
	ck_assert_int_eq(parse(list), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "--many"));
}
END_TEST

START_TEST(help_wins_over_what_follows)
{
	ck_assert_int_eq(PARSE("--flag", "--help", "--nonsense"), OPTIONS_HELP);
	ck_assert_int_eq(PARSE("-h"), OPTIONS_HELP);
}
END_TEST

START_TEST(each_kind_takes_its_values)
{
	ck_assert_int_eq(PARSE("--on=on", "--level", "debug"), OPTIONS_PARSED);
	ck_assert(settings.on);
	ck_assert_int_eq(settings.level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(PARSE("--choice=this"), OPTIONS_PARSED);
	ck_assert_uint_eq(settings.choice, 0);
	ck_assert_int_eq(PARSE("--choice", "other"), OPTIONS_PARSED);
	ck_assert_uint_eq(settings.choice, 2);
	ck_assert_int_eq(PARSE("--on=off"), OPTIONS_PARSED);
	ck_assert(!settings.on);
}
END_TEST

static struct {
	char *words[3];
	const char *said; /* what the sentence must name */
} const refused[] = {
	{ { "--nonsense" }, "--nonsense" },
	{ { "--num", "3" }, "--num" }, /* no abbreviations: a later option would break scripts */
	{ { "-x" }, "-x" },
	{ { "--number" }, "--number" },
	{ { "--number", "1" }, "2 to 8" },
	{ { "--number", "9" }, "2 to 8" },
	{ { "--number", "-3" }, "-3" },
	{ { "--number", "3x" }, "3x" },
	{ { "--size", "12parsecs" }, "12parsecs" },
	{ { "--size", "0" }, "--size" },
	{ { "--size", "2G" }, "1024M" },
	{ { "--name", "../x" }, "../x" },
	{ { "--name", "@x" }, "@x" },
	{ { "--name=" }, "--name" },
	{ { "--on", "maybe" }, "maybe" },
	{ { "--choice", "oth" }, "oth" },
	{ { "--choice", "this|that" }, "this|that|other" },
	{ { "--choice=" }, "--choice" },
	{ { "--level", "loud" }, "loud" },
	{ { "--flag=1" }, "--flag" },
};

START_TEST(what_is_wrong_is_named)
{
	ck_assert_int_eq(parse((char **)(uintptr_t)refused[_i].words), -EINVAL);
	ck_assert_msg(strstr(why.text, refused[_i].said), "'%s' does not name '%s'", why.text,
		      refused[_i].said);
	ck_assert_ptr_null(strchr(why.text, '\n'));
}
END_TEST

START_TEST(the_help_shows_every_option_on_aligned_lines)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	options_print(options, to);
	fclose(to);
	ck_assert_ptr_nonnull(strstr(text, "  --flag                  a flag\n"));
	ck_assert_ptr_nonnull(strstr(text, "  --text TEXT             a text\n"
					   "                          of two lines\n"));
	ck_assert_ptr_nonnull(strstr(text, "  --watch [S]             seconds\n"));
	ck_assert_ptr_nonnull(strstr(text, "  --help "));
	free(text);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &values_come_behind_a_blank_or_an_equals_sign },
	{ "core", &an_empty_value_is_a_value },
	{ "core", &operands_keep_their_order_between_options },
	{ "core", &seconds_may_be_left_out },
	{ "core", &texts_are_listed_in_their_order },
	{ "core", &help_wins_over_what_follows },
	{ "core", &each_kind_takes_its_values },
	{ "core", &the_help_shows_every_option_on_aligned_lines },
	{ "misuse", &texts_have_a_bound },
	{ "misuse", &what_is_wrong_is_named, ARRAY_SIZE(refused) },
};

SUITE_MAIN("option", tests)
