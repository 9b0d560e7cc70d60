/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_net_card.h - what the parts of a network card share; for virtio_net*.c alone
 *
 * All of it belongs to the I/O thread, but the guest's view of the configuration,
 * which the lock of the virtio protects.
 */
#ifndef DEVICES_VIRTIO_NET_CARD_H
#define DEVICES_VIRTIO_NET_CARD_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "devices/vhost.h"
#include "devices/virtio_net.h"

#define CARD_MESSAGE_MAX (NET_HEADER_BYTES + NET_FRAME_MAX)
#define CARD_MAX_QUEUES	 (2 * NET_MAX_PAIRS + 1)

/* The queues of a pair. */
#define CARD_RX(pair)	 (2 * (pair))
#define CARD_TX(pair)	 (2 * (pair) + 1)
#define CARD_PAIR(queue) ((queue) / 2)

struct net_rx; /* virtio_net_rx.c */

struct virtio_net {
	struct virtio virtio; /* first: the device is found by it */
	struct net *net;
	bool has_header; /* before the net's frames */
	unsigned int pairs;

	struct virtio_net_config config; /* the guest's view */
	uint8_t mac[MAC_BYTES];		 /* what it is at each reset */

	/* since the guest's driver is ready */
	bool is_mergeable;
	unsigned int used_pairs;

	struct net_rx *rx[NET_MAX_PAIRS];

	struct vhost *vhosts[NET_MAX_PAIRS]; /* all NULL: we serve all frames */
	bool is_vhost;			     /* they serve at the moment */

	/* at hand, for as long as one frame takes, or one command */
	struct chain chain;
	struct iovec parts[1 + CHAIN_MAX_PARTS];
	struct chain command;
};

/* -- receiving: virtio_net_rx.c -- */

CHECKED int net_rx_create(struct net_rx **ret_rx);
void net_rx_free(struct net_rx *rx); /* NULL is fine */
/* Moves frames of the net to the guest's buffers, as far as both go. */
void net_rx_serve(struct virtio_net *card, unsigned int pair);
/* Forgets the guest's buffers, and the frame that waits for more of them. */
void net_rx_reset(struct virtio_net *card, unsigned int pair);

/* -- sending: virtio_net_tx.c -- */

void net_tx_serve(struct virtio_net *card, unsigned int pair);

/* -- commands: virtio_net_control.c -- */

void net_control_serve(struct virtio_net *card, unsigned int queue);
/* What frames for the guest may leave to it, of VIRTIO_NET_F_GUEST_*. */
void net_control_set_offloads(struct virtio_net *card, uint64_t features);

/* -- the kernel instead of us: virtio_net_vhost.c -- */

/* None where the host has none, or it can't do what is needed. */
void net_vhost_open(struct virtio_net *card);
void net_vhost_close(struct virtio_net *card);
/* False: we have to serve. */
bool net_vhost_start(struct virtio_net *card);
void net_vhost_stop(struct virtio_net *card); /* fine when it does not serve */

#endif
