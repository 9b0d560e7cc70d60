/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_hub.c - one console of a guest, and all who watch it from outside
 *
 * A watcher is sent to until its socket is full, and then not before the socket has
 * room: a flood costs one ring in all, and no system call for those who don't read.
 * Its descriptor came from elsewhere and may be blocking, which is why each call says
 * MSG_DONTWAIT.
 */
#include "devices/console_hub.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

#define INPUT_BYTES 256
#define FLUSH_NS    (500 * NS_PER_MS) /* for all watchers together */

struct watcher {
	struct console_hub *hub;
	struct loop_source *source;
	int fd;
	uint32_t events; /* that source waits for */
	struct console_reader reader;
	uint64_t end;	/* position behind which it is closed */
	bool is_full;	/* its socket; EPOLLOUT will tell */
	bool is_silent; /* nothing more will be typed here */
};

struct console_hub {
	struct loop *loop;
	struct console_hub_hooks hooks;
	struct console_ring *ring;
	struct watcher *watchers[CONSOLE_HUB_WATCHERS]; /* NULL: a free place */
};

static void watcher_free(struct watcher *watcher)
{
	struct console_hub *hub = watcher->hub;

	for (size_t i = 0; i < ARRAY_SIZE(hub->watchers); i++)
		if (hub->watchers[i] == watcher)
			hub->watchers[i] = NULL;
	loop_remove(watcher->source);
	close(watcher->fd);
	free(watcher);
}

static void watcher_listen(struct watcher *watcher)
{
	const struct console_hub_hooks *hooks = &watcher->hub->hooks;
	uint32_t events = watcher->is_full ? EPOLLOUT : 0;

	if (!watcher->is_silent && hooks->input_room(hooks->context) > 0)
		events |= EPOLLIN;
	if (events == watcher->events)
		return;
	if (loop_set_events(watcher->source, events) == 0)
		watcher->events = events;
}

/* What may go out next: not beyond the watcher's end. */
static size_t watcher_peek(struct watcher *watcher, const void **ret_bytes)
{
	size_t length;

	if (console_reader_is_at(&watcher->reader, watcher->end))
		return 0;
	length = console_reader_peek(&watcher->reader, watcher->hub->ring, ret_bytes);
	if (watcher->reader.next < watcher->end && watcher->end - watcher->reader.next < length)
		length = (size_t)(watcher->end - watcher->reader.next);
	return length;
}

/* Until the socket is full, or all is sent. -errno: nobody is there, or it has had its share. */
static int watcher_send(struct watcher *watcher)
{
	const void *bytes;
	size_t length;

	while ((length = watcher_peek(watcher, &bytes)) > 0) {
		ssize_t n = send(watcher->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			console_reader_take(&watcher->reader, watcher->hub->ring, (size_t)n);
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -errno;
	}
	watcher->is_full = length > 0;
	return console_reader_is_at(&watcher->reader, watcher->end) ? -ESHUTDOWN : 0;
}

/* What is due now; may free the watcher. */
static void watcher_update(struct watcher *watcher)
{
	if (watcher_send(watcher) < 0)
		watcher_free(watcher);
	else
		watcher_listen(watcher);
}

/* One read. 1: there may be more, 0: not now. */
static int watcher_receive(struct watcher *watcher)
{
	const struct console_hub_hooks *hooks = &watcher->hub->hooks;
	size_t room = hooks->input_room(hooks->context);
	unsigned char bytes[INPUT_BYTES];
	ssize_t n;

	if (room == 0 || watcher->is_silent)
		return 0;
	n = recv(watcher->fd, bytes, room < sizeof(bytes) ? room : sizeof(bytes), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		watcher->is_silent = true;
	if (n <= 0)
		return 0;
	hooks->input(hooks->context, bytes, (size_t)n);
	return 1;
}

static void on_watcher(void *context, uint32_t events)
{
	struct watcher *watcher = context;

	if (events & (EPOLLHUP | EPOLLERR)) {
		/* both are reported for ever: what the guest does not take now is lost */
		while (watcher_receive(watcher) > 0)
			;
		watcher_free(watcher);
		return;
	}
	if (events & EPOLLIN)
		watcher_receive(watcher);
	watcher_update(watcher);
}

int console_hub_create(struct loop *loop, const struct console_hub_hooks *hooks,
		       struct console_hub **ret_hub)
{
	struct console_hub *hub = calloc(1, sizeof(*hub));
	int rc;

	if (!hub)
		return -ENOMEM;
	rc = console_ring_create(&hub->ring);
	if (rc < 0) {
		free(hub);
		return rc;
	}
	hub->loop = loop;
	hub->hooks = *hooks;
	*ret_hub = hub;
	return 0;
}

void console_hub_free(struct console_hub *hub)
{
	if (!hub)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(hub->watchers); i++)
		if (hub->watchers[i])
			watcher_free(hub->watchers[i]);
	console_ring_free(hub->ring);
	free(hub);
}

void console_hub_feed(struct console_hub *hub, const void *bytes, size_t length)
{
	console_ring_put(hub->ring, bytes, length);
	for (size_t i = 0; i < ARRAY_SIZE(hub->watchers); i++)
		if (hub->watchers[i] && !hub->watchers[i]->is_full)
			watcher_update(hub->watchers[i]);
}

void console_hub_input_ready(struct console_hub *hub)
{
	for (size_t i = 0; i < ARRAY_SIZE(hub->watchers); i++)
		if (hub->watchers[i])
			watcher_listen(hub->watchers[i]);
}

static bool is_stream_socket(int fd)
{
	int type, domain;
	socklen_t type_length = sizeof(type), domain_length = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_length) == 0 &&
	       type == SOCK_STREAM && domain == AF_UNIX;
}

