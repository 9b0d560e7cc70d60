/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_rng.h - randomness for the guest, from the host's kernel
 *
 * Format: VIRTIO 1.2, section 5.4. One queue of buffers, which are filled.
 *
 * A buffer is filled in place, and only so many bytes are given for one, and for one
 * turn of the I/O thread: how much the guest asks for costs no memory, and does not
 * keep other devices waiting.
 */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/virtio.h"

#define VIRTIO_RNG_MAX_BYTES 65536u /* for one buffer */

/* Borrowed for the life of the device; <linux/virtio_*.h> call the guest's view "config". */
struct virtio_rng_setup {
	const char *name; /* for log lines: "rng" */
	struct gmem *gmem;
	struct loop *loop; /* of the I/O thread */
};

struct virtio_rng;

/* Both: main thread, while the I/O thread does not run. */
CHECKED int virtio_rng_create(const struct virtio_rng_setup *setup, struct virtio_rng **ret_rng,
			      struct fail *why);
void virtio_rng_free(struct virtio_rng *rng); /* NULL is fine */

struct virtio *virtio_rng_virtio(struct virtio_rng *rng);

#endif
