/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_net.h - a net whose other end is in the test's hand
 *
 * Each pair is a socket pair that keeps the bounds of messages. Frames have headers,
 * as those of a tap device.
 */
#ifndef TESTS_UNIT_FAKE_NET_H
#define TESTS_UNIT_FAKE_NET_H

#include <sys/socket.h>

#include "net/backend.h"
#include "tests/unit/suite.h"

struct fake_net {
	struct net net;		   /* first */
	int others[NET_MAX_PAIRS]; /* the test's ends */
	unsigned int offloads;	   /* as last set */
	unsigned int used;	   /* pairs, as bits */
	unsigned int fails_at;	   /* the pair that can't be used; 0: all can */
};

static int fake_send(struct net *net, unsigned int pair, const struct iovec *parts,
		     unsigned int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts,
				  .msg_iovlen = count };

	if (sendmsg(net->pairs[pair].fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno != EAGAIN)
		return 0;
	net_wait_for_room(net, pair);
	return -EAGAIN;
}

static ssize_t fake_receive(struct net *net, unsigned int pair, const struct iovec *parts,
			    unsigned int count)
{
	ssize_t n = readv(net->pairs[pair].fd, parts, (int)count);

	if (n == 0)
		net_end(net, "the test says so");
	return n > 0 ? n : -EAGAIN;
}

static int fake_use_pair(struct net *net, unsigned int pair, bool used)
{
	struct fake_net *fake = (struct fake_net *)net;

	if (used && pair == fake->fails_at && pair > 0)
		return -EIO;
	fake->used = used ? fake->used | 1u << pair : fake->used & ~(1u << pair);
	return 0;
}

static void fake_set_offloads(struct net *net, unsigned int offloads)
{
	((struct fake_net *)net)->offloads = offloads;
}

static const struct net_backend fake_backend = {
	.send = fake_send,
	.receive = fake_receive,
	.use_pair = fake_use_pair,
	.set_offloads = fake_set_offloads,
};

static inline struct fake_net *fake_net_open(unsigned int pairs)
{
	struct fake_net *fake = calloc(1, sizeof(*fake));

	ck_assert_ptr_nonnull(fake);
	net_init(&fake->net, &fake_backend, "network 0");
	fake->net.traits =
		(struct net_traits){ .has_header = true,
				     .pairs = pairs,
				     .offloads = NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN,
				     .mtu = 1500 };
	fake->used = 1;
	for (unsigned int i = 0; i < pairs; i++) {
		int fds[2];

		ck_assert_int_eq(
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			0);
		fake->net.pairs[i].fd = fds[0];
		fake->others[i] = fds[1];
	}
	return fake;
}

/* The test's ends, then the net's. */
static inline void fake_net_close(struct fake_net *fake)
{
	for (unsigned int i = 0; i < fake->net.traits.pairs; i++)
		auto_close(&fake->others[i]);
	net_close(&fake->net);
}

#endif
