/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - one connection of the broker: whole messages in, whole messages out */
#include "broker/peer.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/sock.h"

#define INPUT_SIZE 65536u /* grows to the largest message that comes */

struct buffer {
	uint8_t *bytes;
	size_t size;
	size_t used;
};

struct peer {
	int fd;
	struct loop_source *source;
	const struct peer_ops *ops;
	void *context;
	struct peer_limits limits;
	struct buffer in;
	struct buffer out; /* not yet taken by the socket */
	bool dropped;
	bool paused;
	uint64_t counted_ns; /* up to which processor time of the loop's thread it has been told */
};

/* Reading and writing count as well: a backlog that is read byte by byte is moved as often. */
static void peer_count_from_here(struct peer *peer)
{
	peer->counted_ns = thread_cpu_ns();
}

static void peer_tell_spent(struct peer *peer)
{
	uint64_t before_ns = peer->counted_ns;

	peer_count_from_here(peer);
	peer->ops->on_spent(peer->context, peer->counted_ns - before_ns);
}

/* What the loop shall wait for. */
static int peer_wait(struct peer *peer)
{
	return loop_set_events(peer->source, (peer->paused ? 0 : (uint32_t)EPOLLIN) |
						     (peer->out.used > 0 ? (uint32_t)EPOLLOUT : 0));
}

static int buffer_reserve(struct buffer *buffer, size_t size)
{
	uint8_t *bytes;

	if (size <= buffer->size)
		return 0;
	bytes = realloc(buffer->bytes, size);
	if (!bytes)
		return -ENOMEM;
	buffer->bytes = bytes;
	buffer->size = size;
	return 0;
}

static void buffer_consume(struct buffer *buffer, size_t count)
{
	memmove(buffer->bytes, buffer->bytes + count, buffer->used - count);
	buffer->used -= count;
}

static void buffer_shrink(struct buffer *buffer, size_t keep)
{
	if (buffer->used > 0 || buffer->size <= keep)
		return;
	free(buffer->bytes);
	*buffer = (struct buffer){ 0 };
}

void peer_close(struct peer *peer)
{
	peer->ops->on_close(peer->context);
	loop_remove(peer->source);
	close(peer->fd);
	free(peer->in.bytes);
	free(peer->out.bytes);
	free(peer);
}

/* Hands out the whole messages at the head of the input. */
static int input_dispatch(struct peer *peer)
{
	size_t done = 0;
	int rc = 0;

	while (rc == 0 && !peer->dropped && !peer->paused &&
	       peer->in.used - done >= WIRE_HEADER_SIZE) {
		struct wire_header header;

		rc = wire_header_decode(peer->in.bytes + done, peer->limits.payload_bytes, &header);
		if (rc < 0)
			break;
		if (peer->in.used - done - WIRE_HEADER_SIZE < header.length) {
			rc = buffer_reserve(&peer->in, WIRE_HEADER_SIZE + header.length);
			break;
		}
		rc = peer->ops->on_message(peer->context, &header,
					   peer->in.bytes + done + WIRE_HEADER_SIZE);
		peer_tell_spent(peer);
		done += WIRE_HEADER_SIZE + header.length;
	}
	if (rc == 0 && done > 0)
		buffer_consume(&peer->in, done);
	return rc;
}

static int input_read(struct peer *peer)
{
	ssize_t n;
	int rc = buffer_reserve(&peer->in, INPUT_SIZE);

	if (rc < 0)
		return rc;
	n = recv(peer->fd, peer->in.bytes + peer->in.used, peer->in.size - peer->in.used, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	peer->in.used += (size_t)n;
	return input_dispatch(peer);
}

static int output_flush(struct peer *peer)
{
	ssize_t n;

	if (peer->out.used == 0)
		return 0;
	n = send(peer->fd, peer->out.bytes, peer->out.used, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	buffer_consume(&peer->out, (size_t)n);
	return peer->out.used > 0 ? 0 : peer_wait(peer);
}

static void on_ready(void *context, uint32_t events)
{
	struct peer *peer = context;
	int rc = 0;

	peer_count_from_here(peer);
	if (events & EPOLLOUT)
		rc = output_flush(peer);
	if (rc == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		rc = input_read(peer);
	peer_tell_spent(peer);
	if (rc < 0 || peer->dropped)
		peer_close(peer);
}

int peer_create(struct loop *loop, int fd, struct peer_limits limits, const struct peer_ops *ops,
		void *context, struct peer **ret_peer)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int rc = peer ? loop_add_fd(loop, fd, EPOLLIN, on_ready, peer, &peer->source) : -ENOMEM;

	if (rc < 0) {
		free(peer);
		close(fd);
		return rc;
	}
	peer->fd = fd;
	peer->limits = limits;
	peer->ops = ops;
	peer->context = context;
	*ret_peer = peer;
	return 0;
}

void peer_set_limits(struct peer *peer, struct peer_limits limits)
{
	peer->limits = limits;
}

void peer_set_backlog(struct peer *peer, size_t backlog_bytes)
{
	peer->limits.backlog_bytes = backlog_bytes;
}

void peer_pause(struct peer *peer)
{
	peer->paused = true;
	if (peer_wait(peer) < 0)
		peer_drop(peer);
}

/* Whole messages may lie here already, and nothing more come that would tell of them. */
void peer_resume(struct peer *peer)
{
	peer->paused = false;
	peer_count_from_here(peer);
	if (input_dispatch(peer) < 0 || peer_wait(peer) < 0)
		peer_drop(peer);
}

void peer_drop(struct peer *peer)
{
	peer->dropped = true;
	/* makes the socket ready, so that on_ready() comes to close it */
	shutdown(peer->fd, SHUT_RDWR);
}

static int output_keep(struct peer *peer, const void *bytes, size_t length)
{
	size_t wanted = peer->out.used + length;
	int rc;

	if (wanted > peer->limits.backlog_bytes)
		return -ENOBUFS;
	/* doubled, so that many small messages are not copied again and again */
	rc = wanted > peer->out.size ? buffer_reserve(&peer->out, wanted * 2) : 0;
	if (rc < 0)
		return rc;
	memcpy(peer->out.bytes + peer->out.used, bytes, length);
	peer->out.used += length;
	return peer_wait(peer);
}

int peer_send(struct peer *peer, const void *bytes, size_t length, int pass_fd)
{
	ssize_t n = 0;

	if (pass_fd >= 0)
		return sock_write_fd(peer->fd, bytes, length, pass_fd);
	if (peer->out.used == 0) {
		n = send(peer->fd, bytes, length, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0)
			n = 0;
	}
	if ((size_t)n == length)
		return 0;
	return output_keep(peer, (const uint8_t *)bytes + n, length - (size_t)n);
}

void peer_shrink(struct peer *peer)
{
	buffer_shrink(&peer->in, INPUT_SIZE);
	buffer_shrink(&peer->out, 0);
}

size_t peer_memory_bytes(const struct peer *peer)
{
	return sizeof(*peer) + peer->in.size + peer->out.size;
}
