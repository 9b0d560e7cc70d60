/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_io.c - does file jobs without waiting for them
 *
 * io_uring reads, where it is allowed: what the page cache has is there when the system
 * call returns, and no thread waits for the rest. All else the kernel would hand to
 * workers of its own, one job after the other, and ours take less time for that
 * (doc/decisions/0011).
 *
 * What a guest can ask for at once has no bound that the loop could wait for. So long jobs
 * are for the threads whatever they are, and so many bytes are handed over in one go; the
 * next begins when the loop has served others.
 */
#include "disk/file_io.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#define JOB_BYTES_MIN 4096u /* the shortest job takes as long as so many bytes */

struct file_io {
	struct file_engine *ring; /* NULL: the pool reads, too */
	struct file_engine *pool;
	struct loop_source *more; /* a go was over before all was handed over */
};

static bool is_ring_forbidden(void)
{
	const char *text = getenv("SAMEPAGE_NO_IO_URING");

	return text && strcmp(text, "1") == 0;
}

static bool can_start(const struct file_engine *engine)
{
	return engine && engine->waiting.first && engine->in_flight < FILE_IO_DEPTH;
}

struct file_job *file_engine_next(struct file_engine *engine)
{
	struct file_job *job;
	uint64_t bytes;

	if (!can_start(engine) || engine->go_bytes >= FILE_IO_GO_BYTES)
		return NULL;
	job = file_jobs_pop(&engine->waiting);
	bytes = job->length - job->progress;
	engine->go_bytes += bytes > JOB_BYTES_MIN ? bytes : JOB_BYTES_MIN;
	engine->in_flight++;
	return job;
}

static void engine_set_turn(struct file_engine *engine, loop_fn *turn, void *context)
{
	engine->turn = turn;
	engine->turn_context = context;
}

int file_io_create(struct loop *loop, loop_fn *turn, void *context, struct file_io **ret_io,
		   struct fail *why)
{
	struct file_io *io = calloc(1, sizeof(*io));
	int rc = io ? file_pool_create(loop, &io->pool) : -ENOMEM, ring_rc;

	if (rc < 0) {
		free(io);
		return fail_errno(why, -rc, "cannot start reading and writing files");
	}
	rc = loop_add_wake(loop, turn, context, &io->more);
	if (rc < 0) {
		file_io_free(io);
		return fail_errno(why, -rc, "cannot start reading and writing files");
	}
	engine_set_turn(io->pool, turn, context);
	ring_rc = is_ring_forbidden() ? -EPERM : file_ring_create(loop, &io->ring);
	if (ring_rc < 0)
		log_debug("no io_uring for disks (%s): threads instead", strerror(-ring_rc));
	else
		engine_set_turn(io->ring, turn, context);
	*ret_io = io;
	return 0;
}

void file_io_free(struct file_io *io)
{
	if (!io)
		return;
	if (io->ring)
		io->ring->type->free(io->ring);
	io->pool->type->free(io->pool);
	loop_remove(io->more);
	free(io);
}

void file_io_submit(struct file_io *io, struct file_job *job)
{
	bool is_for_ring = io->ring && job->op == FILE_READ && job->length <= FILE_IO_RING_BYTES;
	struct file_engine *engine = is_for_ring ? io->ring : io->pool;

	file_job_begin(job);
	file_jobs_push(&engine->waiting, job);
}

static void engine_start(struct file_engine *engine)
{
	struct file_job *job;

	engine->type->start(engine);
	while ((job = file_jobs_pop(&engine->finished)))
		job->done(job, job->error);
}

static bool goes_on(const struct file_engine *engine)
{
	return can_start(engine) && engine->go_bytes < FILE_IO_GO_BYTES;
}

/* done() may submit, to either: what can be done at once is done in this turn. */
void file_io_start(struct file_io *io)
{
	io->pool->go_bytes = 0;
	if (io->ring)
		io->ring->go_bytes = 0;
	do {
		engine_start(io->pool);
		if (io->ring)
			engine_start(io->ring);
	} while (goes_on(io->pool) || goes_on(io->ring));
	if (can_start(io->pool) || can_start(io->ring))
		loop_wake(io->more);
}

void file_io_wait(struct file_io *io)
{
	const struct timespec moment = { .tv_nsec = 1 * NS_PER_MS };

	nanosleep(&moment, NULL);
}
