/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balloon_batch.h - the pages of one chain of a balloon, on their way back to the host
 *
 * A chain names pages in one of two ways: as a list of page numbers, or by having
 * them as its writable parts. Giving them back is somebody else's work and takes its
 * time, on other threads perhaps; the chain is held until all of it is done. A list
 * may be of any length: so many numbers are read, and so many pages are on their way,
 * at a time.
 *
 * All belongs to the I/O thread. A batch is embedded, and stays where it is.
 */
#ifndef DEVICES_BALLOON_BATCH_H
#define DEVICES_BALLOON_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/loop.h"
#include "devices/virtqueue.h"
#include "vmm/gmem_discard.h"

#define BALLOON_BATCH_PAGES 256u /* of a list, at a time; Linux sends no longer ones */

_Static_assert(BALLOON_BATCH_PAGES >= CHAIN_MAX_PARTS, "a chain's parts are one batch");

struct balloon_batch;

/* Gives pages back, as gmem_discard() does. */
typedef void balloon_discard_fn(void *context, struct gmem_discard *discard);

struct balloon_batch_hooks {
	balloon_discard_fn *discard;
	void *discard_context;
	/* The batch is idle again; its chain is the caller's. On the I/O thread, not from start. */
	void (*ended)(struct balloon_batch *batch, void *context);
	/* Pages were named that can't be; the batch ends without them. */
	void (*refuse)(const char *reason, void *context);
	void *context;
};

struct balloon_piece {
	struct gmem_discard discard; /* first: the piece is found by it */
	struct balloon_batch *batch;
};

struct balloon_batch {
	struct gmem *gmem;
	struct balloon_batch_hooks hooks;
	struct loop_source *wake;
	struct chain chain; /* filled by the caller before a start */
	bool is_busy;
	bool is_cut_short;   /* what is not on its way yet is left out */
	uint64_t list_used;  /* bytes of the list that have been read */
	uint64_t list_bytes; /* 0: the pages are the chain's parts */
	struct balloon_piece pieces[BALLOON_BATCH_PAGES];
	atomic_uint under_way;
	atomic_uint_fast64_t returned_pages; /* since it was made; any thread reads it */
};

/* Main thread, while the I/O thread does not run. The rest is borrowed. */
CHECKED int balloon_batch_init(struct balloon_batch *batch, struct gmem *gmem, struct loop *loop,
			       const struct balloon_batch_hooks *hooks);
void balloon_batch_done(struct balloon_batch *batch); /* not busy; also if zeroed */

/* Of an idle batch whose chain was filled. ended() follows. */
void balloon_batch_start_list(struct balloon_batch *batch);
void balloon_batch_start_parts(struct balloon_batch *batch);

/* ended() follows as soon as what is on its way is done. */
void balloon_batch_cut_short(struct balloon_batch *batch);

#endif
