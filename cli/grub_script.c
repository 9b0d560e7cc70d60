/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grub_script.c - the words of GRUB's script language, with their variables replaced
 *
 * A word grows at the end of the command's text. It exists once something has been
 * added to it, be it an empty pair of quotes; a variable without value outside of
 * quotes adds nothing, and one with blanks in it makes several words.
 */
#include "cli/grub_script.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- variables */

/* The place of the variable, or the count. */
static size_t find(const struct grub_variables *variables, const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < variables->count; i++)
		if (strncmp(variables->list[i].name, name, length) == 0 &&
		    variables->list[i].name[length] == '\0')
			break;
	return i;
}

int grub_variables_set(struct grub_variables *variables, const char *name, size_t length,
		       const char *value)
{
	size_t place;
	char *copy;

	if (length >= GRUB_NAME_SIZE)
		return -E2BIG;
	place = find(variables, name, length);
	if (place == GRUB_VARIABLES_MAX)
		return -E2BIG;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	if (place == variables->count) {
		snprintf(variables->list[place].name, GRUB_NAME_SIZE, "%.*s", (int)length, name);
		variables->count++;
	} else {
		free(variables->list[place].value);
	}
	variables->list[place].value = copy;
	return 0;
}

const char *grub_variables_get(const struct grub_variables *variables, const char *name,
			       size_t length)
{
	size_t place = length < GRUB_NAME_SIZE ? find(variables, name, length) : variables->count;

	return place < variables->count ? variables->list[place].value : "";
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

int grub_variables_expand(const struct grub_variables *variables, const char *text, char *to,
			  size_t size)
{
	size_t used = 0;

	while (*text) {
		const char *from = text++;
		size_t length = 1;

		if (*from == '$' && is_name_char(*text)) {
			for (length = 1; is_name_char(text[length]);)
				length++;
			from = grub_variables_get(variables, text, length);
			text += length;
			length = strlen(from);
		}
		if (length >= size - used)
			return -E2BIG;
		memcpy(to + used, from, length);
		used += length;
	}
	to[used] = '\0';
	return 0;
}

void grub_variables_done(struct grub_variables *variables)
{
	for (size_t i = 0; i < variables->count; i++)
		free(variables->list[i].value);
	variables->count = 0;
}

/* -------------------------------------------------------------------- words */

struct reader {
	const char *at, *end;
	const struct grub_variables *variables;
	struct grub_command *command;
	size_t used; /* of the command's text */
	bool in_word;
	int rc;
};

static void word_start(struct reader *reader)
{
	struct grub_command *command = reader->command;

	if (reader->in_word || reader->rc < 0)
		return;
	if (command->count == GRUB_WORDS_MAX || reader->used == sizeof(command->text)) {
		reader->rc = -E2BIG;
		return;
	}
	command->words[command->count++] = command->text + reader->used;
	reader->in_word = true;
}

static void word_add(struct reader *reader, char c)
{
	word_start(reader);
	if (reader->rc == 0 && reader->used == sizeof(reader->command->text))
		reader->rc = -E2BIG;
	if (reader->rc == 0)
		reader->command->text[reader->used++] = c;
}

static void word_end(struct reader *reader)
{
	if (!reader->in_word)
		return;
	word_add(reader, '\0');
	reader->in_word = false;
}

/*
 * The name behind a dollar sign, which reader->at is at, then at what follows it. What
 * has no name GRUB knows stands for nothing: $?, $*, $@, $# and $1.
 */
static const char *take_name(struct reader *reader, size_t *ret_length)
{
	const char *name = ++reader->at;
	bool has_braces = name < reader->end && *name == '{';

	if (has_braces)
		reader->at = ++name;
	while (reader->at < reader->end && is_name_char(*reader->at))
		reader->at++;
	*ret_length = (size_t)(reader->at - name);
	if (*ret_length == 0 && reader->at < reader->end && strchr("?*@#", *reader->at))
		reader->at++;
	if (has_braces && reader->at < reader->end && *reader->at == '}')
		reader->at++;
	return name;
}

static void take_variable(struct reader *reader, bool is_quoted)
{
	size_t length;
	const char *name = take_name(reader, &length);
	const char *value = grub_variables_get(reader->variables, name, length);

	for (; *value && reader->rc == 0; value++) {
		if (!is_quoted && isspace((unsigned char)*value))
			word_end(reader);
		else
			word_add(reader, *value);
	}
}

static void take_single_quoted(struct reader *reader)
{
	word_start(reader);
	for (reader->at++; reader->at < reader->end && *reader->at != '\''; reader->at++)
		word_add(reader, *reader->at);
	if (reader->at == reader->end)
		reader->rc = -EINVAL;
	else
		reader->at++;
}

/* A backslash keeps quotes, dollar signs and itself from meaning something. */
static void take_double_quoted(struct reader *reader)
{
	word_start(reader);
	reader->at++;
	while (reader->rc == 0 && reader->at < reader->end && *reader->at != '"') {
		if (*reader->at == '$') {
			take_variable(reader, true);
			continue;
		}
		if (*reader->at == '\\' && reader->at + 1 < reader->end &&
		    strchr("\"$\\", reader->at[1]))
			reader->at++;
		word_add(reader, *reader->at++);
	}
	if (reader->at == reader->end)
		reader->rc = -EINVAL;
	else
		reader->at++;
}

/* Outside of quotes it is any character that is kept; a newline vanishes. */
static void take_escaped(struct reader *reader)
{
	reader->at++;
	if (reader->at == reader->end)
		return;
	if (*reader->at != '\n')
		word_add(reader, *reader->at);
	reader->at++;
}

static void skip_comment(struct reader *reader)
{
	while (reader->at < reader->end && *reader->at != '\n')
		reader->at++;
}

/* What the command ends at, if it ends here; that is taken, too. */
static bool take_stop(struct reader *reader)
{
	static const char stops[] = "\n;{}";
	static const enum grub_stop meanings[] = { GRUB_STOP_LINE, GRUB_STOP_LINE, GRUB_STOP_OPEN,
						   GRUB_STOP_CLOSE };
	const char *found;

	reader->command->stop = GRUB_STOP_END;
	if (reader->at == reader->end)
		return true;
	found = *reader->at ? strchr(stops, *reader->at) : NULL;
	if (!found)
		return false;
	reader->command->stop = meanings[found - stops];
	reader->at++;
	return true;
}

static void take_next(struct reader *reader)
{
	switch (*reader->at) {
	case '$':
		take_variable(reader, false);
		break;
	case '\'':
		take_single_quoted(reader);
		break;
	case '"':
		take_double_quoted(reader);
		break;
	case '\\':
		take_escaped(reader);
		break;
	case '#':
		if (!reader->in_word) {
			skip_comment(reader);
			break;
		}
		/* fall through */
	default:
		if (isspace((unsigned char)*reader->at))
			word_end(reader);
		else
			word_add(reader, *reader->at);
		reader->at++;
	}
}

int grub_command_read(const char **at, const char *end, const struct grub_variables *variables,
		      struct grub_command *command)
{
	struct reader reader = {
		.at = *at,
		.end = end,
		.variables = variables,
		.command = command,
	};

	command->count = 0;
	while (reader.rc == 0 && !take_stop(&reader))
		take_next(&reader);
	word_end(&reader);
	*at = reader.at;
	return reader.rc;
}
