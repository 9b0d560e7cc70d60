/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_virtqueue.c - a ring in a guest's memory, and a guest that changes it meanwhile
 *
 * The input: where the ring is (a struct setup), operations of two bytes until one that
 * is zero, and an image of the guest's memory from IMAGE_GPA on. Each chain that is
 * taken is compared with what a second walk finds, which is written for clearness and
 * not for a guest that changes its mind: both must refuse the same, and agree about the
 * parts. Nothing but the used ring may have changed in the end.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtqueue.h"

#define RAM	    (UINT64_C(1) << 20)
#define IMAGE_GPA   UINT64_C(0x1000)
#define IMAGE_BYTES 0x8000u

struct setup {
	uint8_t size_log;
	uint8_t flags; /* bit 0: event index; the others: 16-bit words, added to `available` */
	uint16_t descriptors; /* these three in units of 16 bytes */
	uint16_t available;
	uint16_t used;
};

enum {
	OP_END,
	OP_TAKE,
	OP_RETURN,
	OP_UNTAKE,
	OP_DROP,
	OP_NOTIFY,
	OP_WANT,
	OP_AVOID,
	OP_OFFER,
	OP_POKE, /* two more bytes: where, in 16-bit words, and what */
	OPS,
};

struct part {
	uint64_t gpa;
	uint32_t length;
	bool is_writable;
};

struct run {
	struct virtqueue queue;
	struct virtqueue_place place;
	struct chain chain;
	uint16_t heads[VIRTQUEUE_MAX_SIZE]; /* in flight */
	unsigned int flying;
	bool is_last_take; /* the last of `heads` can be put back */
};

static struct gmem *gmem;
static unsigned char *ram;
static unsigned char shadow[RAM]; /* what the guest has written itself */

static void expect(bool holds)
{
	if (!holds)
		abort();
}

/* -- the second walk -- */

static bool is_ram(uint64_t gpa, uint64_t length)
{
	return gpa <= RAM && length <= RAM - gpa;
}

/* Appends the chain in the table from `index` on to parts[]; returns their number, or -1. */
static int reference_table(uint64_t table, uint64_t entries, unsigned int index, unsigned int limit,
			   bool is_inner, struct part *parts, int count)
{
	for (unsigned int step = 0; step < limit; step++) {
		struct vring_desc desc;

		if (index >= entries)
			return -1;
		memcpy(&desc, ram + table + 16u * index, sizeof(desc));
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			if (is_inner || (desc.flags & VRING_DESC_F_NEXT) || desc.len == 0 ||
			    desc.len % 16 != 0 || !is_ram(desc.addr, desc.len))
				return -1;
			return reference_table(desc.addr, desc.len / 16, 0, CHAIN_MAX_PARTS, true,
					       parts, count);
		}
		if (!(desc.flags & VRING_DESC_F_WRITE) && count > 0 && parts[count - 1].is_writable)
			return -1;
		if (desc.len > 0) {
			if (!is_ram(desc.addr, desc.len) || count == CHAIN_MAX_PARTS)
				return -1;
			parts[count++] = (struct part){ desc.addr, desc.len,
							desc.flags & VRING_DESC_F_WRITE };
		}
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return count;
		index = desc.next;
	}
	return -1;
}

static void expect_parts(const struct chain *chain, const struct part *parts, int count)
{
	uint64_t readable = 0, writable = 0;

	expect(count == chain->readable_count + chain->writable_count && count <= CHAIN_MAX_PARTS);
	for (int i = 0; i < count; i++) {
		expect(chain->parts[i].iov_base == ram + parts[i].gpa);
		expect(chain->parts[i].iov_len == parts[i].length);
		expect(parts[i].is_writable == (i >= chain->readable_count));
		if (parts[i].is_writable)
			writable += parts[i].length;
		else
			readable += parts[i].length;
	}
	expect(readable == chain->readable_bytes && writable == chain->writable_bytes);
}

/* -- operations -- */

static uint16_t *available(const struct run *run)
{
	return (uint16_t *)(void *)(ram + run->place.available);
}

/* The guest's own write, which is allowed wherever it goes. */
static void guest_write(uint64_t gpa, const void *bytes, size_t length)
{
	memcpy(ram + gpa, bytes, length);
	memcpy(shadow + gpa, bytes, length);
}

static void take(struct run *run)
{
	static struct part parts[CHAIN_MAX_PARTS];
	struct virtqueue *queue = &run->queue;
	uint16_t waiting = (uint16_t)(available(run)[1] - queue->next_available);
	bool jumps = waiting > queue->size || (waiting > 0 && queue->in_flight == queue->size);
	uint16_t head = available(run)[2 + (queue->next_available & (run->place.size - 1u))];
	const char *reason = NULL;
	bool was_broken = queue->is_broken;
	int count = reference_table(run->place.descriptors, queue->size, head, queue->size, false,
				    parts, 0);
	int rc = virtqueue_take(queue, &run->chain, &reason);

	run->is_last_take = rc == 1;
	if (was_broken || waiting == 0) {
		expect(rc == 0);
	} else if (jumps || count < 0) {
		expect(rc == -EPROTO && reason && queue->is_broken);
	} else {
		expect(rc == 1 && !reason && run->chain.head == head);
		expect_parts(&run->chain, parts, count);
		run->heads[run->flying++] = head;
	}
}

