/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.c - the host's end of the guest agent's port: a socket for one client at a time
 *
 *	nobody ──connects──> talking ──closes its end──> leaving ──heard to the end──> nobody
 *	                                                    `── another one connects: talking
 *
 * A client that talks is waited for only as long as somebody wants something of it:
 * so bytes that nobody fetches wake nobody up. Its end is told by epoll in any case,
 * and for ever, which is why a client that leaves is no source any more.
 */
#include "devices/agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/parts.h"
#include "base/rundir.h"
#include "base/sock.h"

struct agent {
	struct console_end end; /* first */
	struct loop *loop;
	char path[RUNDIR_PATH_MAX];
	int listen_fd;
	struct loop_source *listen;
	int fd;			    /* the client's; -1: nobody */
	struct loop_source *source; /* NULL: nobody, or leaving */
	uint32_t events;	    /* that source waits for */
	bool is_silent;		    /* it has sent all it will */
};

static void client_want(struct agent *agent, uint32_t events)
{
	if (!agent->source || agent->events == events)
		return;
	if (loop_set_events(agent->source, events) == 0)
		agent->events = events;
}

static void listen_set(struct agent *agent, bool is_on)
{
	if (loop_set_events(agent->listen, is_on ? EPOLLIN : 0) < 0)
		log_debug("agent: connections are not waited for");
}

static void client_close(struct agent *agent)
{
	loop_remove(agent->source);
	agent->source = NULL;
	auto_close(&agent->fd);
	agent->fd = -1;
	listen_set(agent, true);
	console_end_opened(&agent->end, false);
}

static bool has_unread(const struct agent *agent)
{
	char byte;

	return !agent->is_silent && recv(agent->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/*
 * Its end is closed. What it has sent before is still for the guest, unless nobody
 * listens there: who does some day must not get the orders of today.
 */
static void client_leaves(struct agent *agent)
{
	loop_remove(agent->source);
	agent->source = NULL;
	if (!agent->end.is_heard || !has_unread(agent)) {
		client_close(agent);
		return;
	}
	listen_set(agent, true);
	console_end_is_ready(&agent->end);
}

static void on_client(void *context, uint32_t events)
{
	struct agent *agent = context;

	client_want(agent, agent->events & ~events);
	if (events & (EPOLLHUP | EPOLLERR))
		client_leaves(agent);
	else
		console_end_is_ready(&agent->end);
}

static void client_open(struct agent *agent, int fd)
{
	int rc = loop_add_fd(agent->loop, fd, 0, on_client, agent, &agent->source);

	if (rc < 0) {
		log_debug("agent: %s", strerror(-rc));
		close(fd);
		return;
	}
	agent->fd = fd;
	agent->events = 0;
	agent->is_silent = false;
	listen_set(agent, false);
	console_end_opened(&agent->end, true);
	console_end_is_ready(&agent->end);
}

static void on_connection(void *context, uint32_t events)
{
	struct agent *agent = context;
	pid_t pid;
	int fd, rc = sock_accept(agent->listen_fd, true, &fd, &pid);

	if (rc < 0) {
		if (rc != -EAGAIN)
			log_debug("agent: a connection was refused: %s", strerror(-rc));
		return;
	}
	if (agent->fd >= 0)
		client_close(agent);
	client_open(agent, fd);
}

/* ------------------------------------------------------------ for the device */

static size_t agent_write(struct console_end *end, const struct iovec *parts, unsigned int count)
{
	struct agent *agent = (struct agent *)end;
	size_t total = parts_length(parts, count);
	ssize_t n;

	if (!agent->source) /* nobody is there, or does not read any more */
		return total;
	do
		n = writev(agent->fd, parts, (int)count);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN)
		return total; /* its end is closed, as we'll hear */
	if (n < 0 || (size_t)n < total)
		client_want(agent, agent->events | EPOLLOUT);
	return n < 0 ? 0 : (size_t)n;
}

static size_t agent_read(struct console_end *end, const struct iovec *parts, unsigned int count)
{
	struct agent *agent = (struct agent *)end;
	ssize_t n;

	if (agent->fd < 0 || agent->is_silent)
		return 0;
	do
		n = readv(agent->fd, parts, (int)count);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		client_want(agent, agent->events | EPOLLIN);
	else if (n <= 0)
		agent->is_silent = true;
	if (!agent->source && !has_unread(agent))
		client_close(agent); /* heard to the end */
	return n < 0 ? 0 : (size_t)n;
}

static bool agent_is_open(struct console_end *end)
{
	return ((struct agent *)end)->fd >= 0;
}

static const struct console_end_ops agent_ops = {
	.write = agent_write,
	.read = agent_read,
	.is_open = agent_is_open,
};

/* ---------------------------------------------------------------------- life */

int agent_create(const char *path, struct loop *loop, struct agent **ret_agent, struct fail *why)
{
	AUTO_FREE struct agent *agent = calloc(1, sizeof(*agent));
	int rc;

	if (!agent)
		return fail_errno(why, ENOMEM, "cannot make the agent's socket");
	if (strlen(path) >= sizeof(agent->path))
		return fail_errno(why, ENAMETOOLONG, "cannot make the agent's socket %s", path);
	strcpy(agent->path, path);
	rc = sock_listen(path, &agent->listen_fd);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot make the agent's socket %s", path);
	rc = loop_add_fd(loop, agent->listen_fd, EPOLLIN, on_connection, agent, &agent->listen);
	if (rc < 0) {
		unlink(path);
		close(agent->listen_fd);
		return fail_errno(why, -rc, "cannot serve the agent's socket %s", path);
	}
	agent->end.ops = &agent_ops;
	agent->loop = loop;
	agent->fd = -1;
	*ret_agent = TAKE(agent);
	return 0;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	unlink(agent->path);
	loop_remove(agent->source);
	loop_remove(agent->listen);
	auto_close(&agent->fd);
	close(agent->listen_fd);
	free(agent);
}

struct console_end *agent_end(struct agent *agent)
{
	return &agent->end;
}
