/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - a net that is a stream socket; for net/ and its tests
 *
 * Each frame has its length before it, 32 bits in network order: what QEMU speaks
 * through its stream sockets, and passt understands. No headers, no offloads.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "net/net.h"

#define STREAM_PREFIX_BYTES 4u

/* Takes the connected socket over, in failure too. name: borrowed for the net's life. */
CHECKED int stream_open(int fd, const char *name, uint16_t mtu, struct net **ret_net,
			struct fail *why);

#endif
