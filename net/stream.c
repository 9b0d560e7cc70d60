/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - a net that is a stream socket
 *
 * A stream has no frames of its own: what one read brings may end anywhere in one, and
 * a write may take only a part of one. So there are two buffers of fixed size. `input`
 * has what came and was not yet received; a frame leaves it when it is complete.
 * `output` has the rest of the one frame that the socket took in part; until it is
 * gone there is room for no other. A frame of a length that can't be means that the
 * two sides don't understand each other any more: that is the end.
 */
#include "net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/parts.h"
#include "net/backend.h"

#define MESSAGE_MAX (STREAM_PREFIX_BYTES + NET_FRAME_MAX)

/* bytes[start, end) are filled. */
struct buffer {
	size_t start, end;
	uint8_t bytes[2 * MESSAGE_MAX];
};

struct stream {
	struct net net; /* first: the backend's calls find it by it */
	struct buffer input, output;
	struct iovec parts[1 + NET_MAX_PARTS]; /* of the message that is being sent */
};

static size_t buffer_length(const struct buffer *buffer)
{
	return buffer->end - buffer->start;
}

static void buffer_consume(struct buffer *buffer, size_t length)
{
	buffer->start += length;
	if (buffer->start == buffer->end)
		buffer->start = buffer->end = 0;
}

/* ------------------------------------------------------------------ sending */

/* Puts all but the first `skip` bytes of the parts behind what waits. */
static void output_add(struct buffer *output, const struct iovec *parts, unsigned int count,
		       size_t skip)
{
	size_t room = sizeof(output->bytes) - output->end;

	output->end += parts_gather(parts, count, skip, output->bytes + output->end, room);
}

/* What the socket refuses for good is the end of the net: nothing is left to be sent. */
static ssize_t socket_failed(struct net *net)
{
	if (errno == EAGAIN || errno == EINTR)
		return -EAGAIN;
	net_end(net, strerror(errno));
	return -EPIPE;
}

static int stream_flush(struct net *net, unsigned int pair)
{
	struct stream *stream = (struct stream *)net;
	struct buffer *output = &stream->output;
	ssize_t n;

	if (buffer_length(output) == 0)
		return 0;
	n = send(net->pairs[pair].fd, output->bytes + output->start, buffer_length(output),
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return socket_failed(net) == -EAGAIN ? -EAGAIN : 0;
	buffer_consume(output, (size_t)n);
	return buffer_length(output) == 0 ? 0 : -EAGAIN;
}

static int stream_send(struct net *net, unsigned int pair, const struct iovec *parts,
		       unsigned int count)
{
	struct stream *stream = (struct stream *)net;
	size_t length = parts_length(parts, count);
	uint32_t prefix = htonl((uint32_t)length);
	struct msghdr message = { .msg_iov = stream->parts, .msg_iovlen = 1 + (size_t)count };
	ssize_t n;

	if (length < NET_FRAME_MIN || length > NET_FRAME_MAX)
		return 0; /* no frame: a wire would lose it */
	if (stream_flush(net, pair) == -EAGAIN) {
		net_wait_for_room(net, pair);
		return -EAGAIN;
	}
	stream->parts[0] = (struct iovec){ .iov_base = &prefix, .iov_len = sizeof(prefix) };
	memcpy(stream->parts + 1, parts, count * sizeof(*parts));
	n = sendmsg(net->pairs[pair].fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		if (socket_failed(net) != -EAGAIN)
			return 0;
		net_wait_for_room(net, pair);
		return -EAGAIN;
	}
	if ((size_t)n < sizeof(prefix) + length) {
		output_add(&stream->output, stream->parts, 1 + count, (size_t)n);
		net_wait_for_room(net, pair);
	}
	return 0;
}

/* ---------------------------------------------------------------- receiving */

/* Makes room for a whole message behind what is there, and reads what has come. */
static int input_fill(struct net *net, struct buffer *input, int fd)
{
	ssize_t n;

	if (sizeof(input->bytes) - input->start < MESSAGE_MAX) {
		memmove(input->bytes, input->bytes + input->start, buffer_length(input));
		input->end -= input->start;
		input->start = 0;
	}
	n = recv(fd, input->bytes + input->end, sizeof(input->bytes) - input->end, MSG_DONTWAIT);
	if (n < 0)
		return (int)socket_failed(net);
	if (n == 0) {
		net_end(net, "the other side has closed it");
		return -EPIPE;
	}
	input->end += (size_t)n;
	return 0;
}

/* The bytes of the first frame, if all of it is there; 0: not yet; -EPROTO. */
static ssize_t input_frame(const struct buffer *input)
{
	uint32_t length;

	if (buffer_length(input) < STREAM_PREFIX_BYTES)
		return 0;
	memcpy(&length, input->bytes + input->start, sizeof(length));
	length = ntohl(length);
	if (length < NET_FRAME_MIN || length > NET_FRAME_MAX)
		return -EPROTO;
	return buffer_length(input) < STREAM_PREFIX_BYTES + length ? 0 : (ssize_t)length;
}

static ssize_t stream_receive(struct net *net, unsigned int pair, const struct iovec *parts,
			      unsigned int count)
{
	struct stream *stream = (struct stream *)net;
	struct buffer *input = &stream->input;
	ssize_t length;

	/* ends: each turn reads something, and two messages fit */
	while ((length = input_frame(input)) == 0)
		if (input_fill(net, input, net->pairs[pair].fd) < 0)
			return -EAGAIN;
	if (length < 0) {
		net_end(net, "the other side does not send frames");
		return -EAGAIN;
	}
	parts_scatter(parts, count, 0, input->bytes + input->start + STREAM_PREFIX_BYTES,
		      (size_t)length);
	buffer_consume(input, STREAM_PREFIX_BYTES + (size_t)length);
	return length;
}

static const struct net_backend stream_backend = {
	.send = stream_send,
	.receive = stream_receive,
	.flush = stream_flush,
};

int stream_open(int fd, const char *name, uint16_t mtu, struct net **ret_net, struct fail *why)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream) {
		auto_close(&fd);
		return fail_errno(why, ENOMEM, "cannot set up %s", name);
	}
	net_init(&stream->net, &stream_backend, name);
	stream->net.pairs[0].fd = fd;
	stream->net.traits = (struct net_traits){ .pairs = 1, .mtu = mtu };
	*ret_net = &stream->net;
	return 0;
}
