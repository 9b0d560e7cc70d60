/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_discard.h - gives pages of guest memory back to the host
 *
 * For what the guest gives away (balloon, free page reporting), and for all of RAM when
 * the guest starts anew. A page that was given back has no memory and reads as zero,
 * until somebody writes to it.
 *
 * Only the dedup thread changes what is mapped in guest memory, so a request is queued
 * for it; it serves the queue between its steps and while it rests, with a broker or
 * without. Where nothing is shared there is no such thread, and the memory is given
 * back before gmem_discard() returns.
 *
 * The guest may write to the pages at any time, and no access fails. What is written
 * while a request is under way can be lost, and the page reads as zero then; what is
 * written after done() stays.
 *
 * A page that is pinned (gmem_pin()) keeps its contents and its memory: data for it is
 * under way from a disk, and must arrive. No promise is broken by that, since who gives
 * a page away may not care what is in it; it costs memory until the page is given away
 * again. The same goes for pages that could not be discarded because of an error.
 */
#ifndef VMM_GMEM_DISCARD_H
#define VMM_GMEM_DISCARD_H

#include <pthread.h>
#include <stdint.h>

#include "base/auto.h"
#include "vmm/gmem_pins.h"

struct gmem;

/* The caller's; from gmem_discard() to the call of done() nobody else touches it. */
struct gmem_discard {
	uint64_t first, count; /* pages: gmem_page_of() */
	/*
	 * Called exactly once, on the dedup thread or on the caller's: it must not block
	 * or call gmem_discard(), and may free the request. error: 0; -EFAULT: not all of it is
	 * guest memory, and nothing was done; -ECANCELED: sharing has ended; or the first
	 * failure, after which the rest was tried all the same.
	 */
	void (*done)(struct gmem_discard *discard, int error);

	uint64_t returned;	   /* out: pages that were given back */
	struct gmem_discard *next; /* the queue's */
};

/* Any thread. done() may have been called when this returns. */
void gmem_discard(struct gmem *gmem, struct gmem_discard *discard);

/* The rest is for gmem.c and for the one who serves the queue, gmem_share.c. */

enum discard_mode {
	DISCARD_DIRECT, /* nothing was ever shared: memory is simply dropped */
	DISCARD_QUEUE,	/* somebody serves the queue */
	DISCARD_REFUSE, /* nobody does any more, and what lies below pages is not known */
};

struct discard_queue {
	unsigned char *base; /* guest memory; borrowed, like the pins */
	struct pins *pins;
	pthread_mutex_t lock; /* of all below; a leaf */
	enum discard_mode mode;
	int wake_fd; /* of who serves; an eventfd, borrowed */
	struct gmem_discard *head, *tail;
};

void discard_queue_init(struct discard_queue *queue, unsigned char *base, struct pins *pins);
void discard_queue_done(struct discard_queue *queue);

/* From now on requests are queued, and wake_fd is written to. */
void discard_queue_open(struct discard_queue *queue, int wake_fd);
/* All that wait, oldest first; linked by `next`. NULL: none. */
struct gmem_discard *discard_queue_take(struct discard_queue *queue);
/* Requests are refused from now on; those that wait are, too. */
void discard_queue_close(struct discard_queue *queue);

#endif
