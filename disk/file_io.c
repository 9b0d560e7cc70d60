/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_io.c - does file jobs without waiting for them
 *
 * io_uring reads, where it is allowed: what the page cache has is there when the system
 * call returns, and no thread waits for the rest. All else the kernel would hand to
 * workers of its own, one job after the other, and ours take less time for that
 * (doc/decisions/0011).
 */
#include "disk/file_io.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

struct file_io {
	struct file_engine *ring; /* NULL: the pool reads, too */
	struct file_engine *pool;
};

static bool is_ring_forbidden(void)
{
	const char *text = getenv("SAMEPAGE_NO_IO_URING");

	return text && strcmp(text, "1") == 0;
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
	free(io);
}

void file_io_submit(struct file_io *io, struct file_job *job)
{
	struct file_engine *engine = io->ring && job->op == FILE_READ ? io->ring : io->pool;

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

static bool can_start(const struct file_engine *engine)
{
	return engine->waiting.first && engine->in_flight < FILE_IO_DEPTH;
}

/* done() may submit, to either: what can be done at once is done in this turn. */
void file_io_start(struct file_io *io)
{
	do {
		engine_start(io->pool);
		if (io->ring)
			engine_start(io->ring);
	} while (can_start(io->pool) || (io->ring && can_start(io->ring)));
}

void file_io_wait(struct file_io *io)
{
	const struct timespec moment = { .tv_nsec = 1 * NS_PER_MS };

	nanosleep(&moment, NULL);
}
