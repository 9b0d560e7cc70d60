/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_log.h - where a guest's own words are, while it runs and when it has ended
 *
 * A detached guest writes to RUNDIR/guests/NAME.log, unless the journal listens
 * (base/log.h). The file outlives its guest if there is anything in it: the
 * GUEST_LOGS_KEPT that were written to last stay, with what was put aside of them
 * (base/log_file.h), until a guest of that name is started again, and then as what was
 * put aside. A guest that is not detached writes to whatever the command that started
 * it has as standard error.
 */
#ifndef CLI_GUEST_LOG_H
#define CLI_GUEST_LOG_H

#include <sys/types.h>

#include "base/auto.h"
#include "base/fail.h"

#define GUEST_LOGS_KEPT 64

/* For the guest itself, which has claimed its name: standard error is its log. */
CHECKED int guest_log_open(const char *name, struct fail *why);

enum guest_log_place {
	GUEST_LOG_JOURNAL,
	GUEST_LOG_ELSEWHERE, /* or nowhere */
};

/* Where a process without a file says what it has to say. */
enum guest_log_place guest_log_find(pid_t pid);

#endif
