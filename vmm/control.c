/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c - a guest's control socket: it holds the guest's name and serves requests
 *
 * Binding, and deciding that a socket is stale, need more than one system call:
 * both are done with a lock on the directory of the sockets. The lock leaves no
 * file behind, and ends with its holder.
 *
 * A client is read until it has sent a request; then that is carried out and its
 * answer queued. Nothing more is read from it until the answer is gone, so it can't
 * make us hold more than one answer.
 */
#include "vmm/control.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/rundir.h"
#include "base/sock.h"

/* One connection. All fields belong to the loop's thread. */
struct client {
	struct control *control;
	struct client *next; /* in control->clients, newest first */
	struct loop_source *source;
	struct loop_source *deadline; /* armed while a request or answer is in part */
	int fd;
	int passed_fd;		 /* came with the request at hand, or -1 */
	size_t received, wanted; /* of the request; wanted grows behind its header */
	uint8_t request[CONTROL_MAX_REQUEST];
	size_t answer_length, sent; /* answer_length 0: no answer under way */
	uint8_t answer[CONTROL_MAX_MESSAGE];
};

struct control {
	char path[RUNDIR_PATH_MAX];
	int listen_fd;
	struct loop *loop;
	struct loop_source *source;
	const struct control_ops *ops;
	void *context;
	struct client *clients;
	unsigned int client_count;
};

int control_claim(const char *name, struct control **ret_control, struct fail *why)
{
	AUTO_FREE struct control *control = calloc(1, sizeof(*control));
	AUTO_CLOSE int lock_fd = -1;
	int rc;

	if (!control)
		return fail_errno(why, ENOMEM, "cannot make the control socket of guest '%s'",
				  name);
	rc = rundir_path(RUNDIR_GUESTS, name, ".sock", control->path, why);
	if (rc == 0)
		rc = rundir_lock(RUNDIR_GUESTS, true, &lock_fd, why);
	if (rc < 0)
		return rc;
	rc = sock_listen(control->path, &control->listen_fd);
	if (rc == -EADDRINUSE)
		return fail_set(why, EADDRINUSE,
				"a guest named '%s' is already running: choose another --name",
				name);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot make the control socket %s", control->path);
	*ret_control = TAKE(control);
	return 0;
}

