/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_virtio_net.c - a driver of a network card that means no good
 *
 * The input is fuzz_driver.h's, with a struct setup. The net is ours: frames come when an
 * operation says so, and what the card gives to it must be a frame, from the guest's memory,
 * with a header that was agreed on. The card itself asserts that each chain is returned once.
 */
#include "tests/fuzz/fuzz_driver.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "devices/virtio_net.h"
#include "net/backend.h"

#define PAIRS  2u
#define QUEUES (2 * PAIRS + 1)

struct setup {
	uint32_t features;
	uint8_t has_header;
};

enum {
	OP_END,
	OP_KICK,  /* a queue */
	OP_OFFER, /* the same, with one chain more in the available ring */
	OP_FRAME, /* from outside, of one of the lengths below */
	OP_ROOM,  /* the net has room, or none from now on */
	OP_RESET,
	OP_POKE, /* two more bytes: where, and what */
	OPS,
};

static const uint32_t lengths[] = { 14, 60, 200, 1514, 9000, 65549, NET_FRAME_MAX, 20 };

/* -- the net -- */

struct fuzz_net {
	struct net net; /* first */
	uint32_t waiting[PAIRS][8];
	unsigned int count[PAIRS];
	bool has_room;
};

static struct fuzz_net *fuzz_net;

static void expect_agreed(const struct virtio_net_hdr_v1 *header, size_t frame)
{
	unsigned int kind = header->gso_type & ~(unsigned int)VIRTIO_NET_HDR_GSO_ECN;

	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		expect(driver_features & VIRTIO_FEATURE(VIRTIO_NET_F_CSUM));
		expect((size_t)header->csum_start + header->csum_offset + 2 <= frame);
	}
	if (header->gso_type == 0)
		return;
	expect(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	expect(kind == VIRTIO_NET_HDR_GSO_TCPV4 || kind == VIRTIO_NET_HDR_GSO_TCPV6);
	expect(driver_features &
	       VIRTIO_FEATURE(kind == VIRTIO_NET_HDR_GSO_TCPV4 ? VIRTIO_NET_F_HOST_TSO4
							       : VIRTIO_NET_F_HOST_TSO6));
}

static int fuzz_send(struct net *net, unsigned int pair, const struct iovec *parts,
		     unsigned int count)
{
	size_t length = 0, header = net->traits.has_header ? NET_HEADER_BYTES : 0;

	for (unsigned int i = 0; i < count; i++) {
		const unsigned char *bytes = parts[i].iov_base;

		expect((i == 0 && header > 0) ||
		       (bytes >= driver_ram && parts[i].iov_len <= DRIVER_RAM &&
			bytes - driver_ram <= (ssize_t)(DRIVER_RAM - parts[i].iov_len)));
		length += parts[i].iov_len;
	}
	expect(length >= header + NET_FRAME_MIN && length <= header + NET_FRAME_MAX);
	if (header > 0) {
		struct virtio_net_hdr_v1 copy;

		expect(parts[0].iov_len == sizeof(copy));
		memcpy(&copy, parts[0].iov_base, sizeof(copy));
		expect_agreed(&copy, length - header);
	}
	if (fuzz_net->has_room)
		return 0;
	net_wait_for_room(net, pair);
	return -EAGAIN;
}

static ssize_t fuzz_receive(struct net *net, unsigned int pair, const struct iovec *parts,
			    unsigned int count)
{
	size_t length = net->traits.has_header ? NET_HEADER_BYTES : 0, room = 0, left;

	if (fuzz_net->count[pair] == 0)
		return -EAGAIN;
	for (unsigned int i = 0; i < count; i++)
		room += parts[i].iov_len;
	expect(room >= length + NET_FRAME_MAX);
	length += fuzz_net->waiting[pair][--fuzz_net->count[pair]];
	left = length;
	for (unsigned int i = 0; i < count && left > 0; i++) {
		size_t step = parts[i].iov_len < left ? parts[i].iov_len : left;

		memset(parts[i].iov_base, 0x5a, step);
		left -= step;
	}
	return (ssize_t)length;
}

static int fuzz_use_pair(struct net *net, unsigned int pair, bool used)
{
	return 0;
}

static void fuzz_set_offloads(struct net *net, unsigned int offloads)
{
	expect(!(offloads & (NET_TSO4 | NET_TSO6)) || (offloads & NET_CSUM));
}

static const struct net_backend fuzz_backend = {
	.send = fuzz_send,
	.receive = fuzz_receive,
	.use_pair = fuzz_use_pair,
	.set_offloads = fuzz_set_offloads,
};

static void net_make(bool has_header)
{
	fuzz_net = calloc(1, sizeof(*fuzz_net));
	expect(fuzz_net);
	net_init(&fuzz_net->net, &fuzz_backend, "net");
	fuzz_net->has_room = true;
	fuzz_net->net.traits = (struct net_traits){
		.has_header = has_header,
		.pairs = PAIRS,
		.offloads = has_header ? NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN : 0,
		.mtu = 1500,
	};
	/* always readable and writable: what is there, the operations say */
	for (unsigned int i = 0; i < PAIRS; i++) {
		fuzz_net->net.pairs[i].fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		expect(fuzz_net->net.pairs[i].fd >= 0);
	}
}

/* -- the driver -- */

static void frame_arrives(unsigned int pair, unsigned int length)
{
	if (fuzz_net->count[pair] < 8)
		fuzz_net->waiting[pair][fuzz_net->count[pair]++] = lengths[length];
}

/* Returns how many bytes it took. */
static size_t operate(struct virtio *virtio, const uint8_t *bytes, size_t left)
{
	unsigned int op = bytes[0] % OPS, argument = bytes[0] / OPS;

	switch (op) {
	case OP_OFFER:
		driver_offer(virtio, argument % QUEUES);
		break;
	case OP_KICK:
		virtio_kick(virtio, argument % QUEUES);
		break;
	case OP_FRAME:
		frame_arrives(argument & 1, argument >> 1 & 7);
		break;
	case OP_ROOM:
		fuzz_net->has_room = argument & 1;
		break;
	case OP_RESET:
		virtio_write_status(virtio, 0);
		driver_settle();
		driver_start(virtio, driver_features);
		break;
	case OP_POKE:
		if (left < 3)
			return left;
		driver_poke(bytes[1], bytes[2]);
		return 3;
	default:
		break;
	}
	driver_settle();
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct virtio_net_setup card_setup = { .name = "net" };
	struct virtio_net *card;
	struct setup setup;
	struct fail why;
	size_t count;
	const uint8_t *operations = driver_load(bytes, length, &setup, sizeof(setup), &count);

	if (!operations)
		return 0;
	net_make(setup.has_header & 1);
	card_setup.net = &fuzz_net->net;
	card_setup.gmem = driver_gmem;
	card_setup.loop = driver_loop;
	expect(virtio_net_create(&card_setup, &card, &why) == 0);
	driver_start(virtio_net_virtio(card), setup.features);
	for (size_t at = 0; at < count;)
		at += operate(virtio_net_virtio(card), operations + at, count - at);
	virtio_net_free(card);
	net_close(&fuzz_net->net);
	return 0;
}
