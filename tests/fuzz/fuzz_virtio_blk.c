/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_virtio_blk.c - requests for a disk, from a guest that means no good
 *
 * The input: a struct start, then requests. Each is a struct ask and its parts, a struct
 * part each; what remains of the input is what the guest's memory holds. The disk is an
 * array that keeps some requests until later. Whatever the guest asks for:
 *
 *	the disk is asked only for what lies inside it, with as much memory as it takes
 *	memory that no writable part covers does not change
 *	each chain is returned once, with a status, unless the device stands still
 *	a reset ends, and nothing is written after it
 */
#include "tests/fuzz/fuzz.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "devices/virtio_blk.h"
#include "disk/disk_type.h"

#define RAM	      (UINT64_C(1) << 20)
#define QUEUE_SIZE    64u
#define RINGS_GPA     UINT64_C(0x1000)
#define AVAILABLE_GPA UINT64_C(0x2000)
#define USED_GPA      UINT64_C(0x3000)
#define MEMORY_GPA    UINT64_C(0x10000) /* of the parts, one behind the other */
#define GAP	      64u		/* between them */
#define DISK_BYTES    (64u << 10)
#define MAX_PARTS     (QUEUE_SIZE - 1)
#define NO_STATUS     0xeeu

struct start {
	uint8_t features; /* bit 0: without flush; 1: without discard; 2: without event index */
	uint8_t resets;	  /* bit 0: while requests are in flight; others: which these are */
};

struct ask {
	uint8_t part_count;
	uint8_t type;
	uint16_t sector;
	uint8_t far; /* added to the sector, far up */
};

struct part {
	uint16_t length;
	uint8_t flags; /* bit 0: writable; 1: the header starts here; 2: longer than RAM;
			  3: starts with what follows in the input */
	uint8_t fill;
};

/* A disk in memory. Some requests wait for the end of the turn after. */
struct array_disk {
	struct disk disk; /* first */
	uint8_t bytes[DISK_BYTES];
	struct disk_requests kept;
	unsigned int count;
	uint8_t keeps; /* one in so many; 0: none */
};

static struct array_disk array;
static struct gmem *gmem;
static struct loop *loop;
static struct loop_source *wake;
static struct virtio_blk *blk;
static uint8_t before[RAM]; /* what the guest's memory was */
static uint8_t writable[RAM];

static void expect(bool claim)
{
	if (!claim)
		abort();
}

/* ------------------------------------------------------------------------- the disk */

static void array_do(struct disk_request *request)
{
	uint8_t *at;

	expect(request->op == DISK_FLUSH ||
	       (request->offset <= DISK_BYTES && request->length <= DISK_BYTES - request->offset));
	at = array.bytes + request->offset;
	if (request->op == DISK_WRITE_ZEROES)
		memset(at, 0, request->length);
	for (unsigned int i = 0; request->op <= DISK_WRITE && i < request->part_count; i++) {
		if (request->op == DISK_READ)
			memcpy(request->parts[i].iov_base, at, request->parts[i].iov_len);
		else
			memcpy(at, request->parts[i].iov_base, request->parts[i].iov_len);
		at += request->parts[i].iov_len;
		request->parts[i].iov_len = 0; /* a disk may change them */
	}
	if (request->op <= DISK_WRITE)
		expect(at == array.bytes + request->offset + request->length);
	disk_complete(request, request->offset == DISK_BYTES / 2 ? -ENOSPC : 0);
}

static void array_submit(struct disk *disk, struct disk_request *request)
{
	array.count++;
	if (array.keeps && array.count % array.keeps == 0)
		disk_requests_push(&array.kept, request);
	else
		array_do(request);
}

static void array_start(struct disk *disk)
{
}

static void array_release(struct disk *disk)
{
	struct disk_request *request;

	while ((request = disk_requests_pop(&array.kept)))
		array_do(request);
}

static void array_close(struct disk *disk)
{
}

static const struct disk_type array_type = {
	.submit = array_submit,
	.start = array_start,
	.wait = array_release,
	.close = array_close,
};

/* ------------------------------------------------------------------------ the guest */

struct input {
	const uint8_t *bytes;
	size_t length;
};

/* Zeroes where there is no more. */
static void take(struct input *input, void *to, size_t length)
{
	size_t taken = length < input->length ? length : input->length;

	memset(to, 0, length);
	memcpy(to, input->bytes, taken);
	input->bytes += taken;
	input->length -= taken;
}

struct guest {
	uint64_t next_gpa;
	unsigned int descriptors, chains;
	uint64_t statuses[QUEUE_SIZE]; /* gpa of the last writable byte; 0: none */
};

static uint8_t *at(uint64_t gpa)
{
	return (uint8_t *)gmem_base(gmem) + gpa;
}

static void put_header(const struct ask *ask, uint64_t gpa)
{
	struct virtio_blk_outhdr header = {
		.type = ask->type,
		.sector = ask->sector + ((uint64_t)ask->far << 56) + ((uint64_t)ask->far << 20),
	};

	memcpy(at(gpa), &header, sizeof(header));
}

/* Returns the descriptor. */
static struct vring_desc part_make(struct guest *guest, const struct ask *ask,
				   const struct part *part, struct input *input)
{
	uint64_t room = RAM - GAP - guest->next_gpa;
	struct vring_desc desc = { .addr = guest->next_gpa, .len = part->length };

	if (desc.len > room)
		desc.len = (uint32_t)room;
	memset(at(desc.addr), part->fill, desc.len);
	if (part->flags & 8)
		take(input, at(desc.addr), desc.len < 64 ? desc.len : 64);
	if (part->flags & 2 && desc.len >= sizeof(struct virtio_blk_outhdr))
		put_header(ask, desc.addr);
	if (part->flags & 1) {
		desc.flags = VRING_DESC_F_WRITE;
		memset(writable + desc.addr, 1, desc.len);
	}
	guest->next_gpa += desc.len + GAP;
	if (part->flags & 4)
		desc.len = UINT32_MAX;
	return desc;
}

