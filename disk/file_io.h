/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_io.h - does file jobs without waiting for them
 *
 * One thread at a time, the loop's; done() is called there, from file_io_start().
 */
#ifndef DISK_FILE_IO_H
#define DISK_FILE_IO_H

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "disk/file_job.h"

struct file_io;

/* turn: called on the loop's thread when something may have been done: file_io_start() it. */
CHECKED int file_io_create(struct loop *loop, loop_fn *turn, void *context, struct file_io **ret_io,
			   struct fail *why);
/* Nothing may be in flight. NULL is fine. */
void file_io_free(struct file_io *io);

void file_io_submit(struct file_io *io, struct file_job *job);
/* Hands over what waits, and calls done() for what is done. */
void file_io_start(struct file_io *io);

/* Without the loop: lets a millisecond pass, or less if something has been done. */
void file_io_wait(struct file_io *io);

/* -- what it is made of: file_ring.c, file_pool.c ------------------------------ */

#define FILE_IO_DEPTH 128u
/*
 * What the page cache has is copied by the kernel before a system call on the ring returns,
 * on the loop's thread, which has others to serve: some milliseconds in one go.
 */
#define FILE_IO_RING_BYTES (UINT64_C(4) << 20)	/* of one job on the ring; larger: the pool */
#define FILE_IO_GO_BYTES   (UINT64_C(16) << 20) /* handed over by one file_io_start() */

struct file_engine;

struct file_engine_type {
	/* Hands waiting jobs over as far as they may be, and collects what has been done. */
	void (*start)(struct file_engine *engine);
	void (*free)(struct file_engine *engine);
};

struct file_engine {
	const struct file_engine_type *type;
	loop_fn *turn;
	void *turn_context;
	struct file_jobs waiting;  /* not handed over */
	unsigned int in_flight;	   /* handed over, not collected: up to FILE_IO_DEPTH */
	uint64_t go_bytes;	   /* handed over in this go */
	struct file_jobs finished; /* done() not called yet */
};

/* The next job that may be handed over now; it counts as in flight. NULL: none. */
struct file_job *file_engine_next(struct file_engine *engine);

/* Only for FILE_READ. -errno: not possible here. */
CHECKED int file_ring_create(struct loop *loop, struct file_engine **ret_engine);
CHECKED int file_pool_create(struct loop *loop, struct file_engine **ret_engine);

#endif
