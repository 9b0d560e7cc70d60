/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shutdown.h - let guests shut down, and end those that don't
 *
 * All buttons are pressed before the first wait, so that guests shut down side
 * by side: the deadline is the same moment for all.
 */
#ifndef CLI_SHUTDOWN_H
#define CLI_SHUTDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

enum shutdown_outcome {
	SHUTDOWN_OFF,	 /* it went off in time */
	SHUTDOWN_ENDED,	 /* it did not, and was ended */
	SHUTDOWN_ABSENT, /* there is no such guest; why says so */
	SHUTDOWN_FAILED, /* why says in what */
};

typedef void shutdown_fn(void *context, const char *name, enum shutdown_outcome outcome,
			 const struct fail *why);

/*
 * Calls fn once for each name, in no particular order. A button that could not be
 * pressed is said on standard error. -ENOMEM.
 */
CHECKED int shutdown_guests(const char *const *names, size_t count, uint64_t timeout_seconds,
			    shutdown_fn *fn, void *context, struct fail *why);

#endif
