/* SPDX-License-Identifier: Apache-2.0 */
/* option.c - options as tables: what a verb takes, how it is checked and explained */
#include "cli/option.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"

static int take_text(const struct option *option, const char *value, void *field, struct fail *why)
{
	*(const char **)field = value;
	return 0;
}

static int take_texts(const struct option *option, const char *value, void *field, struct fail *why)
{
	struct option_texts *list = field;

	if (list->count == OPTION_MAX_TEXTS)
		return fail_set(why, EINVAL, "--%s is given more than %d times", option->name,
				OPTION_MAX_TEXTS);
	list->texts[list->count++] = value;
	return 0;
}

static int take_name(const struct option *option, const char *value, void *field, struct fail *why)
{
	if (!name_is_valid(value))
		return fail_set(why, EINVAL,
				"--%s '%s' is not a name: use 1 to %d letters, digits, '.', '_' or "
				"'-', the first a letter or digit",
				option->name, value, NAME_MAX_LENGTH);
	*(const char **)field = value;
	return 0;
}

static int take_number(const struct option *option, const char *value, void *field,
		       struct fail *why)
{
	if (parse_number(value, option->low, option->high, field) < 0)
		return fail_set(why, EINVAL,
				"--%s '%s' is not a whole number from %" PRIu64 " to %" PRIu64,
				option->name, value, option->low, option->high);
	return 0;
}

static int take_size(const struct option *option, const char *value, void *field, struct fail *why)
{
	uint64_t bytes;

	if (parse_size(value, &bytes) < 0)
		return fail_set(
			why, EINVAL,
			"--%s '%s' is not a size: give a number with K, M, G or T behind it",
			option->name, value);
	if (bytes < option->low || bytes > option->high)
		return fail_set(why, EINVAL, "--%s %s is outside %" PRIu64 "M to %" PRIu64 "M",
				option->name, value, option->low >> 20, option->high >> 20);
	*(uint64_t *)field = bytes;
	return 0;
}

static int take_on_off(const struct option *option, const char *value, void *field,
		       struct fail *why)
{
	bool on = strcmp(value, "on") == 0;

	if (!on && strcmp(value, "off") != 0)
		return fail_set(why, EINVAL, "--%s '%s' is neither on nor off", option->name,
				value);
	*(bool *)field = on;
	return 0;
}

static int take_choice(const struct option *option, const char *value, void *field,
		       struct fail *why)
{
	size_t length = strlen(value);
	unsigned int number = 0;

	for (const char *word = strchr(value, '|') ? NULL : option->value; word; number++) {
		if (strncmp(word, value, length) == 0 && length > 0 &&
		    (word[length] == '|' || word[length] == '\0')) {
			*(unsigned int *)field = number;
			return 0;
		}
		word = strchr(word, '|');
		if (word)
			word++;
	}
	return fail_set(why, EINVAL, "--%s '%s' is none of %s", option->name, value, option->value);
}

static int take_level(const struct option *option, const char *value, void *field, struct fail *why)
{
	if (log_level_parse(value, field) < 0)
		return fail_set(why, EINVAL, "--%s '%s' is not error, warn, info or debug",
				option->name, value);
	return 0;
}

static int (*const takers[])(const struct option *option, const char *value, void *field,
			     struct fail *why) = {
	[OPTION_TEXT] = take_text,	[OPTION_NAME] = take_name,
	[OPTION_NUMBER] = take_number,	[OPTION_SIZE] = take_size,
	[OPTION_ON_OFF] = take_on_off,	[OPTION_LEVEL] = take_level,
	[OPTION_SECONDS] = take_number, [OPTION_TEXTS] = take_texts,
	[OPTION_CHOICE] = take_choice,
};

/* How much of the settings a value takes up. */
static const size_t field_sizes[] = {
	[OPTION_FLAG] = sizeof(bool),
	[OPTION_TEXT] = sizeof(const char *),
	[OPTION_NAME] = sizeof(const char *),
	[OPTION_NUMBER] = sizeof(uint64_t),
	[OPTION_SIZE] = sizeof(uint64_t),
	[OPTION_ON_OFF] = sizeof(bool),
	[OPTION_LEVEL] = sizeof(enum log_level),
	[OPTION_CHOICE] = sizeof(unsigned int),
	[OPTION_SECONDS] = sizeof(uint64_t),
	[OPTION_TEXTS] = sizeof(struct option_texts),
};

static void *field_of(const struct option *option, void *settings)
{
	return (char *)settings + option->field;
}

static uint64_t row_bit(const struct option *options, const struct option *row)
{
	assert(row - options < OPTION_MAX_ROWS);
	return UINT64_C(1) << (row - options);
}

/* word: what follows "--", perhaps with "=VALUE" behind the name. */
static const struct option *option_find(const struct option *options, const char *word)
{
	size_t length = strcspn(word, "=");

	for (; options->name; options++)
		if (strlen(options->name) == length && strncmp(options->name, word, length) == 0)
			return options;
	return NULL;
}

