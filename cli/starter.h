/* SPDX-License-Identifier: Apache-2.0 */
/*
 * starter.h - the process that starts one guest of a file, and how that went
 *
 * It is a child of samepage up, and ends as soon as the guest runs on its own, or won't.
 */
#ifndef CLI_STARTER_H
#define CLI_STARTER_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/fleet_file.h"

enum starter_outcome {
	STARTER_STARTED,
	STARTER_RUNS,	 /* it did already */
	STARTER_CHANGED, /* the same, but it was defined otherwise; it has said how */
	STARTER_FAILED,	 /* it has said why */
	STARTER_STOPPED, /* by a signal: the guest does not run */
};

struct starter {
	const struct fleet_file *file;
	bool by_unit;	  /* systemd starts it */
	sigset_t signals; /* what the new process shall hold */
};

/* Starts it. -errno. */
CHECKED int starter_fork(const struct starter *starter, const struct fleet_member *member,
			 pid_t *ret_pid, struct fail *why);

/* status: as wait() has it. */
enum starter_outcome starter_outcome(int status);

#endif