static void chain_make(struct guest *guest, struct input *input)
{
	struct vring_desc *ring = (struct vring_desc *)at(RINGS_GPA);
	uint16_t *available = (uint16_t *)at(AVAILABLE_GPA);
	unsigned int first = guest->descriptors, count;
	struct ask ask;

	take(input, &ask, sizeof(ask));
	count = 1 + ask.part_count % 8;
	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc *desc = &ring[guest->descriptors];
		struct part part;

		take(input, &part, sizeof(part));
		if (i == 0)
			part.flags |= 2;
		*desc = part_make(guest, &ask, &part, input);
		if (desc->flags && desc->len) {
			guest->statuses[first] = desc->addr + desc->len - 1;
			if (desc->len < RAM)
				*at(guest->statuses[first]) = NO_STATUS;
		}
		if (i + 1 < count) {
			desc->flags |= VRING_DESC_F_NEXT;
			desc->next = (uint16_t)(guest->descriptors + 1);
		}
		guest->descriptors++;
	}
	available[2 + guest->chains] = (uint16_t)first;
	available[1] = (uint16_t)++guest->chains;
}

/* --------------------------------------------------------------------------- the run */

static unsigned int rounds;

static void on_wake(void *context)
{
	if (--rounds == 0)
		loop_quit(loop, 0);
	else
		loop_wake(wake);
}

/* What is due by now, and what follows from it: all of it gets its turn in each round. */
static void settle(void)
{
	rounds = 4;
	loop_wake(wake);
	expect(loop_run(loop) == 0);
}

static void release(void)
{
	array.keeps = 0;
	array_release(&array.disk);
	disk_turn(&array.disk);
	settle();
}

static void start_device(struct virtio *virtio, const struct start *start)
{
	uint64_t features = virtio_offered_features(virtio);
	struct virtio_queue_settings settings = {
		.place = { RINGS_GPA, AVAILABLE_GPA, USED_GPA, QUEUE_SIZE },
		.is_enabled = true,
	};
	uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	if (start->features & 1)
		features &= ~VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH);
	if (start->features & 2)
		features &= ~VIRTIO_FEATURE(VIRTIO_BLK_F_DISCARD);
	if (start->features & 4)
		features &= ~VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX);
	virtio_write_status(virtio, status);
	virtio_write_features(virtio, 0, (uint32_t)features);
	virtio_write_features(virtio, 1, (uint32_t)(features >> 32));
	virtio_write_status(virtio, status |= VIRTIO_CONFIG_S_FEATURES_OK);
	virtio_write_queue(virtio, 0, &settings);
	virtio_write_status(virtio, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void check_answers(const struct guest *guest, bool is_refused)
{
	const uint16_t *used = (const uint16_t *)at(USED_GPA);
	unsigned int answers = used[1];
	bool is_answered[QUEUE_SIZE] = { false };

	expect(answers <= guest->chains && (is_refused || answers == guest->chains));
	for (unsigned int i = 0; i < answers; i++) {
		struct vring_used_elem element;

		memcpy(&element, used + 2 + 4 * i, sizeof(element));
		expect(element.id < QUEUE_SIZE && !is_answered[element.id]);
		is_answered[element.id] = true;
		if (element.len > 0)
			expect(*at(guest->statuses[element.id]) <= VIRTIO_BLK_S_UNSUPP);
	}
}

static void check_memory(const struct guest *guest)
{
	for (uint64_t gpa = MEMORY_GPA; gpa < guest->next_gpa; gpa++)
		expect(writable[gpa] || *at(gpa) == before[gpa]);
}

static void world_make(void)
{
	struct virtio_blk_setup setup = {
		.name = "disk", .serial = "fuzz", .cpus = 1, .disk = &array.disk
	};
	struct fail why;

	log_set_level(LOG_LEVEL_ERROR);
	expect(gmem_create(RAM, &gmem, &why) == 0 && loop_create(&loop) == 0);
	expect(loop_add_wake(loop, on_wake, NULL, &wake) == 0);
	array.disk.type = &array_type;
	array.disk.traits = (struct disk_traits){ .bytes = DISK_BYTES,
						  .can_discard = true,
						  .block_bytes = 4096 };
	setup.gmem = gmem;
	setup.loop = loop;
	expect(virtio_blk_create(&setup, &blk, &why) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	struct guest guest = { .next_gpa = MEMORY_GPA };
	static uint64_t end; /* of what the run before has written to */
	struct virtio *virtio;
	struct start start;

	if (!gmem)
		world_make();
	virtio = virtio_blk_virtio(blk);
	memset(at(0), 0, end);
	memset(writable, 0, end);
	take(&input, &start, sizeof(start));
	while (input.length > 0 && guest.descriptors + 8 <= QUEUE_SIZE &&
	       guest.next_gpa < RAM - 8 * 65536)
		chain_make(&guest, &input);
	end = guest.next_gpa;
	memcpy(before, at(0), end);
	array.keeps = start.resets >> 1;
	start_device(virtio, &start);
	settle();
	if (start.resets & 1) {
		virtio_write_status(virtio, 0);
		settle();
		release();
		expect(virtio_read_status(virtio) == 0);
		check_memory(&guest);
		return 0;
	}
	release();
	check_answers(&guest, virtio_read_status(virtio) & VIRTIO_CONFIG_S_NEEDS_RESET);
	check_memory(&guest);
	virtio_write_status(virtio, 0);
	settle();
	expect(virtio_read_status(virtio) == 0);
	return 0;
}
