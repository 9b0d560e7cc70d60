/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidates.h - what could stand at the end of a command line, for shells that complete it
 *
 * All of it comes from the tables that parse the command line and print its help. A
 * value's name in them is its grammar: alternatives stand between '|', of which words in
 * small letters are meant as they are, FILE and DIR are paths, and DOMAIN is a domain
 * with guests.
 */
#ifndef CLI_CANDIDATES_H
#define CLI_CANDIDATES_H

#include <stdio.h>

/* Lines that ask the shell for its own candidates; no name begins with a colon. */
#define CANDIDATES_FILES ":files"
#define CANDIDATES_DIRS	 ":dirs"

/*
 * words: what stands behind "samepage", of which the last, perhaps empty, is to be
 * completed; count is at least 1. Each candidate is a line, with a tab and what it means
 * behind it where that is known. It is the whole word, also of "--option=value".
 */
void candidates_print(char *const *words, int count, FILE *to);

#endif
