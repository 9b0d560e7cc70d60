/* SPDX-License-Identifier: Apache-2.0 */
/* config_text.c - lines "name = value" and "[section]", with the number of each */
#include "cli/config_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *trim(char *text)
{
	size_t length;

	while (is_blank(*text))
		text++;
	length = strlen(text);
	while (length > 0 && is_blank(text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

int config_text_init(char *text, size_t length, struct config_text *ret_config, struct fail *why)
{
	unsigned int line = 1;

	ret_config->rest = text;
	for (size_t i = 0; i < length; i++) {
		ret_config->line = line;
		if (iscntrl((unsigned char)text[i]) && !strchr("\t\r\n", text[i] ? text[i] : 1))
			return fail_set(why, EINVAL,
					"this is no text: there is a byte of value %d in it",
					(unsigned char)text[i]);
		line += text[i] == '\n';
	}
	ret_config->line = 0;
	return 0;
}

/* The next line without what ends it; NULL: there is none. */
static char *line_take(struct config_text *config)
{
	char *line = config->rest;
	size_t length;

	if (!line || !*line)
		return NULL;
	length = strcspn(line, "\n");
	config->rest = line[length] ? line + length + 1 : NULL;
	line[length] = '\0';
	if (length > 0 && line[length - 1] == '\r')
		line[length - 1] = '\0';
	config->line++;
	return line;
}

static int section_parse(char *line, struct config_line *ret_line, struct fail *why)
{
	char *end = strchr(line, ']');

	if (!end || end[1])
		return fail_set(why, EINVAL, "'%.80s' is no section: write [defaults] or [guest]",
				line);
	*end = '\0';
	ret_line->section = trim(line + 1);
	return 1;
}

static int value_parse(char *line, struct config_line *ret_line, struct fail *why)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return fail_set(why, EINVAL, "'%.80s' is no setting: write name = value", line);
	*equals = '\0';
	ret_line->name = trim(line);
	ret_line->value = trim(equals + 1);
	if (!*ret_line->name)
		return fail_set(why, EINVAL, "there is no name before '=': write name = value");
	return 1;
}

int config_text_next(struct config_text *config, struct config_line *ret_line, struct fail *why)
{
	char *line;

	while ((line = line_take(config))) {
		if (strlen(line) > CONFIG_LINE_MAX)
			return fail_set(why, EINVAL, "the line is longer than %d bytes",
					CONFIG_LINE_MAX);
		line = trim(line);
		if (!*line || *line == '#')
			continue;
		*ret_line = (struct config_line){ .number = config->line };
		return *line == '[' ? section_parse(line, ret_line, why)
				    : value_parse(line, ret_line, why);
	}
	return 0;
}
