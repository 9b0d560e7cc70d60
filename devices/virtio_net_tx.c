/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_net_tx.c - frames on their way out of a guest
 *
 * A frame is sent from the guest's memory and its chain returned at once. Where the
 * net has no room the chain is put back, as if it had never been taken, and the net
 * calls when there is some: nothing is lost, and nothing is tried in between.
 *
 * The header is copied once and checked against what was negotiated. What it says of
 * the frame's inside is checked by the kernel as well, for a tap device.
 */
#include <errno.h>

#include "devices/virtio_net_card.h"

#define FRAMES_IN_ONE_GO 64

static bool segments_are_fine(const struct virtio *virtio, const struct virtio_net_hdr_v1 *header)
{
	unsigned int kind = header->gso_type & ~(unsigned int)VIRTIO_NET_HDR_GSO_ECN;
	bool has_ecn = header->gso_type & VIRTIO_NET_HDR_GSO_ECN;

	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (header->gso_size == 0 || !(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return false;
	if (has_ecn && !virtio_has_feature(virtio, VIRTIO_NET_F_HOST_ECN))
		return false;
	if (kind == VIRTIO_NET_HDR_GSO_TCPV4)
		return virtio_has_feature(virtio, VIRTIO_NET_F_HOST_TSO4);
	if (kind == VIRTIO_NET_HDR_GSO_TCPV6)
		return virtio_has_feature(virtio, VIRTIO_NET_F_HOST_TSO6);
	return false;
}

/* bytes: of the frame. */
static bool header_is_fine(const struct virtio *virtio, const struct virtio_net_hdr_v1 *header,
			   uint64_t bytes)
{
	if (!segments_are_fine(virtio, header))
		return false;
	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	return virtio_has_feature(virtio, VIRTIO_NET_F_CSUM) &&
	       (uint32_t)header->csum_start + header->csum_offset + sizeof(uint16_t) <= bytes;
}

/* The chain at hand. -EAGAIN: there is no room; -EPROTO: it is no frame. */
static int tx_send(struct virtio_net *card, unsigned int pair)
{
	const struct chain *chain = &card->chain;
	struct virtio_net_hdr_v1 header;
	uint64_t bytes = chain->readable_bytes - sizeof(header);
	unsigned int count;

	if (chain->writable_count > 0 || chain->readable_bytes < sizeof(header) ||
	    bytes > NET_FRAME_MAX)
		return -EPROTO;
	chain_read(chain, 0, &header, sizeof(header));
	if (bytes < NET_FRAME_MIN || !header_is_fine(&card->virtio, &header, bytes)) {
		net_lost(card->net, NET_OUT);
		return 0;
	}
	header.num_buffers = 0; /* of the other direction */
	count = chain_readable_slice(chain, sizeof(header), bytes, card->parts + 1);
	card->parts[0] = (struct iovec){ .iov_base = &header, .iov_len = sizeof(header) };
	if (card->has_header)
		return net_send(card->net, pair, card->parts, count + 1);
	return net_send(card->net, pair, card->parts + 1, count);
}

/* One frame. False: there is none, or no room for it. */
static bool tx_step(struct virtio *virtio, unsigned int queue)
{
	struct virtio_net *card = (struct virtio_net *)virtio;
	int rc;

	if (!virtio_take(virtio, queue, &card->chain))
		return virtio_want_kicks(virtio, queue);
	rc = tx_send(card, CARD_PAIR(queue));
	if (rc == -EAGAIN) {
		virtio_untake(virtio, queue);
		return false;
	}
	virtio_return(virtio, queue, &card->chain, 0);
	if (rc < 0)
		virtio_refuse(virtio, "what it sends is not a header with a frame behind it");
	return rc == 0;
}

void net_tx_serve(struct virtio_net *card, unsigned int pair)
{
	virtio_serve_steps(&card->virtio, CARD_TX(pair), FRAMES_IN_ONE_GO, tx_step);
	virtio_flush(&card->virtio, CARD_TX(pair));
}
