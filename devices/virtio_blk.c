/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_blk.c - a disk, as the guest sees it
 *
 * Theory of operation
 *
 * A chain is taken, and what it asks for is checked as a whole: a header of 16 bytes at
 * the start of what we read, a status byte at the end of what we write, data between
 * them, split as the guest likes. Then it has a slot until it is answered, and the disk
 * works on it, in one step or in several (ranges to discard, a write that must be
 * flushed). A chain that has no place for an answer is no request: the device stops.
 *
 * There are as many slots as chains can be in flight, so that there is always one. They
 * are taken like plates from a pile: those that a guest never needs are never touched.
 *
 * Memory that a disk reads into is pinned meanwhile: it may be written past its page
 * table, and must not become another guest's frame (gmem_pins.h). The parts of a slot
 * are there twice, since the disk changes what it is given.
 *
 * After a reset nothing of the guest's is written, but for reads that are with the disk
 * already; the reset is over when they are.
 */
#include "devices/virtio_blk.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define QUEUE_SIZE	 256
#define REQUESTS_IN_A_GO 64	    /* then others may have their turn */
#define MAX_DATA_BYTES	 (1u << 30) /* of one request */
#define MAX_RANGES	 16	    /* of one discard or write-zeroes */
#define MAX_RANGE_BYTES	 (UINT64_C(2) << 30)
#define HEADER_BYTES	 sizeof(struct virtio_blk_outhdr)
#define STATUS_BYTES	 1u
#define PCI_CLASS_SCSI	 0x010000

struct slot {
	struct disk_request request;
	struct virtio_blk *blk;
	struct slot *next; /* in the pile */
	uint16_t queue, head;
	uint8_t *status; /* in guest memory */
	uint64_t writable_bytes;
	bool is_pinned;
	unsigned int range_count, next_range;
	struct virtio_blk_discard_write_zeroes ranges[MAX_RANGES];
	unsigned int part_count;
	struct iovec parts[2 * CHAIN_MAX_PARTS]; /* the guest's, then the same for the disk */
};

struct virtio_blk {
	struct virtio virtio; /* first: the device is found by it */
	struct virtio_blk_setup setup;
	struct virtio_blk_config config; /* what the guest reads, but for wce */
	atomic_bool writes_through;	 /* the guest has set wce to 0; vCPUs write it */
	char serial[VIRTIO_BLK_ID_BYTES];
	unsigned int queues;

	struct slot *slots; /* backed by memory where they have been used */
	unsigned int slots_used;
	struct slot *pile;
	unsigned int in_flight;
	unsigned int to_flush;	/* a bit for each queue with answers */
	bool is_resetting;	/* virtio_drained() is due */
	bool is_closing;	/* nobody wants answers */
	bool has_told_of_error; /* one line is enough */
	struct chain chain;	/* at hand */
};

static struct virtio_blk *blk_of(struct virtio *virtio)
{
	return (struct virtio_blk *)virtio;
}

/* ----------------------------------------------------------------------------- slots */

static struct slot *slot_take(struct virtio_blk *blk)
{
	struct slot *slot = blk->pile;

	if (slot) {
		blk->pile = slot->next;
	} else {
		assert(blk->slots_used < blk->queues * QUEUE_SIZE);
		slot = &blk->slots[blk->slots_used++];
	}
	blk->in_flight++;
	return slot;
}

static void slot_give_back(struct slot *slot)
{
	struct virtio_blk *blk = slot->blk;

	slot->next = blk->pile;
	blk->pile = slot;
	blk->in_flight--;
}

static void slot_unpin(struct slot *slot)
{
	for (unsigned int i = 0; slot->is_pinned && i < slot->part_count; i++)
		gmem_unpin(slot->blk->setup.gmem, slot->parts[i].iov_base, slot->parts[i].iov_len);
	slot->is_pinned = false;
}

/* False, and nothing is pinned: so many requests for one page make no sense. */
static bool slot_pin(struct slot *slot)
{
	struct gmem *gmem = slot->blk->setup.gmem;

	for (unsigned int i = 0; i < slot->part_count; i++) {
		if (gmem_pin(gmem, slot->parts[i].iov_base, slot->parts[i].iov_len) == 0)
			continue;
		while (i-- > 0)
			gmem_unpin(gmem, slot->parts[i].iov_base, slot->parts[i].iov_len);
		return false;
	}
	slot->is_pinned = true;
	return true;
}

