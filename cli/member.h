/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member.h - the process of one guest of a fleet, seen from inside
 *
 * It says through the start pipe how its start went: one NUL when it is about to
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

/* Becomes the guest and exits with its status. Called in a fresh child. */
void member_main(struct guest_config *config, struct member_start *start) __attribute__((noreturn));

#endif
