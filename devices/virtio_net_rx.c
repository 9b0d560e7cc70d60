/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_net_rx.c - frames on their way into a guest
 *
 * Theory of operation
 *
 * The guest's buffers are taken before a frame is there: as many as the largest frame
 * could need, which stay taken until frames have filled them. So a frame goes straight
 * into the guest's memory. Where the buffers at hand are too few for the largest, the
 * rest of the list is a buffer of our own, `overflow`; a frame that ends there is held
 * until the guest has given what is missing. It is neither lost nor received twice,
 * and while it is held, or there is no buffer, no frame is asked of the net: it waits
 * in the kernel, which tells its sender in its own ways.
 *
 *	buffers at hand:  |----- room -----|
 *	frame:            |=== header, bytes ====|    held > room: waits for buffers
 *	                                   |=====|    overflow
 *
 * Without mergeable buffers a frame has one buffer. One that is too small costs the
 * frame: so it is where the guest has given all it can, and the frame does not fit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parts.h"
#include "devices/virtio_net_card.h"

#define FRAMES_IN_ONE_GO 64
#define MAX_BUFFERS	 VIRTQUEUE_MAX_SIZE
#define MAX_PARTS	 (2 * CHAIN_MAX_PARTS)

struct net_buffer {
	uint16_t head;
	uint16_t parts;
	uint32_t bytes;
};

struct net_rx {
	/* taken from the guest, in its order: [first_buffer, end_buffer) and its parts */
	struct net_buffer buffers[MAX_BUFFERS];
	unsigned int first_buffer, end_buffer;
	struct iovec parts[MAX_PARTS];
	unsigned int first_part, end_part;
	size_t room; /* bytes of them */

	size_t held;	 /* bytes of the frame at hand, with its header; 0: none */
	size_t overflow; /* how many of them are in the array below */
	size_t spread;	 /* how many of those have been copied from there */

	struct iovec list[MAX_PARTS + 1]; /* for one net_receive() */
	uint8_t overflow_bytes[CARD_MESSAGE_MAX];
};

int net_rx_create(struct net_rx **ret_rx)
{
	*ret_rx = calloc(1, sizeof(**ret_rx));
	return *ret_rx ? 0 : -ENOMEM;
}

void net_rx_free(struct net_rx *rx)
{
	free(rx);
}

void net_rx_reset(struct virtio_net *card, unsigned int pair)
{
	struct net_rx *rx = card->rx[pair];

	for (; rx->first_buffer < rx->end_buffer; rx->first_buffer++)
		virtio_drop(&card->virtio, CARD_RX(pair));
	rx->first_buffer = rx->end_buffer = rx->first_part = rx->end_part = 0;
	rx->room = rx->held = rx->overflow = rx->spread = 0;
}

/* ------------------------------------------------------------------ buffers */

/* Moves both lists to the beginning of their arrays. */
static void rx_compact(struct net_rx *rx)
{
	unsigned int buffers = rx->end_buffer - rx->first_buffer;
	unsigned int parts = rx->end_part - rx->first_part;

	memmove(rx->buffers, rx->buffers + rx->first_buffer, buffers * sizeof(*rx->buffers));
	memmove(rx->parts, rx->parts + rx->first_part, parts * sizeof(*rx->parts));
	rx->first_buffer = rx->first_part = 0;
	rx->end_buffer = buffers;
	rx->end_part = parts;
}

static bool rx_has_place(struct net_rx *rx, unsigned int parts)
{
	if (rx->end_buffer == MAX_BUFFERS || rx->end_part + parts > MAX_PARTS)
		rx_compact(rx);
	return rx->end_buffer < MAX_BUFFERS && rx->end_part + parts <= MAX_PARTS;
}

/* The bytes of a frame that are waiting for this buffer, the last one. */
static void rx_spread(struct net_rx *rx, const struct net_buffer *buffer)
{
	size_t left = rx->overflow - rx->spread;
	size_t step = left < buffer->bytes ? left : buffer->bytes;

	parts_scatter(rx->parts + rx->end_part - buffer->parts, buffer->parts, 0,
		      rx->overflow_bytes + rx->spread, step);
	rx->spread += step;
}