static void slot_answer(struct slot *slot, uint8_t status)
{
	struct virtio_blk *blk = slot->blk;
	uint64_t written = slot->writable_bytes;
	struct chain chain;

	slot_unpin(slot);
	if (blk->is_resetting || blk->is_closing) {
		virtio_drop(&blk->virtio, slot->queue);
	} else {
		*slot->status = status;
		gmem_mark_written(blk->setup.gmem, slot->status, STATUS_BYTES);
		chain.head = slot->head;
		chain.writable_bytes = slot->writable_bytes;
		virtio_return(&blk->virtio, slot->queue, &chain,
			      written < UINT32_MAX ? (uint32_t)written : UINT32_MAX);
		blk->to_flush |= 1u << slot->queue;
	}
	slot_give_back(slot);
	if (blk->is_resetting && !blk->is_closing && blk->in_flight == 0) {
		blk->is_resetting = false;
		virtio_drained(&blk->virtio);
	}
}

/* -------------------------------------------------------------------- what the disk does */

static void tell_of_error(struct virtio_blk *blk, int error)
{
	if (!blk->has_told_of_error)
		log_warn("%s: %s; the guest sees an I/O error (this is said once)", blk->setup.name,
			 strerror(-error));
	blk->has_told_of_error = true;
}

static void range_submit(struct slot *slot)
{
	const struct virtio_blk_discard_write_zeroes *range = &slot->ranges[slot->next_range++];

	slot->request.offset = range->sector * DISK_SECTOR;
	slot->request.length = (uint64_t)range->num_sectors * DISK_SECTOR;
	slot->request.may_unmap = range->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	disk_submit(slot->blk->setup.disk, &slot->request);
}

/* A driver that knows of no flush takes what is written for safe, and so may any other. */
static bool must_flush(const struct slot *slot)
{
	return (slot->request.op == DISK_WRITE || slot->request.op == DISK_WRITE_ZEROES) &&
	       (!virtio_has_feature(&slot->blk->virtio, VIRTIO_BLK_F_FLUSH) ||
		atomic_load(&slot->blk->writes_through));
}

