/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtqueue.c - one split ring, and the chains of descriptors in it
 *
 * Theory of operation
 *
 * The three parts of a ring are looked up once, when the queue is started, each with
 * its whole length: whatever index the guest names later is masked or compared with
 * `size`, so that it stays inside. Only three kinds of value come from the guest: its
 * index in the available ring, the heads there, and descriptors. Each is loaded once.
 *
 * A chain has at most `size` descriptors, an indirect one likewise, which ends loops.
 * Its parts are checked in the order of the specification: what we read comes before
 * what we write, an indirect table is the only and last descriptor, every part lies in
 * RAM as a whole. Empty parts are legal and left out.
 *
 * Order against the guest's processors: its index is loaded with acquire before what it
 * covers, ours is stored with release after. Where both sides store and then load
 * (asking for kicks, and whether to notify) a full fence stands between.
 */
#include "devices/virtqueue.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <string.h>

#include "base/parts.h"
#include "base/race.h"

#pragma GCC diagnostic error "-Wconversion"

/* struct vring_avail and vring_used as arrays of 16 bits: flags, index, ring ... */
#define RING_FLAGS 0u
#define RING_INDEX 1u
#define RING_START 2u
#define USED_ENTRY 4u /* 16-bit words of a struct vring_used_elem */

static uint16_t load16(const uint16_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store16(uint16_t *word, uint16_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint16_t slot_of(const struct virtqueue *queue, uint16_t index)
{
	return index & (uint16_t)(queue->size - 1u);
}

static uint16_t *used_entry(const struct virtqueue *queue, uint16_t index)
{
	return queue->used + RING_START + (size_t)slot_of(queue, index) * USED_ENTRY;
}

/* Where the guest says at which of our used indices it wants to hear of us. */
static const uint16_t *used_event(const struct virtqueue *queue)
{
	return queue->available + RING_START + queue->size;
}

/* Where we say at which of its indices we want a kick. */
static uint16_t *available_event(const struct virtqueue *queue)
{
	return queue->used + RING_START + (size_t)queue->size * USED_ENTRY;
}

static bool place_is_aligned(const struct virtqueue_place *place)
{
	return place->descriptors % VRING_DESC_ALIGN_SIZE == 0 &&
	       place->available % VRING_AVAIL_ALIGN_SIZE == 0 &&
	       place->used % VRING_USED_ALIGN_SIZE == 0;
}

int virtqueue_start(struct virtqueue *queue, struct gmem *gmem, const struct virtqueue_place *place,
		    bool has_event_index, const char **ret_reason)
{
	size_t size = place->size;

	*queue = (struct virtqueue){ .gmem = gmem, .has_event_index = has_event_index };
	*ret_reason = "a queue of this size cannot be";
	if (size == 0 || size > VIRTQUEUE_MAX_SIZE || (size & (size - 1)))
		return -EINVAL;
	*ret_reason = "a queue is not aligned";
	if (!place_is_aligned(place))
		return -EINVAL;
	/* both rings end in the word of the event index, whether it is used or not */
	queue->descriptors = gmem_span(gmem, place->descriptors, size * sizeof(struct vring_desc));
	queue->available = gmem_span(gmem, place->available, (RING_START + size + 1) * 2);
	queue->used = gmem_span(gmem, place->used, (RING_START + size * USED_ENTRY + 1) * 2);
	*ret_reason = "a queue does not lie in RAM";
	if (!queue->descriptors || !queue->available || !queue->used)
		return -EINVAL;
	queue->used_gpa = place->used;
	queue->size = place->size;
	return 0;
}

void virtqueue_stop(struct virtqueue *queue)
{
	*queue = (struct virtqueue){ 0 };
}

/* A chain that is being copied. */
struct walk {
	const struct gmem *gmem;
	const unsigned char *table; /* the ring's, or an indirect one */
	unsigned int table_size;
	unsigned int left; /* descriptors that may still come */
	struct chain *chain;
	const char *wrong;
};

static int walk_refuse(struct walk *walk, const char *reason)
{
	walk->wrong = reason;
	return -EPROTO;
}

/* Once, as a whole: what the guest does to it afterwards is of no interest. */
static struct vring_desc descriptor_load(const struct walk *walk, unsigned int index)
{
	struct vring_desc desc;
	RACES_WITH_GUEST;

	memcpy(&desc, walk->table + index * sizeof(desc), sizeof(desc));
	/* the compiler must not read guest memory again instead */
	atomic_signal_fence(memory_order_acq_rel);
	return desc;
}

static int walk_add(struct walk *walk, const struct vring_desc *desc)
{
	struct chain *chain = walk->chain;
	bool writable = desc->flags & VRING_DESC_F_WRITE;
	unsigned int count = (unsigned int)chain->readable_count + chain->writable_count;
	void *bytes;

	if (!writable && chain->writable_count > 0)
		return walk_refuse(walk, "a chain has a readable part after a writable one");
	if (desc->len == 0)
		return 0;
	bytes = gmem_span((struct gmem *)(uintptr_t)walk->gmem, desc->addr, desc->len);
	if (!bytes)
		return walk_refuse(walk, "a descriptor does not lie in RAM");
	if (count == CHAIN_MAX_PARTS)
		return walk_refuse(walk, "a chain is too long");
	chain->parts[count] = (struct iovec){ .iov_base = bytes, .iov_len = desc->len };
	if (writable) {
		chain->writable_count++;
		chain->writable_bytes += desc->len;
	} else {
		chain->readable_count++;
		chain->readable_bytes += desc->len;
	}
	return 0;
}

static int walk_enter_indirect(struct walk *walk, const struct vring_desc *desc)
{
	unsigned int entries = desc->len / (unsigned int)sizeof(struct vring_desc);

	if (desc->flags & VRING_DESC_F_NEXT)
		return walk_refuse(walk, "an indirect descriptor has a next one");
	if (entries == 0 || desc->len % sizeof(struct vring_desc) != 0)
		return walk_refuse(walk, "an indirect table has no whole number of descriptors");
	/* Linux makes tables that are larger than the queue, but never longer chains */
	walk->table = gmem_span((struct gmem *)(uintptr_t)walk->gmem, desc->addr, desc->len);
	if (!walk->table)
		return walk_refuse(walk, "an indirect table does not lie in RAM");
	walk->table_size = entries;
	walk->left = CHAIN_MAX_PARTS;
	return 0;
}

/* From `index` of the table to the chain's end; is_indirect: no further table may come. */
static int walk_table(struct walk *walk, unsigned int index, bool is_indirect)
{
	for (;;) {
		struct vring_desc desc;
		int rc;

		if (index >= walk->table_size)
			return walk_refuse(walk, "a descriptor's number is out of range");
		if (walk->left-- == 0)
			return walk_refuse(walk, "a chain is too long, or a loop");
		desc = descriptor_load(walk, index);
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			if (is_indirect)
				return walk_refuse(walk, "an indirect table is inside another");
			rc = walk_enter_indirect(walk, &desc);
			return rc < 0 ? rc : walk_table(walk, 0, true);
		}
		rc = walk_add(walk, &desc);
		if (rc < 0 || !(desc.flags & VRING_DESC_F_NEXT))
			return rc;
		index = desc.next;
	}
}

static int queue_break(struct virtqueue *queue, const char *reason, const char **ret_reason)
{
	queue->is_broken = true;
	*ret_reason = reason;
	return -EPROTO;
}

int virtqueue_take(struct virtqueue *queue, struct chain *ret_chain, const char **ret_reason)
{
	struct walk walk = { .gmem = queue->gmem,
			     .table = queue->descriptors,
			     .table_size = queue->size,
			     .left = queue->size,
			     .chain = ret_chain };
	uint16_t waiting;
	int rc;

	if (queue->size == 0 || queue->is_broken)
		return 0;
	waiting = (uint16_t)(load16(&queue->available[RING_INDEX]) - queue->next_available);
	if (waiting == 0)
		return 0;
	if (waiting > queue->size || queue->in_flight == queue->size)
		return queue_break(queue, "an index jumps", ret_reason);
	ret_chain->head =
		load16(&queue->available[RING_START + slot_of(queue, queue->next_available)]);
	ret_chain->readable_count = ret_chain->writable_count = 0;
	ret_chain->readable_bytes = ret_chain->writable_bytes = 0;
	ret_chain->gmem = queue->gmem;
	rc = walk_table(&walk, ret_chain->head, false);
	if (rc < 0)
		return queue_break(queue, walk.wrong, ret_reason);
	queue->next_available++;
	queue->in_flight++;
	return 1;
}

void virtqueue_untake(struct virtqueue *queue)
{
	queue->next_available--;
	queue->in_flight--;
}

void virtqueue_drop(struct virtqueue *queue)
{
	queue->in_flight--;
}

void virtqueue_return_unseen(struct virtqueue *queue, uint16_t head, uint32_t written)
{
	struct vring_used_elem used = { .id = head, .len = written };

	memcpy(used_entry(queue, queue->next_used), &used, sizeof(used));
	queue->next_used++;
	queue->in_flight--;
}

/* All of our part of the ring: few pages, and most often one. */
static void used_mark(const struct virtqueue *queue)
{
	gmem_mark_written(queue->gmem, queue->used,
			  (RING_START + (size_t)queue->size * USED_ENTRY + 1) * 2);
}

void virtqueue_return(struct virtqueue *queue, uint16_t head, uint32_t written)
{
	virtqueue_return_unseen(queue, head, written);
	store16(&queue->used[RING_INDEX], queue->next_used);
	used_mark(queue);
}

bool virtqueue_should_notify(struct virtqueue *queue)
{
	uint16_t before = queue->notified_used, event;

	if (queue->size == 0 || before == queue->next_used)
		return false;
	queue->notified_used = queue->next_used;
	atomic_thread_fence(memory_order_seq_cst);
	if (!queue->has_event_index)
		return !(load16(&queue->available[RING_FLAGS]) & VRING_AVAIL_F_NO_INTERRUPT);
	event = load16(used_event(queue));
	return vring_need_event(event, queue->next_used, before);
}

bool virtqueue_want_kicks(struct virtqueue *queue)
{
	if (queue->size == 0 || queue->is_broken)
		return false;
	if (queue->has_event_index)
		store16(available_event(queue), queue->next_available);
	else
		store16(&queue->used[RING_FLAGS], 0);
	used_mark(queue);
	atomic_thread_fence(memory_order_seq_cst);
	return load16(&queue->available[RING_INDEX]) != queue->next_available;
}

void virtqueue_avoid_kicks(struct virtqueue *queue)
{
	/* with event indices not asking again is enough */
	if (queue->size == 0 || queue->has_event_index)
		return;
	store16(&queue->used[RING_FLAGS], VRING_USED_F_NO_NOTIFY);
	used_mark(queue);
}

size_t chain_read(const struct chain *chain, uint64_t offset, void *to, size_t length)
{
	size_t copied =
		parts_gather(chain_readable(chain), chain->readable_count, offset, to, length);

	/* what the caller checks is what it has: never guest memory again */
	atomic_signal_fence(memory_order_acq_rel);
	return copied;
}

size_t chain_write(const struct chain *chain, uint64_t offset, const void *from, size_t length)
{
	size_t copied =
		parts_scatter(chain_writable(chain), chain->writable_count, offset, from, length);

	if (copied > 0)
		chain_mark_written(chain, offset + copied);
	return copied;
}

void chain_mark_written(const struct chain *chain, uint64_t length)
{
	const struct iovec *parts = chain_writable(chain);

	for (unsigned int i = 0; i < chain->writable_count && length > 0; i++) {
		size_t n = parts[i].iov_len < length ? parts[i].iov_len : (size_t)length;

		gmem_mark_written(chain->gmem, parts[i].iov_base, n);
		length -= n;
	}
}

unsigned int chain_readable_slice(const struct chain *chain, uint64_t offset, uint64_t length,
				  struct iovec ret_parts[CHAIN_MAX_PARTS])
{
	return parts_slice(chain_readable(chain), chain->readable_count, offset, length, ret_parts);
}

unsigned int chain_writable_slice(const struct chain *chain, uint64_t offset, uint64_t length,
				  struct iovec ret_parts[CHAIN_MAX_PARTS])
{
	return parts_slice(chain_writable(chain), chain->writable_count, offset, length, ret_parts);
}