/* No frame needs more than so many bytes of a buffer; what is behind is not looked at. */
static void rx_add(struct net_rx *rx, const struct chain *chain)
{
	struct net_buffer *buffer = &rx->buffers[rx->end_buffer++];

	*buffer = (struct net_buffer){ .head = chain->head };
	for (unsigned int i = 0; i < chain->writable_count && buffer->bytes < CARD_MESSAGE_MAX;
	     i++) {
		struct iovec part = chain_writable(chain)[i];
		size_t left = CARD_MESSAGE_MAX - buffer->bytes;

		if (part.iov_len > left)
			part.iov_len = left;
		rx->parts[rx->end_part++] = part;
		buffer->parts++;
		buffer->bytes += (uint32_t)part.iov_len;
	}
	rx->room += buffer->bytes;
	if (rx->held > 0)
		rx_spread(rx, buffer);
}

/* Takes one more buffer of the guest. */
static bool rx_take(struct virtio_net *card, unsigned int pair)
{
	struct virtio *virtio = &card->virtio;
	struct net_rx *rx = card->rx[pair];
	struct chain *chain = &card->chain;

	if (!virtio_take(virtio, CARD_RX(pair), chain))
		return false;
	if (chain->readable_count > 0 || chain->writable_bytes < NET_HEADER_BYTES) {
		virtio_return(virtio, CARD_RX(pair), chain, 0);
		virtio_refuse(virtio, "a buffer for frames that none fits in");
		return false;
	}
	if (!rx_has_place(rx, chain->writable_count)) {
		virtio_untake(virtio, CARD_RX(pair));
		return false;
	}
	rx_add(rx, chain);
	return true;
}

static void rx_gather(struct virtio_net *card, unsigned int pair)
{
	struct net_rx *rx = card->rx[pair];
	size_t enough = card->is_mergeable ? CARD_MESSAGE_MAX : 1;

	while (rx->room < enough && rx_take(card, pair))
		;
}

/* ------------------------------------------------------------------- frames */

/* Into the frame at hand, which is longer. */
static void rx_write(const struct net_rx *rx, size_t offset, const void *bytes, size_t length)
{
	parts_scatter(rx->parts + rx->first_part, rx->end_part - rx->first_part, offset, bytes,
		      length);
}

/* A net without headers has made its frames from what it has checked itself. */
static void rx_write_header(const struct virtio_net *card, const struct net_rx *rx)
{
	struct virtio_net_hdr_v1 header = { 0 };

	if (virtio_has_feature(&card->virtio, VIRTIO_NET_F_GUEST_CSUM))
		header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	rx_write(rx, 0, &header, sizeof(header));
}

/* Where the next frame goes: the buffers at hand, but for `skip` bytes, and the overflow. */
static unsigned int rx_list(struct net_rx *rx, size_t skip)
{
	unsigned int count = parts_slice(rx->parts + rx->first_part, rx->end_part - rx->first_part,
					 skip, rx->room - skip, rx->list);

	if (rx->room < CARD_MESSAGE_MAX)
		rx->list[count++] = (struct iovec){ .iov_base = rx->overflow_bytes,
						    .iov_len = CARD_MESSAGE_MAX - rx->room };
	return count;
}

/* False: there is no frame. */
static bool rx_receive(struct virtio_net *card, unsigned int pair)
{
	struct net_rx *rx = card->rx[pair];
	size_t skip = card->has_header ? 0 : NET_HEADER_BYTES;
	ssize_t n = net_receive(card->net, pair, rx->list, rx_list(rx, skip));

	if (n < 0)
		return false;
	if (!card->has_header)
		rx_write_header(card, rx);
	rx->held = skip + (size_t)n;
	rx->overflow = rx->held > rx->room ? rx->held - rx->room : 0;
	rx->spread = 0;
	return true;
}

static unsigned int rx_buffers_needed(const struct net_rx *rx)
{
	unsigned int count = 0;

	for (size_t bytes = 0; bytes < rx->held; count++)
		bytes += rx->buffers[rx->first_buffer + count].bytes;
	return count;
}