static void on_disk_done(struct disk_request *request, int error)
{
	struct slot *slot = request->context;
	struct virtio_blk *blk = slot->blk;
	bool goes_on = error == 0 && !blk->is_resetting && !blk->is_closing;

	if (error < 0 && !blk->is_closing)
		tell_of_error(blk, error);
	if (goes_on && slot->next_range < slot->range_count) {
		range_submit(slot);
	} else if (goes_on && must_flush(slot)) {
		request->op = DISK_FLUSH;
		disk_submit(blk->setup.disk, request);
	} else {
		slot_answer(slot, error < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
	}
}

static bool is_inside(const struct virtio_blk *blk, uint64_t sector, uint64_t bytes)
{
	uint64_t end = disk_traits(blk->setup.disk)->bytes;

	return sector <= end / DISK_SECTOR && bytes <= end - sector * DISK_SECTOR;
}

/* ------------------------------------------------------------------------ what is asked */

static void transfer(struct slot *slot, const struct chain *chain, uint64_t sector, bool is_read)
{
	struct virtio_blk *blk = slot->blk;
	uint64_t bytes = is_read ? chain->writable_bytes - STATUS_BYTES
				 : chain->readable_bytes - HEADER_BYTES;
	unsigned int count;

	if (bytes % DISK_SECTOR || bytes > MAX_DATA_BYTES || !is_inside(blk, sector, bytes) ||
	    (!is_read && disk_traits(blk->setup.disk)->read_only)) {
		slot_answer(slot, VIRTIO_BLK_S_IOERR);
		return;
	}
	count = is_read ? chain_writable_slice(chain, 0, bytes, slot->parts)
			: chain_readable_slice(chain, HEADER_BYTES, bytes, slot->parts);
	slot->part_count = count;
	if (is_read && !slot_pin(slot)) {
		slot_answer(slot, VIRTIO_BLK_S_IOERR);
		return;
	}
	memcpy(slot->parts + count, slot->parts, count * sizeof(slot->parts[0]));
	slot->request.op = is_read ? DISK_READ : DISK_WRITE;
	slot->request.offset = sector * DISK_SECTOR;
	slot->request.length = bytes;
	slot->request.parts = slot->parts + count;
	slot->request.part_count = count;
	disk_submit(blk->setup.disk, &slot->request);
}

static uint8_t ranges_check(const struct slot *slot, bool is_discard)
{
	const uint32_t known = is_discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

	for (unsigned int i = 0; i < slot->range_count; i++) {
		uint64_t sectors = slot->ranges[i].num_sectors;

		if (slot->ranges[i].flags & ~known)
			return VIRTIO_BLK_S_UNSUPP;
		if (sectors > MAX_RANGE_BYTES / DISK_SECTOR ||
		    !is_inside(slot->blk, slot->ranges[i].sector, sectors * DISK_SECTOR))
			return VIRTIO_BLK_S_IOERR;
	}
	return VIRTIO_BLK_S_OK;
}

static void clear(struct slot *slot, const struct chain *chain, bool is_discard)
{
	const unsigned int feature = is_discard ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES;
	uint64_t bytes = chain->readable_bytes - HEADER_BYTES;
	uint8_t status;

	if (!virtio_has_feature(&slot->blk->virtio, feature)) {
		slot_answer(slot, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	if (bytes == 0 || bytes % sizeof(slot->ranges[0]) || bytes > sizeof(slot->ranges)) {
		slot_answer(slot, VIRTIO_BLK_S_IOERR);
		return;
	}
	chain_read(chain, HEADER_BYTES, slot->ranges, (size_t)bytes);
	slot->range_count = (unsigned int)(bytes / sizeof(slot->ranges[0]));
	status = ranges_check(slot, is_discard);
	if (status != VIRTIO_BLK_S_OK) {
		slot_answer(slot, status);
		return;
	}
	slot->request.op = is_discard ? DISK_DISCARD : DISK_WRITE_ZEROES;
	range_submit(slot);
}

static void tell_serial(struct slot *slot, const struct chain *chain)
{
	uint64_t room = chain->writable_bytes - STATUS_BYTES;

	chain_write(chain, 0, slot->blk->serial,
		    room < VIRTIO_BLK_ID_BYTES ? (size_t)room : VIRTIO_BLK_ID_BYTES);
	slot_answer(slot, VIRTIO_BLK_S_OK);
}

static void flush(struct slot *slot)
{
	slot->request.op = DISK_FLUSH;
	slot->request.length = 0;
	disk_submit(slot->blk->setup.disk, &slot->request);
}

static void slot_begin(struct slot *slot, const struct chain *chain)
{
	struct virtio_blk_outhdr header;

	chain_read(chain, 0, &header, sizeof(header));
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		transfer(slot, chain, header.sector, header.type == VIRTIO_BLK_T_IN);
		break;
	case VIRTIO_BLK_T_FLUSH:
		flush(slot);
		break;
	case VIRTIO_BLK_T_GET_ID:
		tell_serial(slot, chain);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		clear(slot, chain, header.type == VIRTIO_BLK_T_DISCARD);
		break;
	default:
		slot_answer(slot, VIRTIO_BLK_S_UNSUPP);
	}
}

static void request_begin(struct virtio_blk *blk, unsigned int queue, const struct chain *chain)
{
	const struct iovec *last;
	struct slot *slot;

	if (chain->readable_bytes < HEADER_BYTES || chain->writable_bytes < STATUS_BYTES) {
		virtio_return(&blk->virtio, queue, chain, 0);
		virtio_refuse(&blk->virtio, "a request has no header, or no room for its status");
		return;
	}
	last = chain_writable(chain) + chain->writable_count - 1;
	slot = slot_take(blk);
	slot->request = (struct disk_request){ .done = on_disk_done, .context = slot };
	slot->blk = blk;
	slot->queue = (uint16_t)queue;
	slot->head = chain->head;
	slot->status = (uint8_t *)last->iov_base + last->iov_len - STATUS_BYTES;
	slot->writable_bytes = chain->writable_bytes;
	slot->is_pinned = false;
	slot->range_count = slot->next_range = 0;
	slot_begin(slot, chain);
}

/* --------------------------------------------------------------------------- the device */

static bool blk_step(struct virtio *virtio, unsigned int queue)
{
	struct virtio_blk *blk = blk_of(virtio);

	if (!virtio_take(virtio, queue, &blk->chain))
		return virtio_want_kicks(virtio, queue);
	request_begin(blk, queue, &blk->chain);
	return true;
}

static void blk_serve(struct virtio *virtio, unsigned int queue)
{
	virtio_serve_steps(virtio, queue, REQUESTS_IN_A_GO, blk_step);
	disk_start(blk_of(virtio)->setup.disk);
	virtio_flush(virtio, queue);
}

/* The disk has done some requests. */
static void on_disk_turn(void *context)
{
	struct virtio_blk *blk = context;

	for (unsigned int i = 0; i < blk->queues; i++)
		if (blk->to_flush & 1u << i)
			virtio_flush(&blk->virtio, i);
	blk->to_flush = 0;
}

static void blk_config_read(struct virtio *virtio, uint32_t offset, void *bytes, uint32_t size)
{
	struct virtio_blk_config config = blk_of(virtio)->config;

	config.wce = !atomic_load(&blk_of(virtio)->writes_through);
	memcpy(bytes, (const unsigned char *)&config + offset, size);
}

static void blk_config_write(struct virtio *virtio, uint32_t offset, const void *bytes,
			     uint32_t size)
{
	if (offset == offsetof(struct virtio_blk_config, wce) && size == 1 &&
	    virtio_has_feature(virtio, VIRTIO_BLK_F_CONFIG_WCE))
		atomic_store(&blk_of(virtio)->writes_through, *(const uint8_t *)bytes == 0);
}

static bool blk_reset(struct virtio *virtio)
{
	struct virtio_blk *blk = blk_of(virtio);

	atomic_store(&blk->writes_through, false);
	blk->is_resetting = blk->in_flight > 0;
	return !blk->is_resetting;
}

static void blk_free(struct virtio *virtio)
{
	virtio_blk_free((struct virtio_blk *)virtio);
}

static const struct virtio_type blk_type = {
	.name = "disk",
	.id = VIRTIO_ID_BLOCK,
	.pci_class = PCI_CLASS_SCSI,
	.serve = blk_serve,
	.reset = blk_reset,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.free = blk_free,
};

static uint64_t blk_features(const struct virtio_blk *blk)
{
	const struct disk_traits *traits = disk_traits(blk->setup.disk);
	uint64_t features = VIRTIO_FEATURE(VIRTIO_BLK_F_SEG_MAX) |
			    VIRTIO_FEATURE(VIRTIO_BLK_F_BLK_SIZE) |
			    VIRTIO_FEATURE(VIRTIO_BLK_F_TOPOLOGY) |
			    VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH) | VIRTIO_FEATURE(VIRTIO_BLK_F_MQ);

	if (traits->read_only)
		return features | VIRTIO_FEATURE(VIRTIO_BLK_F_RO);
	features |=
		VIRTIO_FEATURE(VIRTIO_BLK_F_WRITE_ZEROES) | VIRTIO_FEATURE(VIRTIO_BLK_F_CONFIG_WCE);
	if (traits->can_discard)
		features |= VIRTIO_FEATURE(VIRTIO_BLK_F_DISCARD);
	return features;
}

static struct virtio_blk_config blk_config(const struct virtio_blk *blk)
{
	const struct disk_traits *traits = disk_traits(blk->setup.disk);
	const uint32_t block_sectors = traits->block_bytes / DISK_SECTOR;
	const uint32_t range_sectors = (uint32_t)(MAX_RANGE_BYTES / DISK_SECTOR);

	return (struct virtio_blk_config){
		.capacity = traits->bytes / DISK_SECTOR,
		.seg_max = CHAIN_MAX_PARTS - 2, /* one for the header, one for the status */
		.blk_size = DISK_SECTOR,
		.physical_block_exp = (uint8_t)__builtin_ctz(block_sectors),
		.min_io_size = (uint16_t)block_sectors,
		.num_queues = (uint16_t)blk->queues,
		.max_discard_sectors = range_sectors,
		.max_discard_seg = MAX_RANGES,
		.discard_sector_alignment = block_sectors,
		.max_write_zeroes_sectors = range_sectors,
		.max_write_zeroes_seg = MAX_RANGES,
		.write_zeroes_may_unmap = 1,
	};
}

static int blk_make(struct virtio_blk *blk, struct fail *why)
{
	const struct virtio_blk_setup *setup = &blk->setup;
	struct virtio_config virtio = {
		.type = &blk_type,
		.name = setup->name,
		.features = blk_features(blk),
		.queues = blk->queues,
		.queue_size = QUEUE_SIZE,
		.config = &blk->config,
		.config_size = sizeof(blk->config),
		.gmem = setup->gmem,
		.loop = setup->loop,
	};

	blk->config = blk_config(blk);
	if (setup->serial)
		memcpy(blk->serial, setup->serial, strnlen(setup->serial, sizeof(blk->serial)));
	blk->slots = calloc((size_t)blk->queues * QUEUE_SIZE, sizeof(*blk->slots));
	if (!blk->slots)
		return fail_errno(why, ENOMEM, "cannot make the device of %s", setup->name);
	return virtio_init(&blk->virtio, &virtio, why);
}

int virtio_blk_create(const struct virtio_blk_setup *setup, struct virtio_blk **ret_blk,
		      struct fail *why)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	int rc;

	if (!blk)
		return fail_errno(why, ENOMEM, "cannot make the device of %s", setup->name);
	blk->setup = *setup;
	blk->queues = setup->cpus < VIRTIO_BLK_MAX_QUEUES ? setup->cpus : VIRTIO_BLK_MAX_QUEUES;
	if (blk->queues == 0)
		blk->queues = 1;
	disk_set_turn(setup->disk, on_disk_turn, blk);
	rc = blk_make(blk, why);
	if (rc < 0) {
		virtio_blk_free(blk);
		return rc;
	}
	*ret_blk = blk;
	return 0;
}

void virtio_blk_free(struct virtio_blk *blk)
{
	if (!blk)
		return;
	blk->is_closing = true;
	disk_drain(blk->setup.disk);
	disk_set_turn(blk->setup.disk, NULL, NULL);
	virtio_done(&blk->virtio);
	free(blk->slots);
	free(blk);
}

struct virtio *virtio_blk_virtio(struct virtio_blk *blk)
{
	return &blk->virtio;
}
