/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.h - one connection of the broker: whole messages in, whole messages out
 *
 * Never waits. What a peer sends is kept until it is a whole message, so it can cost one
 * message's memory by falling silent; what it does not read is kept up to a limit, after
 * which the peer is dropped. One thread, the loop's.
 */
#ifndef BROKER_PEER_H
#define BROKER_PEER_H

#include <stdint.h>

#include "base/loop.h"
#include "wire/codec.h"

struct peer;

struct peer_ops {
	/* A whole message; an error drops the peer. */
	int (*on_message)(void *context, const struct wire_header *header, const uint8_t *payload);
	/* What it has cost since the last time: after each message, and before it is closed. */
	void (*on_spent)(void *context, uint64_t cpu_ns);
	/* The connection is over; the peer frees itself after this. */
	void (*on_close)(void *context);
};

struct peer_limits {
	size_t payload_bytes; /* of the longest message that it may send */
	size_t backlog_bytes; /* that may wait for it to read */
};

/* Takes fd over, which is non-blocking, in failure too. */
CHECKED int peer_create(struct loop *loop, int fd, struct peer_limits limits,
			const struct peer_ops *ops, void *context, struct peer **ret_peer);
/* From the next message on. */
void peer_set_limits(struct peer *peer, struct peer_limits limits);

void peer_set_backlog(struct peer *peer, size_t backlog_bytes);

/* Serves no more messages until it is resumed; what was sent before is still written. */
void peer_pause(struct peer *peer);
void peer_resume(struct peer *peer);

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
