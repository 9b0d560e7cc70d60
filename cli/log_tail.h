/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_tail.h - reads a log of base/log_file.h from its oldest line on, and what comes
 *
 * A log that is put aside while it is read is read to its end first: its file stays
 * open, and the one that has taken its place comes next.
 */
#ifndef CLI_LOG_TAIL_H
#define CLI_LOG_TAIL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/rundir.h"

struct log_tail {
	char path[RUNDIR_PATH_MAX];
	char old_path[RUNDIR_PATH_MAX];
	int fd; /* of what is read now, or -1 */
	bool has_begun;
	bool exists; /* there is a log, or was one */
};

/* Nothing is opened yet. */
CHECKED int log_tail_init(struct log_tail *tail, enum rundir_kind kind, const char *name,
			  struct fail *why);
void log_tail_done(struct log_tail *tail);

/*
 * Copies all that has been written since the last call; at first all that there is,
 * with what was put aside. Sets `exists`. What is wrong with `to` is told by ferror().
 */
CHECKED int log_tail_copy(struct log_tail *tail, FILE *to);

#endif
