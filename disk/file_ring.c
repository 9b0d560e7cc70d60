/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_ring.c - reads files through io_uring
 *
 * What waits is handed over with one system call; what the page cache has is
 * done by then and collected at once. For the rest the loop watches the ring itself,
 * which is readable while something is done: what was collected early wakes nobody.
 *
 * The ring has room for all that is in the kernel at once, so that it is never full and
 * completions are never dropped. What the kernel has no memory for just now is tried
 * again a little later.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "disk/file_io.h"

#define LATER_NS (1 * NS_PER_MS)

struct file_ring {
	struct file_engine engine; /* first: the type's functions get a pointer to it */
	struct io_uring ring;
	struct loop_source *source, *timer;
	struct file_jobs later; /* the kernel says EAGAIN */
	uint64_t later_ns;	/* when to try again */
};

static struct file_ring *ring_of(struct file_engine *engine)
{
	return (struct file_ring *)engine;
}

static void prepare(struct file_ring *ring, struct file_job *job)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
	struct file_call call;

	file_job_next_call(job, &call);
	io_uring_prep_readv(sqe, job->fd, call.parts, call.part_count, call.offset);
	io_uring_sqe_set_data(sqe, job);
}

static void hand_over(struct file_ring *ring)
{
	struct file_job *job;
	int rc;

	while ((job = file_engine_next(&ring->engine)))
		prepare(ring, job);
	while (io_uring_sq_ready(&ring->ring) > 0) {
		rc = io_uring_submit(&ring->ring);
		if (rc == -EINTR)
			continue;
		if (rc <= 0) {
			loop_arm(ring->timer, LATER_NS);
			return;
		}
	}
}

static void take_in(struct file_ring *ring, struct file_job *job, int result)
{
	ring->engine.in_flight--;
	if (file_job_take_result(job, result)) {
		file_jobs_push(&ring->engine.finished, job);
	} else if (result == -EAGAIN || result == -EINTR) {
		file_jobs_push(&ring->later, job);
		ring->later_ns = now_ns() + LATER_NS;
		loop_arm(ring->timer, LATER_NS);
	} else {
		file_jobs_push(&ring->engine.waiting, job);
	}
}

static void retry_later(struct file_ring *ring)
{
	struct file_job *job;

	if (!ring->later.first || now_ns() < ring->later_ns)
		return;
	while ((job = file_jobs_pop(&ring->later)))
		file_jobs_push(&ring->engine.waiting, job);
}

static void ring_start(struct file_engine *engine)
{
	struct file_ring *ring = ring_of(engine);
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;

	retry_later(ring);
	hand_over(ring);
	io_uring_for_each_cqe(&ring->ring, head, cqe)
	{
		take_in(ring, io_uring_cqe_get_data(cqe), cqe->res);
		count++;
	}
	io_uring_cq_advance(&ring->ring, count);
}

static void on_ring(void *context, uint32_t events)
{
	struct file_ring *ring = context;

	ring->engine.turn(ring->engine.turn_context);
}

static void on_timer(void *context)
{
	on_ring(context, 0);
}

static void ring_free(struct file_engine *engine)
{
	struct file_ring *ring = ring_of(engine);

	loop_remove(ring->source);
	loop_remove(ring->timer);
	io_uring_queue_exit(&ring->ring);
	free(ring);
}

static const struct file_engine_type ring_type = {
	.start = ring_start,
	.free = ring_free,
};

int file_ring_create(struct loop *loop, struct file_engine **ret_engine)
{
	struct file_ring *ring = calloc(1, sizeof(*ring));
	int rc = ring ? io_uring_queue_init(FILE_IO_DEPTH, &ring->ring, 0) : -ENOMEM;

	if (rc < 0) {
		free(ring);
		return rc;
	}
	ring->engine.type = &ring_type;
	rc = loop_add_timer(loop, on_timer, ring, &ring->timer);
	if (rc == 0)
		rc = loop_add_fd(loop, ring->ring.ring_fd, EPOLLIN, on_ring, ring, &ring->source);
	if (rc < 0) {
		ring_free(&ring->engine);
		return rc;
	}
	*ret_engine = &ring->engine;
	return 0;
}
