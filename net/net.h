/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.h - a guest's network: what carries its frames, whatever that is
 *
 * A net is opened once for the life of a guest's process; network devices come and
 * go with each boot of the guest, and attach to it.
 *
 *   net_open()      on the main thread
 *   net_attach()    a device uses it from here on; while the loop's thread does not run
 *      ... net_want_frames(), net_send(), net_receive() ... on the loop's thread
 *   net_detach()    while the loop's thread does not run
 *   net_close()
 *
 * Frames are Ethernet frames without preamble and checksum, of at most NET_FRAME_MAX
 * bytes. Where the net has headers, a struct virtio_net_hdr_v1 of NET_HEADER_BYTES
 * stands before each, in both directions. Nothing here waits.
 *
 * A net may have several queue pairs, which serve one guest in parallel: a frame that
 * comes in is on one of them.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "net/forward.h"

#define NET_FRAME_MIN	 14u		/* addresses and type */
#define NET_FRAME_MAX	 (65535u + 22u) /* the largest IP packet, behind two VLAN tags */
#define NET_HEADER_BYTES 12u
#define NET_MAX_PAIRS	 8u
#define NET_MAX_FORWARDS 16u
#define NET_MAX_PARTS	 512u /* of one frame, its header included */

/* What a frame may leave to its receiver; in both directions. */
enum net_offload {
	NET_CSUM = 1u << 0, /* a checksum that is not complete */
	NET_TSO4 = 1u << 1, /* TCP segments that are not cut yet */
	NET_TSO6 = 1u << 2,
	NET_ECN = 1u << 3, /* ... also those with congestion bits */
};

enum net_kind {
	NET_NONE,
	NET_TAP,  /* a tap device of the host */
	NET_USER, /* passt: a user's own sockets, no privileges */
};

/* Borrowed for the call. */
struct net_config {
	enum net_kind kind;
	const char *name;   /* for log lines: "network 0"; borrowed for the net's life */
	const char *tap;    /* NET_TAP: the interface; it is made where that is allowed */
	unsigned int pairs; /* wanted, 1 to NET_MAX_PAIRS; there may be fewer */
	struct net_forward forwards[NET_MAX_FORWARDS]; /* NET_USER */
	unsigned int forward_count;
};

struct net_traits {
	bool has_header;
	unsigned int pairs;
	unsigned int offloads; /* enum net_offload, all that can be done */
	uint16_t mtu;	       /* what the guest should use; 0: not known */
};

/* Called on the loop's thread. They may call all functions that belong there. */
struct net_watcher {
	void (*readable)(void *context, unsigned int pair); /* frames are there */
	void (*writable)(void *context, unsigned int pair); /* after -EAGAIN of net_send() */
	void (*ended)(void *context); /* nothing comes or goes any more; once in a net's life */
	void *context;
};

/* As the guest sees them. */
enum net_way { NET_IN, NET_OUT };
#define NET_WAYS 2

/* What has gone one way since the net was opened. */
struct net_flow {
	uint64_t frames, bytes; /* bytes: of the frames, without headers */
	uint64_t lost;		/* frames: wrong ones, and those that nobody had room for */
};

struct net;

CHECKED int net_open(const struct net_config *config, struct net **ret_net, struct fail *why);
void net_close(struct net *net); /* detached; NULL is fine */

const struct net_traits *net_traits(const struct net *net);
/* The descriptor that carries a pair's frames, for vhost; -1: there is none for it. */
int net_fd(const struct net *net, unsigned int pair);

/* False: what carried it has ended. Any thread. */
bool net_is_up(const struct net *net);

/*
 * One device at a time. It begins with one pair, without offloads, and with no frame
 * wanted.
 */
CHECKED int net_attach(struct net *net, struct loop *loop, const struct net_watcher *watcher,
		       struct fail *why);
void net_detach(struct net *net); /* fine when nothing is attached */

/* The guest is served by the first so many pairs. -errno: not by more than before. */
CHECKED int net_use_pairs(struct net *net, unsigned int pairs);
/* What frames for the guest may leave to it; others are completed before they come. */
void net_set_offloads(struct net *net, unsigned int offloads);

/*
 * Whether readable() is to be called. Frames that have come already may wait without
 * a call: whoever wants frames again first receives until -EAGAIN.
 */
void net_want_frames(struct net *net, unsigned int pair, bool wanted);

/*
 * Sends one frame: 0, also where the network loses it; -EAGAIN: not now, nothing of it
 * was sent, and writable() will be called. count: up to NET_MAX_PARTS.
 */
CHECKED int net_send(struct net *net, unsigned int pair, const struct iovec *parts,
		     unsigned int count);

/*
 * Receives one frame into parts that have room for the largest, header included.
 * Returns its bytes; -EAGAIN: there is none.
 */
CHECKED ssize_t net_receive(struct net *net, unsigned int pair, const struct iovec *parts,
			    unsigned int count);

/* A device could do nothing with a frame. */
void net_lost(struct net *net, enum net_way way);

/* Any thread. Frames that the kernel moves by itself (vhost) are among them. */
void net_count(const struct net *net, struct net_flow ret_flows[NET_WAYS]);

#endif
