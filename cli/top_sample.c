/* SPDX-License-Identifier: Apache-2.0 */
/* top_sample.c - a report that is collected by a thread of its own */
#include "cli/top_sample.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/thread.h"

struct task {
	int pipe_fd;
	struct top_sample *sample;
};

int top_sample_take(struct top_sample *ret_sample, struct fail *why)
{
	struct report *report;
	int rc = report_collect(TOP_PATIENCE_MS, &report, why);

	if (rc < 0)
		return rc;
	*ret_sample = (struct top_sample){ .report = report, .at_ns = now_ns() };
	return 0;
}

void top_sample_done(struct top_sample *sample)
{
	report_free(sample->report);
	sample->report = NULL;
}

static void task_free(struct task *task)
{
	auto_close(&task->pipe_fd);
	free(task->sample);
	free(task);
}

static void *task_run(void *context)
{
	struct task *task = context;
	struct top_sample *sample = task->sample;

	if (top_sample_take(sample, &sample->why) < 0)
		sample->report = NULL;
	if (write(task->pipe_fd, &sample, sizeof(sample)) == sizeof(sample))
		task->sample = NULL; /* the reader's */
	else
		top_sample_done(sample);
	task_free(task);
	return NULL;
}

int top_sample_start(int pipe_fd, struct fail *why)
{
	struct task *task = calloc(1, sizeof(*task));
	pthread_t thread;
	int rc;

	if (!task)
		return fail_errno(why, ENOMEM, "cannot ask the guests");
	task->sample = calloc(1, sizeof(*task->sample));
	task->pipe_fd = fcntl(pipe_fd, F_DUPFD_CLOEXEC, 0);
	rc = !task->sample ? -ENOMEM : task->pipe_fd < 0 ? -errno : 0;
	if (rc == 0)
		rc = thread_start(&thread, "sample", 0, task_run, task);
	if (rc < 0) {
		task_free(task);
		return fail_errno(why, -rc, "cannot ask the guests");
	}
	pthread_detach(thread);
	return 0;
}

int top_sample_receive(int pipe_fd, struct top_sample **ret_sample)
{
	struct top_sample *sample;
	ssize_t n = read(pipe_fd, &sample, sizeof(sample));

	if (n != sizeof(sample))
		return n < 0 ? -errno : -EPIPE;
	*ret_sample = sample;
	return 0;
}
