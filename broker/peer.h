/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.h - one connection of the broker: whole messages in, whole messages out
 *
 * Never waits: what a peer does not read is kept, up to PEER_BACKLOG_MAX, after
 * which the peer is dropped. One thread, the loop's.
 */
#ifndef BROKER_PEER_H
#define BROKER_PEER_H

#include <stdint.h>

#include "base/loop.h"
#include "wire/codec.h"

#define PEER_BACKLOG_MAX (64u << 20)

struct peer;

struct peer_ops {
	/* A whole message; an error drops the peer. */
	int (*on_message)(void *context, const struct wire_header *header, const uint8_t *payload);
	/* The connection is over; the peer frees itself after this. */
	void (*on_close)(void *context);
};

/* Takes fd over, which is non-blocking, in failure too. */
CHECKED int peer_create(struct loop *loop, int fd, size_t max_payload, const struct peer_ops *ops,
			void *context, struct peer **ret_peer);

/* Ends the connection soon, through on_close: safe while a message is served. */
void peer_drop(struct peer *peer);
/* Ends it now, through on_close, and frees the peer. */
void peer_close(struct peer *peer);

/*
 * Sends a whole message. pass_fd: a descriptor that goes along, or -1; only with
 * the first message of a connection. -ENOBUFS: too much waits, drop the peer.
 */
CHECKED int peer_send(struct peer *peer, const void *bytes, size_t length, int pass_fd);

/* Gives back buffers that have grown and hold nothing. */
void peer_shrink(struct peer *peer);
size_t peer_memory_bytes(const struct peer *peer);

#endif
