/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grub_script.h - the words of GRUB's script language, with their variables replaced
 *
 * The language is that of the chapter `Writing your own configuration file' of GRUB's
 * manual: words, quotes, variables, comments; commands end at a newline, at a
 * semicolon or at a brace. Control structures are up to the caller, grub_menu.c: here
 * `if' is a word like any other. Pure, and linear in the length of the text.
 */
#ifndef CLI_GRUB_SCRIPT_H
#define CLI_GRUB_SCRIPT_H

#include <stddef.h>

#include "base/auto.h"

#define GRUB_NAME_SIZE	   64
#define GRUB_VARIABLES_MAX 256
#define GRUB_WORDS_MAX	   256
#define GRUB_COMMAND_SIZE  8192

struct grub_variables {
	struct {
		char name[GRUB_NAME_SIZE];
		char *value; /* heap */
	} list[GRUB_VARIABLES_MAX];
	size_t count;
};

/* name need not end at its length. -E2BIG: too many or too long; -ENOMEM. */
CHECKED int grub_variables_set(struct grub_variables *variables, const char *name, size_t length,
			       const char *value);

/* An empty text where there is none. Valid until the next set. */
const char *grub_variables_get(const struct grub_variables *variables, const char *name,
			       size_t length);

/*
 * Replaces $NAME in a text that is no command, such as a boot loader entry's options;
 * all else stays. to has size bytes. 0, or -E2BIG.
 */
CHECKED int grub_variables_expand(const struct grub_variables *variables, const char *text,
				  char *to, size_t size);

void grub_variables_done(struct grub_variables *variables);

/* What a command ends at. */
enum grub_stop {
	GRUB_STOP_LINE, /* newline or semicolon */
	GRUB_STOP_OPEN,
	GRUB_STOP_CLOSE,
	GRUB_STOP_END,
};

struct grub_command {
	size_t count;
	char *words[GRUB_WORDS_MAX]; /* into text */
	char text[GRUB_COMMAND_SIZE];
	enum grub_stop stop;
};

/*
 * Reads the command at *at, which moves behind it; a command may have no words.
 * -E2BIG: more words than a command can have. -EINVAL: a quote that is not closed.
 */
CHECKED int grub_command_read(const char **at, const char *end,
			      const struct grub_variables *variables, struct grub_command *command);

#endif
