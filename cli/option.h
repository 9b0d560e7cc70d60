/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option.h - options as tables: what a verb takes, how it is checked and explained
 *
 * One row is one option: --name VALUE or --name=VALUE. A row says where in the
 * verb's settings the value goes, so that no verb has parsing code of its own.
 */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/fail.h"

/* The kind gives the type of the field in the settings. */
enum option_kind {
	OPTION_FLAG,	/* bool, no value */
	OPTION_TEXT,	/* const char *, anything */
	OPTION_NAME,	/* const char *, name_is_valid() */
	OPTION_NUMBER,	/* uint64_t in [low, high] */
	OPTION_SIZE,	/* uint64_t, bytes, in [low, high] */
	OPTION_ON_OFF,	/* bool */
	OPTION_LEVEL,	/* enum log_level */
	OPTION_CHOICE,	/* unsigned int, which of the words in the value's name: "this|that" */
	OPTION_SECONDS, /* uint64_t in [low, high]; without a value it is `fallback` */
	OPTION_TEXTS,	/* struct option_texts: may be given several times */
};

#define OPTION_MAX_TEXTS 16

/* In the order of the command line. */
struct option_texts {
	const char *texts[OPTION_MAX_TEXTS];
	unsigned int count;
};

struct option {
	const char *name;  /* without the dashes; NULL ends the table */
	const char *value; /* the value's name in the help, NULL for flags */
	const char *text;  /* for the help; further lines after '\n' */
	enum option_kind kind;
	size_t field; /* offset in the settings */
	uint64_t low, high, fallback;
};

#define OPTION_MAX_ROWS 64 /* of a table: which of them were given is a bit for each */

enum option_outcome { OPTIONS_PARSED, OPTIONS_HELP };

/*
 * Parses argv (without the verb) into settings; what is no option is moved to
 * the front of argv, *ret_operands of them, in order. "--" ends the options.
 * *ret_given: the rows that were given. Returns an option_outcome, or -EINVAL with the
 * sentence. Texts point into argv.
 */
CHECKED int options_parse(const struct option *options, int argc, char **argv, void *settings,
			  int *ret_operands, uint64_t *ret_given, struct fail *why);

/*
 * One option as a line of a file has it: flags are on or off there. *given: the rows
 * that were given so far; none but OPTION_TEXTS can be given again. -EINVAL.
 */
CHECKED int option_assign(const struct option *options, const char *name, const char *value,
			  void *settings, uint64_t *given, struct fail *why);

/* Copies what was given over what is there. A list replaces a list. */
void options_overlay(const struct option *options, uint64_t given, const void *from, void *to);

/* All values as lines "name = value", in the order of the table; what has none is left out. */
void options_values_print(const struct option *options, const void *settings, FILE *to);

void options_print(const struct option *options, FILE *to);

#endif
