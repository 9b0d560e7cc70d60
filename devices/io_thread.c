/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_thread.c - the thread on which a guest's virtio devices do their work
 *
 * What others want of the thread is written under the lock, then the thread is woken:
 * its callback ends the loop, or waits there until the pause is over.
 *
 * A device's callback may stand in the kernel for as long as a file system hangs; so those
 * who wait for the thread do so with a deadline.
 */
#include "devices/io_thread.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#define FREE_PATIENCE_NS (60 * NS_PER_SEC) /* who stopped the thread before has none */

struct io_thread {
	struct loop *loop;
	struct loop_source *wake;
	pthread_t thread; /* valid if runs */
	bool runs;	  /* the main thread's */

	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t moved; /* any of them changed */
	bool should_stop;
	bool should_pause;
	bool is_paused;
	bool is_over; /* the thread can be joined */
};

static void on_wake(void *context)
{
	struct io_thread *thread = context;

	pthread_mutex_lock(&thread->lock);
	thread->is_paused = thread->should_pause;
	pthread_cond_broadcast(&thread->moved);
	while (thread->should_pause && !thread->should_stop)
		pthread_cond_wait(&thread->moved, &thread->lock);
	thread->is_paused = false;
	if (thread->should_stop)
		loop_quit(thread->loop, 0);
	pthread_mutex_unlock(&thread->lock);
}

int io_thread_create(struct io_thread **ret_thread)
{
	struct io_thread *thread = calloc(1, sizeof(*thread));
	int rc;

	if (!thread)
		return -ENOMEM;
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->moved, NULL);
	rc = loop_create(&thread->loop);
	if (rc == 0)
		rc = loop_add_wake(thread->loop, on_wake, thread, &thread->wake);
	if (rc < 0) {
		io_thread_free(thread);
		return rc;
	}
	*ret_thread = thread;
	return 0;
}

void io_thread_free(struct io_thread *thread)
{
	if (!thread)
		return;
	if (io_thread_stop(thread, FREE_PATIENCE_NS) < 0)
		return; /* it may use all of it at any time */
	loop_free(thread->loop);
	pthread_cond_destroy(&thread->moved);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
}

struct loop *io_thread_loop(struct io_thread *thread)
{
	return thread->loop;
}

static void *thread_main(void *context)
{
	struct io_thread *thread = context;
	int rc = loop_run(thread->loop);

	pthread_mutex_lock(&thread->lock);
	thread->is_over = true;
	pthread_cond_broadcast(&thread->moved);
	pthread_mutex_unlock(&thread->lock);
	if (rc < 0)
		log_error("the devices' event loop failed: disks and networks stand still");
	return NULL;
}

int io_thread_start(struct io_thread *thread, struct fail *why)
{
	int rc;

	thread->should_stop = thread->is_over = false;
	rc = thread_start(&thread->thread, "io", 0, thread_main, thread);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot start the thread of the devices");
	thread->runs = true;
	loop_wake(thread->wake); /* it may have been paused before it ran */
	return 0;
}

/* Under the lock: until the thread is over, or `flag` is set. */
static int thread_await(struct io_thread *thread, const bool *flag, uint64_t patience_ns)
{
	uint64_t end = now_ns() + patience_ns;
	struct timespec deadline = { .tv_sec = (time_t)(end / NS_PER_SEC),
				     .tv_nsec = (long)(end % NS_PER_SEC) };
	int rc = 0;

	while (thread->runs && !*flag && !thread->is_over && rc == 0)
		rc = pthread_cond_clockwait(&thread->moved, &thread->lock, CLOCK_MONOTONIC,
					    &deadline);
	return -rc;
}

int io_thread_stop(struct io_thread *thread, uint64_t patience_ns)
{
	int rc;

	if (!thread->runs)
		return 0;
	pthread_mutex_lock(&thread->lock);
	thread->should_stop = true;
	pthread_cond_broadcast(&thread->moved);
	loop_wake(thread->wake);
	rc = thread_await(thread, &thread->is_over, patience_ns);
	pthread_mutex_unlock(&thread->lock);
	if (rc < 0)
		return rc;
	pthread_join(thread->thread, NULL);
	thread->runs = false;
	return 0;
}

bool io_thread_runs(const struct io_thread *thread)
{
	return thread->runs;
}

int io_thread_pause(struct io_thread *thread, uint64_t patience_ns)
{
	int rc;

	pthread_mutex_lock(&thread->lock);
	thread->should_pause = true;
	loop_wake(thread->wake);
	rc = thread_await(thread, &thread->is_paused, patience_ns);
	if (rc < 0)
		thread->should_pause = false;
	pthread_mutex_unlock(&thread->lock);
	return rc;
}

void io_thread_resume(struct io_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	thread->should_pause = false;
	pthread_cond_broadcast(&thread->moved);
	pthread_mutex_unlock(&thread->lock);
}