static void land(struct run *run, unsigned int which, bool is_answered)
{
	uint16_t head;

	if (run->flying == 0)
		return;
	which %= run->flying;
	head = run->heads[which];
	run->heads[which] = run->heads[--run->flying];
	run->is_last_take = false;
	if (is_answered && which % 4 == 3)
		virtqueue_return_unseen(&run->queue, head, which);
	else if (is_answered)
		virtqueue_return(&run->queue, head, which);
	else
		virtqueue_drop(&run->queue);
}

static void untake(struct run *run)
{
	if (!run->is_last_take)
		return;
	run->flying--;
	run->is_last_take = false;
	virtqueue_untake(&run->queue);
}

static void offer(struct run *run, uint16_t step)
{
	uint16_t index = (uint16_t)(available(run)[1] + step);

	guest_write(run->place.available + 2, &index, sizeof(index));
}

/* Returns how many bytes the operation had; 0: it was the last. */
static size_t operate(struct run *run, const uint8_t *bytes, size_t length)
{
	uint16_t word;

	if (length < 4)
		return 0;
	switch (bytes[0] % OPS) {
	case OP_END:
		return 0;
	case OP_TAKE:
		take(run);
		break;
	case OP_RETURN:
		land(run, bytes[1], true);
		break;
	case OP_UNTAKE:
		untake(run);
		break;
	case OP_DROP:
		land(run, bytes[1], false);
		break;
	case OP_NOTIFY:
		virtqueue_should_notify(&run->queue);
		expect(!virtqueue_should_notify(&run->queue));
		break;
	case OP_WANT:
		expect(!virtqueue_want_kicks(&run->queue) || !run->queue.is_broken);
		break;
	case OP_AVOID:
		virtqueue_avoid_kicks(&run->queue);
		break;
	case OP_OFFER:
		offer(run, (uint16_t)(int8_t)bytes[1]);
		break;
	default:
		word = (uint16_t)(bytes[2] | bytes[3] << 8);
		guest_write(IMAGE_GPA + 2u * bytes[1], &word, sizeof(word));
		return 4;
	}
	expect(run->queue.in_flight == run->flying && run->flying <= run->queue.size);
	return 2;
}

/* Used rings hold what they hold; all else is as the guest has written it. */
static void expect_untouched(const struct run *run)
{
	uint64_t end = run->place.used + 6 + UINT64_C(8) * run->place.size;

	expect(memcmp(ram, shadow, run->place.used) == 0);
	expect(memcmp(ram + end, shadow + end, RAM - end) == 0);
}

static void memory_open(void)
{
	struct fail why;

	if (gmem)
		return;
	expect(gmem_create(RAM, &gmem, &why) == 0);
	ram = gmem_base(gmem);
}

/* All that may have been written to. */
static void clear(const struct run *run)
{
	uint64_t used_bytes = 6 + UINT64_C(8) * run->place.size;

	memset(ram + IMAGE_GPA, 0, IMAGE_BYTES);
	memset(shadow + IMAGE_GPA, 0, IMAGE_BYTES);
	if (run->queue.size == 0)
		return;
	memset(ram + run->place.used, 0, used_bytes);
	memset(shadow + run->place.used, 0, used_bytes);
	memset(ram + run->place.available, 0, 4);
	memset(shadow + run->place.available, 0, 4);
}

static void play(struct run *run, const uint8_t *bytes, size_t length)
{
	const char *reason = NULL;
	size_t step, image = 0;
	int rc;

	/* the image is what follows the operations, so find their end first */
	while (image + 1 < length && bytes[image] % OPS != OP_END)
		image += bytes[image] % OPS == OP_POKE ? 4 : 2;
	image += 2;
	if (image < length)
		guest_write(IMAGE_GPA, bytes + image,
			    length - image < IMAGE_BYTES ? length - image : IMAGE_BYTES);
	rc = virtqueue_start(&run->queue, gmem, &run->place, run->queue.has_event_index, &reason);
	expect(rc == 0 || (rc == -EINVAL && reason && run->queue.size == 0));
	if (rc < 0)
		return;
	while ((step = operate(run, bytes, length)) > 0 && step < length) {
		bytes += step;
		length -= step;
	}
	expect_untouched(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct run run;
	struct setup setup;

	memory_open();
	memset(&run, 0, sizeof(run));
	if (length < sizeof(setup))
		return 0;
	memcpy(&setup, bytes, sizeof(setup));
	run.place = (struct virtqueue_place){ .descriptors = setup.descriptors * UINT64_C(16),
					      .available = setup.available * UINT64_C(16) +
							   (setup.flags & 0xfeu),
					      .used = setup.used * UINT64_C(16),
					      .size = (uint16_t)(1u << setup.size_log % 17) };
	run.queue.has_event_index = setup.flags & 1;
	play(&run, bytes + sizeof(setup), length - sizeof(setup));
	clear(&run);
	return 0;
}
