/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_text.h - lines "name = value" and "[section]", with the number of each
 *
 *   # a comment is a line of its own
 *   [section]
 *   name = value, up to the end of the line: nothing in it is special
 *
 * Blanks around names, values and sections don't count. There are no quotes, no
 * variables, no includes, and nothing is ever executed.
 */
#ifndef CLI_CONFIG_TEXT_H
#define CLI_CONFIG_TEXT_H

#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"

#define CONFIG_LINE_MAX 8192

struct config_text {
	char *rest; /* NULL: all was read */
	unsigned int line;
};

struct config_line {
	unsigned int number; /* from 1 on */
	const char *section; /* of a line that begins one, else NULL */
	const char *name, *value;
};

/*
 * text: ends with '\0', is changed, and the lines point into it. -EINVAL where it has
 * control characters or bytes that are no text before its end.
 */
CHECKED int config_text_init(char *text, size_t length, struct config_text *ret_config,
			     struct fail *why);

/* 1: a line that says something; 0: there is no more; -EINVAL: line config->line is wrong. */
CHECKED int config_text_next(struct config_text *config, struct config_line *ret_line,
			     struct fail *why);

#endif
