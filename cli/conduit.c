/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conduit.c - a user's descriptors joined with the socket of a guest's console
 *
 * poll() and not the loop: standard input and output may be regular files, which
 * epoll refuses. A descriptor that there is nothing to do with is left out of the
 * set, since a peer that is gone would be reported again and again.
 */
#include "cli/conduit.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "cli/terminal.h"

/* On their way in one direction. A pipe that polls writable takes them at once. */
struct stretch {
	size_t start, end;
	unsigned char bytes[PIPE_BUF];
};

enum { POLL_IN, POLL_OUT, POLL_SOCKET, POLL_COUNT };

struct run {
	const struct conduit *conduit;
	int in; /* the conduit's, -1 behind its end */
	struct escape escape;
	bool is_detached;
	bool is_closed;		/* the socket's other end */
	struct stretch to_user; /* filled only when it is empty */
	struct stretch to_guest;
};

static size_t stretch_length(const struct stretch *stretch)
{
	return stretch->end - stretch->start;
}

static size_t stretch_room(const struct stretch *stretch)
{
	return sizeof(stretch->bytes) - stretch->end;
}

static void stretch_take(struct stretch *stretch, size_t length)
{
	stretch->start += length;
	if (stretch->start == stretch->end)
		stretch->start = stretch->end = 0;
}

static void socket_write(struct run *run)
{
	struct stretch *stretch = &run->to_guest;
	ssize_t n = send(run->conduit->socket, stretch->bytes + stretch->start,
			 stretch_length(stretch), MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		stretch_take(stretch, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		stretch_take(stretch, stretch_length(stretch)); /* nobody is there any more */
}

static void socket_read(struct run *run)
{
	struct stretch *stretch = &run->to_user;
	ssize_t n =
		recv(run->conduit->socket, stretch->bytes, sizeof(stretch->bytes), MSG_DONTWAIT);

	if (n > 0)
		stretch->end = (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		run->is_closed = true;
}

static int out_write(struct run *run)
{
	struct stretch *stretch = &run->to_user;
	ssize_t n =
		write(run->conduit->out, stretch->bytes + stretch->start, stretch_length(stretch));

	if (n >= 0)
		stretch_take(stretch, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		return -errno;
	return 0;
}

static size_t typed_filter(struct run *run, unsigned char *typed, size_t length)
{
	const char *help = run->conduit->help;
	enum escape_action action;
	size_t kept = escape_filter(&run->escape, typed, length, &action);

	run->is_detached = action == ESCAPE_DETACH;
	if (action == ESCAPE_HELP && write(STDERR_FILENO, help, strlen(help)) < 0)
		log_debug("no help can be shown");
	return kept;
}

/*
 * A terminal is read even where there is no room: what the guest does not take is
 * dropped then, for a user must always be able to detach.
 */
static void in_read(struct run *run)
{
	struct stretch *stretch = &run->to_guest;
	unsigned char typed[256];
	size_t room = stretch_room(stretch), length = sizeof(typed);
	ssize_t n;

	if (!run->conduit->has_escapes && room < length)
		length = room;
	n = read(run->in, typed, length);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		run->in = -1;
	if (n <= 0)
		return;
	length = (size_t)n;
	if (run->conduit->has_escapes)
		length = typed_filter(run, typed, length);
	if (length > room)
		length = room;
	memcpy(stretch->bytes + stretch->end, typed, length);
	stretch->end += length;
}

static bool in_is_wanted(const struct run *run)
{
	return run->conduit->has_escapes || stretch_room(&run->to_guest) > 0;
}

static void poll_set(const struct run *run, struct pollfd fds[POLL_COUNT])
{
	short socket_events = 0;

	if (stretch_length(&run->to_user) == 0)
		socket_events |= POLLIN;
	if (stretch_length(&run->to_guest) > 0)
		socket_events |= POLLOUT;
	fds[POLL_IN] = (struct pollfd){ in_is_wanted(run) ? run->in : -1, POLLIN, 0 };
	fds[POLL_OUT] = (struct pollfd){ stretch_length(&run->to_user) > 0 ? run->conduit->out : -1,
					 POLLOUT, 0 };
	fds[POLL_SOCKET] =
		(struct pollfd){ socket_events ? run->conduit->socket : -1, socket_events, 0 };
}

static int step(struct run *run)
{
	struct pollfd fds[POLL_COUNT];

	poll_set(run, fds);
	if (poll(fds, POLL_COUNT, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[POLL_IN].revents)
		in_read(run);
	if (stretch_length(&run->to_guest) > 0)
		socket_write(run);
	if (fds[POLL_OUT].revents)
		return out_write(run);
	if (fds[POLL_SOCKET].revents && stretch_length(&run->to_user) == 0)
		socket_read(run);
	return 0;
}

int conduit_run(const struct conduit *conduit, enum conduit_end *ret_end)
{
	struct run run = { .conduit = conduit, .in = conduit->in, .escape.is_attached = true };

	while (!run.is_detached && !run.is_closed) {
		int rc = step(&run);

		if (rc < 0)
			return rc;
	}
	*ret_end = run.is_detached ? CONDUIT_DETACHED : CONDUIT_CLOSED;
	return 0;
}