/* next: the following argument or NULL. Returns how many arguments were used, or -EINVAL. */
static int option_take(const struct option *option, const char *word, const char *next,
		       void *settings, struct fail *why)
{
	const char *value = strchr(word, '=');
	void *field = field_of(option, settings);
	int used = 1, rc;

	if (value)
		value++;
	if (option->kind == OPTION_FLAG) {
		if (value)
			return fail_set(why, EINVAL, "--%s takes no value", option->name);
		*(bool *)field = true;
		return used;
	}
	if (option->kind == OPTION_SECONDS && !value && !(next && isdigit((unsigned char)*next))) {
		*(uint64_t *)field = option->fallback;
		return used;
	}
	if (!value) {
		value = next;
		used = 2;
	}
	if (!value)
		return fail_set(why, EINVAL, "--%s needs a value: %s", option->name, option->value);
	rc = takers[option->kind](option, value, field, why);
	return rc < 0 ? rc : used;
}

int options_parse(const struct option *options, int argc, char **argv, void *settings,
		  int *ret_operands, uint64_t *ret_given, struct fail *why)
{
	uint64_t given = 0;
	int operands = 0;

	for (int i = 0; i < argc;) {
		const struct option *option;
		int used;

		if (strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				argv[operands++] = argv[i];
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[operands++] = argv[i++];
			continue;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return OPTIONS_HELP;
		option = argv[i][1] == '-' ? option_find(options, argv[i] + 2) : NULL;
		if (!option)
			return fail_set(why, EINVAL, "unknown option '%s'", argv[i]);
		used = option_take(option, argv[i] + 2, i + 1 < argc ? argv[i + 1] : NULL, settings,
				   why);
		if (used < 0)
			return used;
		given |= row_bit(options, option);
		i += used;
	}
	*ret_operands = operands;
	*ret_given = given;
	return OPTIONS_PARSED;
}

int option_assign(const struct option *options, const char *name, const char *value, void *settings,
		  uint64_t *given, struct fail *why)
{
	const struct option *option = strchr(name, '=') ? NULL : option_find(options, name);
	int rc;

	if (!option)
		return fail_set(why, EINVAL, "there is no setting '%.80s'", name);
	if ((*given & row_bit(options, option)) && option->kind != OPTION_TEXTS)
		return fail_set(why, EINVAL, "'%s' is given twice", name);
	if (!*value)
		return fail_set(why, EINVAL, "'%s' needs a value: %s", name,
				option->value ? option->value : "on|off");
	if (option->kind == OPTION_FLAG)
		rc = take_on_off(option, value, field_of(option, settings), why);
	else
		rc = takers[option->kind](option, value, field_of(option, settings), why);
	if (rc == 0)
		*given |= row_bit(options, option);
	return rc;
}

void options_overlay(const struct option *options, uint64_t given, const void *from, void *to)
{
	for (const struct option *row = options; row->name; row++)
		if (given & row_bit(options, row))
			memcpy(field_of(row, to), (const char *)from + row->field,
			       field_sizes[row->kind]);
}

/* The place of a choice's word in "this|that". */
static const char *choice_word(const char *words, unsigned int number)
{
	while (number-- > 0)
		words = strchr(words, '|') + 1;
	return words;
}

static void texts_print(const struct option *option, const struct option_texts *list, FILE *to)
{
	for (unsigned int i = 0; i < list->count; i++)
		fprintf(to, "%s = %s\n", option->name, list->texts[i]);
}

static void value_print(const struct option *option, const void *field, FILE *to)
{
	const char *word;

	switch (option->kind) {
	case OPTION_FLAG:
	case OPTION_ON_OFF:
		fprintf(to, "%s = %s\n", option->name, *(const bool *)field ? "on" : "off");
		break;
	case OPTION_TEXT:
	case OPTION_NAME:
		if (*(const char *const *)field)
			fprintf(to, "%s = %s\n", option->name, *(const char *const *)field);
		break;
	case OPTION_NUMBER:
	case OPTION_SECONDS:
		if (*(const uint64_t *)field)
			fprintf(to, "%s = %" PRIu64 "\n", option->name, *(const uint64_t *)field);
		break;
	case OPTION_SIZE:
		if (*(const uint64_t *)field)
			fprintf(to, "%s = %" PRIu64 "K\n", option->name,
				*(const uint64_t *)field >> 10);
		break;
	case OPTION_LEVEL:
		fprintf(to, "%s = %s\n", option->name,
			log_level_name(*(const enum log_level *)field));
		break;
	case OPTION_CHOICE:
		word = choice_word(option->value, *(const unsigned int *)field);
		fprintf(to, "%s = %.*s\n", option->name, (int)strcspn(word, "|"), word);
		break;
	case OPTION_TEXTS:
		texts_print(option, field, to);
		break;
	}
}

void options_values_print(const struct option *options, const void *settings, FILE *to)
{
	for (; options->name; options++)
		value_print(options, (const char *)settings + options->field, to);
}

#define HELP_COLUMN 26

static void option_print(const char *head, const char *text, FILE *to)
{
	fprintf(to, "  %-*s", HELP_COLUMN - 2, head);
	if (strlen(head) > HELP_COLUMN - 4) /* no room for the text beside it */
		fprintf(to, "\n%*s", HELP_COLUMN, "");
	for (const char *line = text; line;) {
		size_t length = strcspn(line, "\n");

		fprintf(to, "%.*s\n", (int)length, line);
		line = line[length] ? line + length + 1 : NULL;
		if (line)
			fprintf(to, "%*s", HELP_COLUMN, "");
	}
}

void options_print(const struct option *options, FILE *to)
{
	char head[64];

	for (; options->name; options++) {
		snprintf(head, sizeof(head), "--%s%s%s", options->name, options->value ? " " : "",
			 options->value ? options->value : "");
		option_print(head, options->text, to);
	}
	option_print("--help", "show this text", to);
}