/* What the kernel, or we, have put into the buffer that is delivered next. */
static void rx_mark_written(struct virtio_net *card, const struct net_rx *rx, uint32_t filled)
{
	const struct net_buffer *buffer = &rx->buffers[rx->first_buffer];

	for (unsigned int i = 0; i < buffer->parts && filled > 0; i++) {
		const struct iovec *part = &rx->parts[rx->first_part + i];
		uint32_t n = part->iov_len < filled ? (uint32_t)part->iov_len : filled;

		gmem_mark_written(card->virtio.config.gmem, part->iov_base, n);
		filled -= n;
	}
}

/* The frame at hand is whole: all of its buffers become the guest's at once. */
static void rx_deliver(struct virtio_net *card, unsigned int pair)
{
	struct net_rx *rx = card->rx[pair];
	struct virtio *virtio = &card->virtio;
	unsigned int count = rx_buffers_needed(rx);
	uint16_t num_buffers = (uint16_t)count;

	rx_write(rx, offsetof(struct virtio_net_hdr_v1, num_buffers), &num_buffers,
		 sizeof(num_buffers));
	while (count-- > 0) {
		const struct net_buffer *buffer = &rx->buffers[rx->first_buffer];
		uint32_t filled = buffer->bytes < rx->held ? buffer->bytes : (uint32_t)rx->held;

		rx_mark_written(card, rx, filled);
		rx->first_buffer++;
		card->chain.head = buffer->head;
		card->chain.writable_bytes = buffer->bytes;
		if (count > 0)
			virtio_return_unseen(virtio, CARD_RX(pair), &card->chain, filled);
		else
			virtio_return(virtio, CARD_RX(pair), &card->chain, filled);
		rx->first_part += buffer->parts;
		rx->room -= buffer->bytes;
		rx->held -= filled;
	}
}

/* The buffers stay, for the next. */
static void rx_lose(struct virtio_net *card, struct net_rx *rx)
{
	rx->held = 0;
	net_lost(card->net, NET_IN);
}

/*
 * Whether the guest can't give what the frame at hand needs. Each descriptor that it
 * has in the ring is a part at least, so a ring that is here as a whole is seen.
 */
static bool rx_is_hopeless(const struct virtio_net *card, unsigned int pair)
{
	const struct net_rx *rx = card->rx[pair];

	if (rx->held <= rx->room)
		return false;
	return !card->is_mergeable ||
	       rx->end_part - rx->first_part >= card->virtio.queues[CARD_RX(pair)].size;
}

/* One step. False: nothing more can be done, and who goes on has been told to call. */
static bool rx_step(struct virtio *virtio, unsigned int queue)
{
	struct virtio_net *card = (struct virtio_net *)virtio;
	unsigned int pair = CARD_PAIR(queue);
	struct net_rx *rx = card->rx[pair];

	rx_gather(card, pair);
	if (rx_is_hopeless(card, pair)) {
		rx_lose(card, rx);
		return true;
	}
	if (rx->room == 0 || rx->held > rx->room) {
		if (virtio_want_kicks(virtio, queue))
			return true;
		net_want_frames(card->net, pair, false);
		return false;
	}
	if (rx->held == 0 && !rx_receive(card, pair)) {
		net_want_frames(card->net, pair, true);
		return false;
	}
	if (rx->held <= rx->room)
		rx_deliver(card, pair);
	return true;
}

void net_rx_serve(struct virtio_net *card, unsigned int pair)
{
	struct virtio *virtio = &card->virtio;

	if (!virtio->is_running || pair >= card->used_pairs ||
	    !virtio_queue_is_enabled(virtio, CARD_RX(pair))) {
		/* or the net would call again at once, for the same frame */
		net_want_frames(card->net, pair, false);
		return;
	}
	virtio_avoid_kicks(virtio, CARD_RX(pair));
	virtio_serve_steps(virtio, CARD_RX(pair), FRAMES_IN_ONE_GO, rx_step);
	virtio_flush(virtio, CARD_RX(pair));
}
