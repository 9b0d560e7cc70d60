/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_vsock.h - sockets between guest and host, served by the host's kernel
 *
 * Format: VIRTIO 1.2, section 5.10. What the guest sends and receives passes us by
 * (vhost.h): programs of the host use the address family AF_VSOCK, and the guest's
 * context ID (CID) as address. The queue of events stays here, and none ever comes.
 */
#ifndef DEVICES_VIRTIO_VSOCK_H
#define DEVICES_VIRTIO_VSOCK_H

#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/virtio.h"

/* 0 to 2 are the hypervisor, this machine and its host; the last one is "any". */
#define VIRTIO_VSOCK_FIRST_CID UINT32_C(3)
#define VIRTIO_VSOCK_LAST_CID  UINT32_C(0xfffffffe)

/* Borrowed for the life of the device; <linux/virtio_*.h> call the guest's view "config". */
struct virtio_vsock_setup {
	const char *name; /* for log lines: "vsock" */
	struct gmem *gmem;
	struct loop *loop; /* of the I/O thread */
	uint32_t cid;	   /* VIRTIO_VSOCK_FIRST_CID to VIRTIO_VSOCK_LAST_CID */
	const char *path;  /* of the kernel's device; NULL: where it is */
};

struct virtio_vsock;

/*
 * Both: main thread, while the I/O thread does not run. -EADDRINUSE: another guest of
 * this host has the context ID.
 */
CHECKED int virtio_vsock_create(const struct virtio_vsock_setup *setup,
				struct virtio_vsock **ret_vsock, struct fail *why);
void virtio_vsock_free(struct virtio_vsock *vsock); /* NULL is fine */

struct virtio *virtio_vsock_virtio(struct virtio_vsock *vsock);

#endif
