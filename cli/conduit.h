/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conduit.h - a user's descriptors joined with the socket of a guest's console
 *
 * Neither direction waits for the other, so that a guest which takes no input can
 * still be read, and left. Holds a few kilobytes each way.
 */
#ifndef CLI_CONDUIT_H
#define CLI_CONDUIT_H

#include <stdbool.h>

#include "base/auto.h"

/* All borrowed. The descriptors may be blocking. */
struct conduit {
	int in; /* -1: nothing is typed. Its end ends nothing else */
	int out;
	int socket;
	bool has_escapes; /* else all bytes are for the guest */
	const char *help; /* what ESCAPE_HELP writes on standard error */
};

enum conduit_end { CONDUIT_CLOSED, CONDUIT_DETACHED };

/*
 * Runs until the socket's other end is closed (and all that it sent is written) or
 * the user detaches. -errno: `out` could not be written.
 */
CHECKED int conduit_run(const struct conduit *conduit, enum conduit_end *ret_end);

#endif
