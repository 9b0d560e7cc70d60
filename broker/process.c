/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - what a process has used up, over all the connections that it makes */
#include "broker/process.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

static void on_pidfd(void *context, uint32_t events)
{
	struct process *process = context;

	loop_remove(process->death);
	process->death = NULL;
	process->on_death(process->context, process);
}

int process_create(struct loop *loop, pid_t pid, struct allowance_rate time_rate,
		   void (*on_death)(void *context, struct process *process), void *context,
		   struct process **ret_process)
{
	struct process *process = calloc(1, sizeof(*process));
	int rc;

	if (!process)
		return -ENOMEM;
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	rc = process->pidfd < 0 ? -errno
				: loop_add_fd(loop, process->pidfd, EPOLLIN, on_pidfd, process,
					      &process->death);
	if (rc < 0) {
		process_free(process);
		return rc;
	}
	process->pid = pid;
	process->on_death = on_death;
	process->context = context;
	process->trust = TRUST_MAX;
	allowance_init(&process->time, time_rate, now_ns());
	*ret_process = process;
	return 0;
}

void process_free(struct process *process)
{
	loop_remove(process->death);
	if (process->pidfd >= 0)
		close(process->pidfd);
	free(process);
}

bool process_is_forgettable(struct process *process)
{
	if (process->users > 0)
		return false;
	return !process->death ||
	       (process->trust == TRUST_MAX && allowance_is_full(&process->time, now_ns()));
}
