/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - what a process has used up, over all the connections that it makes
 *
 * Known from its first HELLO on, until it ends or there is nothing left to remember: a
 * process that connects anew begins where it was. Internal to broker/. One thread.
 */
#ifndef BROKER_PROCESS_H
#define BROKER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"
#include "broker/allowance.h"

#define TRUST_MAX 1024u /* refused pages, less accepted ones */

struct process {
	struct process *next;
	pid_t pid;
	int pidfd;
	struct loop_source *death; /* the pidfd; NULL: the process has ended */
	void (*on_death)(void *context, struct process *process);
	void *context;
	unsigned int users;    /* connections, and guests whose references are kept */
	struct allowance time; /* of the processor */
	uint32_t trust;	       /* refused pages more until it is dropped; 0: for good */
};

/* on_death: once, from the loop; it may free the process. The time is full, so is trust. */
CHECKED int process_create(struct loop *loop, pid_t pid, struct allowance_rate time_rate,
			   void (*on_death)(void *context, struct process *process), void *context,
			   struct process **ret_process);
void process_free(struct process *process);

/* Nobody uses it, and one that were made anew would be the same. */
bool process_is_forgettable(struct process *process);

#endif