static int watcher_create(struct console_hub *hub, int fd, struct watcher **ret_watcher)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	int rc;

	if (!watcher)
		return -ENOMEM;
	watcher->hub = hub;
	watcher->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	rc = watcher->fd < 0 ? -errno : 0;
	if (rc == 0)
		rc = loop_add_fd(hub->loop, watcher->fd, 0, on_watcher, watcher, &watcher->source);
	if (rc < 0) {
		auto_close(&watcher->fd);
		free(watcher);
		return rc;
	}
	*ret_watcher = watcher;
	return 0;
}

int console_hub_attach(struct console_hub *hub, int fd, bool kept_only, struct fail *why)
{
	struct watcher *watcher;
	size_t place = 0;
	int rc;

	if (!is_stream_socket(fd))
		return fail_set(why, EINVAL, "a console needs a stream socket");
	while (place < ARRAY_SIZE(hub->watchers) && hub->watchers[place])
		place++;
	if (place == ARRAY_SIZE(hub->watchers))
		return fail_set(why, EBUSY, "%d others watch this console already", (int)place);
	rc = watcher_create(hub, fd, &watcher);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot attach to the console");
	hub->watchers[place] = watcher;
	watcher->end = kept_only ? console_ring_written(hub->ring) : UINT64_MAX;
	watcher->is_silent = kept_only;
	watcher_update(watcher);
	return 0;
}

static bool wait_writable(int fd, uint64_t deadline_ns)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	uint64_t now = now_ns();
	int left_ms = deadline_ns > now ? (int)((deadline_ns - now) / NS_PER_MS) : 0;

	return poll(&poll_fd, 1, left_ms) > 0;
}

void console_hub_flush(struct console_hub *hub)
{
	uint64_t deadline_ns = now_ns() + FLUSH_NS;

	for (size_t i = 0; i < ARRAY_SIZE(hub->watchers); i++)
		while (hub->watchers[i] && hub->watchers[i]->is_full &&
		       wait_writable(hub->watchers[i]->fd, deadline_ns))
			watcher_update(hub->watchers[i]);
}

bool console_hub_is_watched(const struct console_hub *hub)
{
	for (size_t i = 0; i < ARRAY_SIZE(hub->watchers); i++)
		if (hub->watchers[i])
			return true;
	return false;
}

const struct console_ring *console_hub_ring(const struct console_hub *hub)
{
	return hub->ring;
}
