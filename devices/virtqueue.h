/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtqueue.h - one split ring, and the chains of descriptors in it
 *
 * Format: Virtual I/O Device (VIRTIO) 1.2, section 2.7, with indirect descriptors
 * and event indices.
 *
 * A queue is set once, when its device is activated, and does not change until it
 * is stopped. A chain is copied out of guest memory into a bounded array, each
 * descriptor once; it is checked as a whole there, and what is used is the copy.
 * The guest may write to all of it at any time.
 *
 * One thread at a time. Nothing here trusts the guest: a ring that makes no sense is
 * -EPROTO, with a sentence, and from then on the queue is broken: it gives no more.
 */
#ifndef DEVICES_VIRTQUEUE_H
#define DEVICES_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/auto.h"
#include "vmm/gmem.h"

#define VIRTQUEUE_MAX_SIZE 256
#define CHAIN_MAX_PARTS	   VIRTQUEUE_MAX_SIZE

/*
 * What one request of the guest is made of: parts that we read, then parts that we
 * write. Addresses of the host, each part inside RAM; no part is empty.
 */
struct chain {
	uint16_t head; /* names it in the used ring */
	uint16_t readable_count;
	uint16_t writable_count;
	uint64_t readable_bytes;
	uint64_t writable_bytes;
	struct gmem *gmem;		     /* that the parts lie in; borrowed */
	struct iovec parts[CHAIN_MAX_PARTS]; /* the readable ones first */
};

static inline const struct iovec *chain_readable(const struct chain *chain)
{
	return chain->parts;
}

static inline const struct iovec *chain_writable(const struct chain *chain)
{
	return chain->parts + chain->readable_count;
}

/*
 * Copies [offset, offset + length) of what is readable, or to what is writable; less
 * where it ends before. Returns the bytes copied.
 */
size_t chain_read(const struct chain *chain, uint64_t offset, void *to, size_t length);
size_t chain_write(const struct chain *chain, uint64_t offset, const void *from, size_t length);

/*
 * The first `length` bytes of what is writable were just written to by other means than
 * chain_write(): gmem_mark_written().
 */
void chain_mark_written(const struct chain *chain, uint64_t length);

/*
 * The parts of [offset, offset + length) as a list of their own, for readv() and its
 * like. Returns how many, at most CHAIN_MAX_PARTS; 0 where the range does not lie inside.
 */
unsigned int chain_readable_slice(const struct chain *chain, uint64_t offset, uint64_t length,
				  struct iovec ret_parts[CHAIN_MAX_PARTS]);
unsigned int chain_writable_slice(const struct chain *chain, uint64_t offset, uint64_t length,
				  struct iovec ret_parts[CHAIN_MAX_PARTS]);

/* Where the guest put a queue. Guest physical addresses, not yet checked. */
struct virtqueue_place {
	uint64_t descriptors;
	uint64_t available;
	uint64_t used;
	uint16_t size;
};

struct virtqueue {
	struct gmem *gmem; /* borrowed */
	uint16_t size;	   /* a power of two; 0: not started */
	bool has_event_index;
	bool is_broken;

	/* in guest memory, each wholly inside RAM */
	const void *descriptors;
	const uint16_t *available;
	uint16_t *used;
	uint64_t used_gpa;

	uint16_t next_available; /* the next chain to take */
	uint16_t next_used;	 /* the next place to return one */
	uint16_t notified_used;	 /* next_used when we last looked whether to notify */
	uint16_t in_flight;	 /* taken and not returned */
};

/* -EINVAL, and the reason: no queue can be there. */
CHECKED int virtqueue_start(struct virtqueue *queue, struct gmem *gmem,
			    const struct virtqueue_place *place, bool has_event_index,
			    const char **ret_reason);
void virtqueue_stop(struct virtqueue *queue);

/*
 * Takes the next chain: 1; 0: there is none; -EPROTO, with the reason: the ring or
 * the chain is wrong, and the queue is broken from now on.
 */
CHECKED int virtqueue_take(struct virtqueue *queue, struct chain *ret_chain,
			   const char **ret_reason);

/* Puts back the chain that was taken last: it is the next again. */
void virtqueue_untake(struct virtqueue *queue);

/* Returns a chain; written: bytes of its writable parts, from the first on. */
void virtqueue_return(struct virtqueue *queue, uint16_t head, uint32_t written);
/* The same, but the guest sees it only with the next one that is returned. */
void virtqueue_return_unseen(struct virtqueue *queue, uint16_t head, uint32_t written);

/* The guest gets no answer for one of the chains that were taken: the queue is being stopped. */
void virtqueue_drop(struct virtqueue *queue);

/* Whether the guest wants to hear of what was returned since the last call. */
bool virtqueue_should_notify(struct virtqueue *queue);

/*
 * Whether the guest should kick for new chains. After asking for kicks there may be
 * chains that came before: returns whether there are, then take again.
 */
bool virtqueue_want_kicks(struct virtqueue *queue);
void virtqueue_avoid_kicks(struct virtqueue *queue);

#endif
