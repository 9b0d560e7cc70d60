/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member.h - the process of one guest of a fleet, or of one alone, seen from inside
 *
 * That of a fleet says through the start pipe how its start went: one NUL when it is about to
 * run, or the sentence that tells why it can't.
 */
#ifndef CLI_MEMBER_H
#define CLI_MEMBER_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/guest.h"

struct member_start {
	pid_t fleet_pid; /* the process that looks after the fleet */
	int start_fd;	 /* write end of the start pipe; handed over */
	bool detach;	 /* a session of its own, no terminal */
};

/* A guest that has the command's own process; its status, or -errno and the sentence. */
CHECKED int member_run_alone(struct guest_config *config, struct fail *why);

/* Becomes the guest and exits with its status. Called in a fresh child. */
void member_main(struct guest_config *config, struct member_start *start) __attribute__((noreturn));

#endif
