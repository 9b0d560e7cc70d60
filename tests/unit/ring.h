/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - one queue in a small guest memory, for tests of what a guest may put there
 *
 * Included by the one file of such a test. The guest writes by describe() and offer(),
 * the device takes; nothing of a virtio device is there.
 */
#ifndef TESTS_UNIT_RING_H
#define TESTS_UNIT_RING_H

#include <errno.h>
#include <linux/virtio_ring.h>

#include "devices/virtqueue.h"

#include "tests/unit/suite.h"

#define RAM	    (UINT64_C(1) << 20)
#define DESCRIPTORS UINT64_C(0x1000)
#define AVAILABLE   UINT64_C(0x3000)
#define USED	    UINT64_C(0x4000)
#define TABLE	    UINT64_C(0x8000) /* of an indirect chain */
#define BUFFERS	    UINT64_C(0x10000)
#define NEXT	    VRING_DESC_F_NEXT
#define WRITE	    VRING_DESC_F_WRITE
#define INDIRECT    VRING_DESC_F_INDIRECT

static struct gmem *gmem;
static struct virtqueue queue;
static struct chain chain;
static struct virtqueue_place place;
static uint16_t offered; /* the guest's index */
static const char *reason;

static inline void *at(uint64_t gpa, size_t length)
{
	void *bytes = gmem_span(gmem, gpa, length);

	ck_assert_ptr_nonnull(bytes);
	return bytes;
}

static inline void open_memory(uint64_t bytes)
{
	struct fail why;

	ck_assert_int_eq(gmem_create(bytes, &gmem, &why), 0);
	place = (struct virtqueue_place){ DESCRIPTORS, AVAILABLE, USED, 0 };
	offered = 0;
	reason = NULL;
}

static inline int start_at_place(bool has_event_index)
{
	return virtqueue_start(&queue, gmem, &place, has_event_index, &reason);
}

static inline void start(uint16_t size, bool has_event_index)
{
	open_memory(RAM);
	place.size = size;
	ck_assert_int_eq(start_at_place(has_event_index), 0);
}

static inline void stop(void)
{
	virtqueue_stop(&queue);
	gmem_free(gmem);
}

static inline void describe_in(uint64_t table, unsigned int index, uint64_t gpa, uint32_t length,
			       uint16_t flags, uint16_t next)
{
	struct vring_desc desc = { .addr = gpa, .len = length, .flags = flags, .next = next };

	memcpy(at(table + 16u * index, 16), &desc, sizeof(desc));
}

static inline void describe(unsigned int index, uint64_t gpa, uint32_t length, uint16_t flags,
			    uint16_t next)
{
	describe_in(place.descriptors, index, gpa, length, flags, next);
}

static inline uint16_t *available(void)
{
	return at(place.available, 6u + 2u * place.size);
}

static inline uint16_t *used(void)
{
	return at(place.used, 6u + 8u * place.size);
}

static inline struct vring_used_elem used_element(uint16_t index)
{
	struct vring_used_elem element;

	memcpy(&element, used() + 2 + 4 * (index % place.size), sizeof(element));
	return element;
}

static inline void set_index(uint16_t index)
{
	offered = index;
	available()[1] = index;
}

static inline void offer(uint16_t head)
{
	available()[2 + offered % place.size] = head;
	set_index((uint16_t)(offered + 1));
}

static inline int take(void)
{
	return virtqueue_take(&queue, &chain, &reason);
}

/* One chain of one part: the least that a queue can be busy with. */
static inline void serve_one(void)
{
	describe(0, BUFFERS, 16, WRITE, 0);
	offer(0);
	ck_assert_int_eq(take(), 1);
	virtqueue_return(&queue, chain.head, 16);
}

static inline void expect_part(unsigned int part, uint64_t gpa, size_t length)
{
	ck_assert_ptr_eq(chain.parts[part].iov_base, at(gpa, length));
	ck_assert_uint_eq(chain.parts[part].iov_len, length);
}

/* A chain that no device may get, from the descriptors that stand there. */
static inline void expect_refusal(uint16_t head)
{
	offer(head);
	ck_assert_int_eq(take(), -EPROTO);
	ck_assert_ptr_nonnull(reason);
	ck_assert(queue.is_broken);
	ck_assert_uint_eq(queue.in_flight, 0);
	/* and that was it */
	describe(0, BUFFERS, 1, 0, 0);
	offer(0);
	ck_assert_int_eq(take(), 0);
	ck_assert(!virtqueue_want_kicks(&queue));
	ck_assert(!virtqueue_should_notify(&queue));
	stop();
}

#endif
