/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_blk.h - a disk, as the guest sees it
 *
 * Format: VIRTIO 1.2, section 5.2. Requests on several queues, flush, discard, write
 * zeroes, the serial number, and a cache that the guest may switch off.
 *
 * The disk stays the caller's: it outlives the device, which a reboot makes anew.
 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/virtio.h"
#include "disk/disk.h"

#define VIRTIO_BLK_MAX_QUEUES 8
#define VIRTIO_BLK_MAX_SERIAL 20

/* Borrowed for the life of the device. <linux/virtio_blk.h> has the name ..._config. */
struct virtio_blk_setup {
	const char *name;   /* for log lines: "disk 0" */
	const char *serial; /* up to VIRTIO_BLK_MAX_SERIAL bytes; NULL: none */
	unsigned int cpus;  /* of the guest: as many queues, up to VIRTIO_BLK_MAX_QUEUES */
	struct disk *disk;  /* by the same loop; nobody else uses it */
	struct gmem *gmem;
	struct loop *loop; /* of the I/O thread */
};

struct virtio_blk;

/* Both: main thread, while the I/O thread does not run. free: waits for what is in flight. */
CHECKED int virtio_blk_create(const struct virtio_blk_setup *setup, struct virtio_blk **ret_blk,
			      struct fail *why);
void virtio_blk_free(struct virtio_blk *blk); /* NULL is fine */

struct virtio *virtio_blk_virtio(struct virtio_blk *blk);

#endif
