/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - one thread that waits for descriptors, timers, signals and calls
 *
 * Every kind of source is a descriptor in one epoll set: timerfd, signalfd and
 * eventfd for those that are none by nature. A removed source stays in memory
 * until the events at hand are dealt with, since one of them may still name it.
 */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "base/clock.h"

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_SIGNAL, SOURCE_WAKE };

struct loop_source {
	struct loop *loop;
	struct loop_source *next; /* in loop->sources or loop->removed */
	enum source_kind kind;
	int fd; /* the caller's for SOURCE_FD, else our own */
	bool removed;
	union {
		loop_fd_fn *on_fd;
		loop_fn *on_event;
		loop_signal_fn *on_signal;
	};
	void *context;
};

struct loop {
	int epoll_fd;
	bool quit;
	int status;
	struct loop_source *sources;
	struct loop_source *removed;
};

int loop_create(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return -errno;
	}
	*ret_loop = loop;
	return 0;
}

static void source_free_all(struct loop_source **list)
{
	while (*list) {
		struct loop_source *source = *list;

		*list = source->next;
		free(source);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->sources)
		loop_remove(loop->sources);
	source_free_all(&loop->removed);
	close(loop->epoll_fd);
	free(loop);
}

/* Takes fd over for all kinds but SOURCE_FD, in failure too. */
static int source_add(struct loop *loop, enum source_kind kind, int fd, uint32_t events,
		      void *context, struct loop_source **ret_source)
{
	struct loop_source *source = calloc(1, sizeof(*source));
	struct epoll_event event = { .events = events, .data.ptr = source };
	int rc = source ? 0 : -ENOMEM;

	if (rc == 0 && epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		rc = -errno;
	if (rc < 0) {
		if (kind != SOURCE_FD)
			close(fd);
		free(source);
		return rc;
	}
	source->loop = loop;
	source->kind = kind;
	source->fd = fd;
	source->context = context;
	source->next = loop->sources;
	loop->sources = source;
	*ret_source = source;
	return 0;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *context,
		struct loop_source **ret_source)
{
	int rc = source_add(loop, SOURCE_FD, fd, events, context, ret_source);

	if (rc == 0)
		(*ret_source)->on_fd = fn;
	return rc;
}

int loop_set_events(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return -errno;
	return 0;
}

int loop_add_timer(struct loop *loop, loop_fn *fn, void *context, struct loop_source **ret_source)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), rc;

	if (fd < 0)
		return -errno;
	rc = source_add(loop, SOURCE_TIMER, fd, EPOLLIN, context, ret_source);
	if (rc == 0)
		(*ret_source)->on_event = fn;
	return rc;
}

void loop_arm(struct loop_source *timer, uint64_t after_ns)
{
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)(after_ns / NS_PER_SEC),
		.it_value.tv_nsec = (long)(after_ns % NS_PER_SEC),
	};

	timerfd_settime(timer->fd, 0, &when, NULL);
}

int loop_add_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *context,
		    struct loop_source **ret_source)
{
	sigset_t set;
	int fd, rc;

	sigemptyset(&set);
	sigaddset(&set, signal);
	rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (rc != 0)
		return -rc;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = source_add(loop, SOURCE_SIGNAL, fd, EPOLLIN, context, ret_source);
	if (rc == 0)
		(*ret_source)->on_signal = fn;
	return rc;
}

int loop_add_wake(struct loop *loop, loop_fn *fn, void *context, struct loop_source **ret_source)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), rc;

	if (fd < 0)
		return -errno;
	rc = source_add(loop, SOURCE_WAKE, fd, EPOLLIN, context, ret_source);
	if (rc == 0)
		(*ret_source)->on_event = fn;
	return rc;
}

void loop_wake(struct loop_source *source)
{
	uint64_t one = 1;

	/* a full counter wakes just as well */
	if (write(source->fd, &one, sizeof(one)) < 0)
		return;
}

void loop_remove(struct loop_source *source)
{
	struct loop_source **link;

	if (!source || source->removed)
		return;
	epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	if (source->kind != SOURCE_FD)
		close(source->fd);
	for (link = &source->loop->sources; *link != source; link = &(*link)->next)
		;
	*link = source->next;
	source->removed = true;
	source->next = source->loop->removed;
	source->loop->removed = source;
}

static void source_dispatch(struct loop_source *source, uint32_t events)
{
	struct signalfd_siginfo info;
	uint64_t count;

	switch (source->kind) {
	case SOURCE_FD:
		source->on_fd(source->context, events);
		break;
	case SOURCE_TIMER:
	case SOURCE_WAKE:
		if (read(source->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
			source->on_event(source->context);
		break;
	case SOURCE_SIGNAL:
		if (read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			source->on_signal(source->context, (int)info.ssi_signo);
		break;
	}
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[32];

	loop->quit = false;
	while (!loop->quit) {
		int n = epoll_wait(loop->epoll_fd, events, (int)ARRAY_SIZE(events), -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !loop->quit; i++) {
			struct loop_source *source = events[i].data.ptr;

			if (!source->removed)
				source_dispatch(source, events[i].events);
		}
		source_free_all(&loop->removed);
	}
	return loop->status;
}

void loop_quit(struct loop *loop, int status)
{
	loop->quit = true;
	loop->status = status;
}
