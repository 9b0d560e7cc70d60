/* SPDX-License-Identifier: Apache-2.0 */
/* prefix.h - several streams of text on one descriptor, told apart line by line */
#ifndef CLI_PREFIX_H
#define CLI_PREFIX_H

#include <stddef.h>

#include "base/auto.h"

struct prefix {
	const char *name; /* borrowed */
	size_t length;
	char line[1024]; /* what came since the last end of a line */
};

/*
 * Writes each whole line as "NAME: LINE\n"; a line that is longer than the buffer
 * is broken. Carriage returns are left out. -errno from write().
 */
CHECKED int prefix_write(struct prefix *prefix, const char *bytes, size_t length, int to_fd);

/* Writes an unfinished line, if there is one. */
CHECKED int prefix_finish(struct prefix *prefix, int to_fd);

#endif
