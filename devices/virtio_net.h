/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_net.h - a network card: a guest's frames to and from a net
 *
 * Format: VIRTIO 1.2, section 5.1. A receive and a transmit queue for each of the
 * net's pairs, and one for control.
 *
 * The net is borrowed and outlives the card: the guest's next boot gets a new card on
 * the same net. Where the net is a tap device and the host's kernel has vhost-net, it
 * serves the frames' queues itself; the guest sees no difference.
 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/virtio.h"
#include "net/mac.h"
#include "net/net.h"

/* Borrowed for the life of the device; <linux/virtio_net.h> calls the guest's view "config". */
struct virtio_net_setup {
	const char *name; /* for log lines: "network 0" */
	struct net *net;
	uint8_t mac[MAC_BYTES];
	bool vhost; /* where the host has it */
	struct gmem *gmem;
	struct loop *loop; /* of the I/O thread */
};

struct virtio_net;

/* Both: main thread, while the I/O thread does not run. */
CHECKED int virtio_net_create(const struct virtio_net_setup *setup, struct virtio_net **ret_net,
			      struct fail *why);
void virtio_net_free(struct virtio_net *net); /* NULL is fine */

struct virtio *virtio_net_virtio(struct virtio_net *net);

/*
 * While the I/O thread is paused: what the kernel serves stands still as well, until
 * the resume. Calls don't nest.
 */
void virtio_net_pause(struct virtio_net *net);
void virtio_net_resume(struct virtio_net *net);

#endif