void control_sweep(const char *name)
{
	char path[RUNDIR_PATH_MAX], log_path[RUNDIR_PATH_MAX], agent_path[RUNDIR_PATH_MAX];
	AUTO_CLOSE int lock_fd = -1;
	AUTO_CLOSE int probe_fd = -1;
	struct fail why;
	struct stat st;

	if (rundir_path(RUNDIR_GUESTS, name, ".sock", path, &why) < 0 ||
	    rundir_path(RUNDIR_GUESTS, name, ".log", log_path, &why) < 0 ||
	    rundir_path(RUNDIR_GUESTS, name, ".agent", agent_path, &why) < 0 ||
	    rundir_lock(RUNDIR_GUESTS, true, &lock_fd, &why) < 0)
		return;
	if (sock_connect(path, true, &probe_fd) != -ECONNREFUSED)
		return;
	unlink(path);
	unlink(agent_path);
	if (lstat(log_path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		unlink(log_path);
}

static void client_free(struct client *client)
{
	struct control *control = client->control;
	struct client **link = &control->clients;

	while (*link && *link != client)
		link = &(*link)->next;
	if (*link) {
		*link = client->next;
		control->client_count--;
	}
	loop_remove(client->source);
	loop_remove(client->deadline);
	auto_close(&client->fd);
	auto_close(&client->passed_fd);
	free(client);
}

static void on_client_deadline(void *context)
{
	client_free(context);
}

/* Requests that come with a file for the answer. */
static int file_fill(struct client *client, const struct control_request *request, struct fail *why)
{
	const struct control_ops *ops = client->control->ops;
	void *context = client->control->context;
	int fd = client->passed_fd;

	if (fd < 0)
		return fail_set(why, EPROTO, "no file came with the request");
	if (request->type == CONTROL_CENSUS)
		return ops->census(context, fd, why);
	if (request->type == CONTROL_DEFINITION)
		return ops->definition(context, fd, why);
	if (request->type == CONTROL_READ_PAGES)
		return ops->read_pages(context, request->number, fd, why);
	return ops->dump_ram(context, fd, why);
}

/* What the ops say, as a message. Returns its length or -EMSGSIZE. */
static int request_carry_out(struct client *client, const struct control_request *request)
{
	const struct control_ops *ops = client->control->ops;
	void *context = client->control->context;
	struct control_outcome outcome = { 0 };
	struct control_report report = { 0 };
	struct history history;
	struct fail why = { "" };
	int rc = -EPROTO;

	switch (request->type) {
	case CONTROL_REPORT:
		rc = ops->report(context, &report, &why);
		if (rc == 0)
			return control_report_encode(&report, client->answer,
						     sizeof(client->answer));
		break;
	case CONTROL_HISTORY:
		rc = ops->history(context, &history, &why);
		if (rc == 0)
			return history_encode(&history, CONTROL_HISTORY_REPLY, client->answer,
					      sizeof(client->answer));
		break;
	case CONTROL_POWER_BUTTON:
		rc = ops->power_button(context, &why);
		break;
	case CONTROL_QUIT:
		rc = ops->quit(context, &why);
		break;
	case CONTROL_PAUSE:
		rc = ops->pause(context, &why);
		break;
	case CONTROL_RESUME:
		rc = ops->resume(context, &why);
		break;
	case CONTROL_DUMP_RAM:
	case CONTROL_CENSUS:
	case CONTROL_DEFINITION:
	case CONTROL_READ_PAGES:
		rc = file_fill(client, request, &why);
		break;
	case CONTROL_CONSOLE:
		if (client->passed_fd < 0)
			fail_set(&why, EPROTO, "no socket came with the request");
		else
			rc = ops->console(context, request->number, client->passed_fd, &why);
		break;
	case CONTROL_BALLOON:
		rc = ops->balloon(context, request->number, &why);
		break;
	case CONTROL_OUTCOME:
	case CONTROL_REPORT_REPLY:
	case CONTROL_HISTORY_REPLY:
		assert(!"control_request_decode() lets no answer pass");
	}
	outcome.error = (uint32_t)-rc;
	if (rc < 0)
		snprintf(outcome.sentence, sizeof(outcome.sentence), "%s", why.text);
	return control_outcome_encode(&outcome, client->answer, sizeof(client->answer));
}

/* Sends what the socket takes. 1: all gone, 0: more to send, -errno: drop the client. */
static int client_send(struct client *client)
{
	while (client->sent < client->answer_length) {
		ssize_t n = send(client->fd, client->answer + client->sent,
				 client->answer_length - client->sent, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		client->sent += (size_t)n;
	}
	client->answer_length = 0;
	client->sent = 0;
	return 1;
}

/* 1: a whole request is there, 0: not yet, -errno: drop the client. */
static int client_receive(struct client *client, struct control_request *ret_request)
{
	int fd = -1, rc;
	ssize_t n = sock_read_fd(client->fd, client->request + client->received,
				 client->wanted - client->received, &fd);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return n < 0 ? (int)n : -ECONNRESET;
	if (fd >= 0) {
		auto_close(&client->passed_fd);
		client->passed_fd = fd;
	}
	client->received += (size_t)n;
	rc = control_request_decode(client->request, client->received, ret_request);
	if (rc < 0)
		return rc;
	client->wanted = (size_t)rc;
	return client->received == client->wanted;
}

/* Whole request -> answer under way. -errno: drop the client. */
static int client_answer(struct client *client, const struct control_request *request)
{
	int rc = request_carry_out(client, request);

	if (rc < 0)
		return rc;
	client->answer_length = (size_t)rc;
	client->received = 0;
	client->wanted = WIRE_HEADER_SIZE;
	auto_close(&client->passed_fd);
	client->passed_fd = -1;
	return 0;
}

/* One step; what is left to do comes back as the events to wait for. */
static int client_step(struct client *client, uint32_t *ret_events)
{
	struct control_request request;
	int rc = 0;

	if (client->answer_length == 0) {
		rc = client_receive(client, &request);
		if (rc > 0)
			rc = client_answer(client, &request);
	}
	if (rc >= 0 && client->answer_length > 0)
		rc = client_send(client);
	*ret_events = client->answer_length > 0 ? EPOLLOUT : EPOLLIN;
	return rc;
}

static void on_client(void *context, uint32_t due)
{
	struct client *client = context;
	bool is_idle;
	uint32_t events;

	if (client_step(client, &events) < 0 || loop_set_events(client->source, events) < 0) {
		client_free(client);
		return;
	}
	is_idle = client->received == 0 && client->answer_length == 0;
	loop_arm(client->deadline, is_idle ? 0 : CONTROL_CLIENT_DEADLINE_NS);
}

static void client_drop_oldest(struct control *control)
{
	struct client *client = control->clients;

	while (client->next)
		client = client->next;
	client_free(client);
}

static int client_create(struct control *control, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	int rc;

	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	client->control = control;
	client->fd = fd;
	client->passed_fd = -1;
	client->wanted = WIRE_HEADER_SIZE;
	rc = loop_add_timer(control->loop, on_client_deadline, client, &client->deadline);
	if (rc == 0)
		rc = loop_add_fd(control->loop, fd, EPOLLIN, on_client, client, &client->source);
	if (rc < 0) {
		client_free(client);
		return rc;
	}
	client->next = control->clients;
	control->clients = client;
	control->client_count++;
	return 0;
}

static void on_connection(void *context, uint32_t due)
{
	struct control *control = context;
	pid_t pid;
	int fd, rc = sock_accept(control->listen_fd, true, &fd, &pid);

	if (rc == 0) {
		if (control->client_count == CONTROL_MAX_CLIENTS)
			client_drop_oldest(control);
		rc = client_create(control, fd);
	}
	if (rc < 0 && rc != -EAGAIN)
		log_debug("control: a connection was refused: %s", strerror(-rc));
}

int control_serve(struct control *control, struct loop *loop, const struct control_ops *ops,
		  void *context, struct fail *why)
{
	int rc;

	assert(!control->source);
	control->loop = loop;
	control->ops = ops;
	control->context = context;
	rc = loop_add_fd(loop, control->listen_fd, EPOLLIN, on_connection, control,
			 &control->source);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot serve the control socket %s", control->path);
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	/* first the name, while it is still ours: after close() another guest may take it */
	unlink(control->path);
	while (control->clients)
		client_free(control->clients);
	loop_remove(control->source);
	close(control->listen_fd);
	free(control);
}
