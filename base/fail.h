/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail.h - the sentence that goes with an error number
 *
 * A function that can fail for reasons that only it can name takes a
 * `struct fail *why`, writes one sentence there and returns -errno. It prints
 * nothing. Whoever gives up prints `why->text`. The sentence names the file,
 * option or device, what went wrong, and where possible the way out; it has
 * neither capital nor full stop, so that it can follow "samepage: ".
 */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include "base/auto.h"

struct fail {
	char text[512];
};

/* Sets the sentence and returns -error; error is a positive errno value. */
int fail_set(struct fail *why, int error, const char *format, ...) PRINTF(3, 4);

/* The same, with ": <errno's text>" behind the sentence. */
int fail_errno(struct fail *why, int error, const char *format, ...) PRINTF(3, 4);

#endif
