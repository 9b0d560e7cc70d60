/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - the command line's end of a guest's control socket */
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "vmm/control.h"

/* <sys/pidfd.h> is younger than the oldest libc that we build with. */
static int pidfd_open_process(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int pidfd_kill(int pidfd)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

/*
 * The process is the socket's peer only if the connection still stands after the
 * pidfd was made: a peer that is gone may have left its number to another process.
 */
static int client_hold_process(struct client *client)
{
	struct pollfd connection = { .fd = client->fd };
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	client->pid = peer.pid;
	client->pidfd = pidfd_open_process(peer.pid);
	if (client->pidfd < 0)
		return errno == ESRCH ? -ECONNREFUSED : -errno;
	if (poll(&connection, 1, 0) < 0)
		return -errno;
	return connection.revents & (POLLHUP | POLLERR) ? -ECONNREFUSED : 0;
}

int client_no_such_guest(const char *name, struct fail *why)
{
	return fail_set(why, ENOENT, "no guest named '%s' is running (samepage ps lists them)",
			name);
}

int client_connect(const char *name, struct client *ret_client, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	char path[RUNDIR_PATH_MAX];
	int rc;

	/* also keeps a name like ../x from leaving the directory */
	if (name[0] == '.' || strchr(name, '/') || strlen(name) >= sizeof(client.name))
		return client_no_such_guest(name, why);
	rc = rundir_path(RUNDIR_GUESTS, name, ".sock", path, why);
	if (rc < 0)
		return rc;
	strcpy(client.name, name);
	rc = sock_connect(path, true, &client.fd);
	if (rc == 0)
		rc = client_hold_process(&client);
	if (rc == -ECONNREFUSED)
		control_sweep(name);
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return client_no_such_guest(name, why);
	if (rc == -EAGAIN)
		return fail_set(why, ETIMEDOUT, "guest '%s' does not answer", name);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot reach guest '%s'", name);
	*ret_client = client;
	client = (struct client)CLIENT_NONE;
	return 0;
}

void client_close(struct client *client)
{
	auto_close(&client->fd);
	auto_close(&client->pidfd);
	client->fd = -1;
	client->pidfd = -1;
}

/* Waits until fd is ready; deadline_ns 0: for ever. */
static int wait_ready(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = now_ns();
		int timeout = -1, n;

		if (deadline_ns)
			timeout =
				deadline_ns > now ? (int)((deadline_ns - now) / NS_PER_MS) + 1 : 0;
		n = poll(&poll_fd, 1, timeout);
		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static uint64_t deadline_after(int timeout_ms)
{
	return timeout_ms < 0 ? 0 : now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
}

static int receive_all(int fd, uint8_t *bytes, size_t length, uint64_t deadline_ns)
{
	while (length > 0) {
		ssize_t n;
		int rc = wait_ready(fd, POLLIN, deadline_ns);

		if (rc < 0)
			return rc;
		n = recv(fd, bytes, length, 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

/* A few bytes into an empty socket: never partial, never waits. */
static int client_send(struct client *client, const struct control_request *request, int pass_fd)
{
	uint8_t bytes[CONTROL_MAX_REQUEST];
	int rc = control_request_encode(request, bytes, sizeof(bytes));

	return rc < 0 ? rc : sock_write_fd(client->fd, bytes, (size_t)rc, pass_fd);
}

/* payload: CONTROL_MAX_PAYLOAD bytes. */
static int client_receive(struct client *client, uint64_t deadline_ns, uint8_t *payload,
			  struct wire_header *ret_header)
{
	uint8_t bytes[WIRE_HEADER_SIZE];
	int rc = receive_all(client->fd, bytes, sizeof(bytes), deadline_ns);

	if (rc == 0)
		rc = wire_header_decode(bytes, CONTROL_MAX_PAYLOAD, ret_header);
	if (rc == 0)
		rc = receive_all(client->fd, payload, ret_header->length, deadline_ns);
	return rc;
}

static int ask_failed(const struct client *client, int rc, struct fail *why)
{
	switch (-rc) {
	case ETIMEDOUT:
		return fail_set(why, ETIMEDOUT, "guest '%s' (process %d) does not answer",
				client->name, (int)client->pid);
	case ECONNRESET:
	case EPIPE:
		return fail_set(why, ECONNRESET, "guest '%s' ended meanwhile", client->name);
	case EPROTO:
		return fail_set(why, EPROTO,
				"guest '%s' answers in a way that is not understood: does it run "
				"another version of samepage?",
				client->name);
	default:
		return fail_errno(why, -rc, "cannot talk to guest '%s'", client->name);
	}
}

/* Sends the request and takes its answer. payload: CONTROL_MAX_PAYLOAD bytes. */
static int client_ask(struct client *client, const struct control_request *request, int pass_fd,
		      int timeout_ms, uint8_t *payload, struct wire_header *ret_header)
{
	int rc = client_send(client, request, pass_fd);

	return rc < 0 ? rc
		      : client_receive(client, deadline_after(timeout_ms), payload, ret_header);
}

/* What an answer that is an outcome says. */
static int outcome_take(const struct client *client, const struct wire_header *header,
			const uint8_t *payload, struct fail *why)
{
	struct control_outcome outcome;
	int rc = header->type == CONTROL_OUTCOME
			 ? control_outcome_decode(payload, header->length, &outcome)
			 : -EPROTO;

	if (rc < 0)
		return ask_failed(client, rc, why);
	return outcome.error ? fail_set(why, (int)outcome.error, "%s", outcome.sentence) : 0;
}

int client_request_number(struct client *client, const struct control_request *request, int pass_fd,
			  int timeout_ms, struct fail *why)
{
	uint8_t payload[CONTROL_MAX_PAYLOAD];
	struct wire_header header;
	int rc = client_ask(client, request, pass_fd, timeout_ms, payload, &header);

	return rc < 0 ? ask_failed(client, rc, why) : outcome_take(client, &header, payload, why);
}

int client_request(struct client *client, enum control_type type, int pass_fd, int timeout_ms,
		   struct fail *why)
{
	struct control_request request = { .type = type };

	return client_request_number(client, &request, pass_fd, timeout_ms, why);
}

static const struct control_request report_request = { .type = CONTROL_REPORT };

/* What a report request is answered with. */
static int client_receive_report(struct client *client, uint64_t deadline_ns,
				 struct control_report *ret_report)
{
	uint8_t payload[CONTROL_MAX_PAYLOAD];
	struct wire_header header;
	int rc = client_receive(client, deadline_ns, payload, &header);

	if (rc == 0 && header.type != CONTROL_REPORT_REPLY)
		rc = -EPROTO;
	if (rc == 0)
		rc = control_report_decode(payload, header.length, ret_report);
	return rc;
}

int client_report(struct client *client, struct control_report *ret_report, struct fail *why)
{
	int rc = client_send(client, &report_request, -1);

	if (rc == 0)
		rc = client_receive_report(client, deadline_after(CLIENT_TIMEOUT_MS), ret_report);
	return rc < 0 ? ask_failed(client, rc, why) : 0;
}

int client_history(struct client *client, struct history *ret_history, struct fail *why)
{
	struct control_request request = { .type = CONTROL_HISTORY };
	uint8_t payload[CONTROL_MAX_PAYLOAD];
	struct wire_header header;
	int rc = client_ask(client, &request, -1, CLIENT_TIMEOUT_MS, payload, &header);

	if (rc == 0 && header.type != CONTROL_HISTORY_REPLY) {
		rc = outcome_take(client, &header, payload, why);
		if (rc < 0)
			return rc;
		rc = -EPROTO; /* well, but where is the history? */
	}
	if (rc == 0)
		rc = history_decode(payload, header.length, ret_history);
	return rc < 0 ? ask_failed(client, rc, why) : 0;
}

int client_wait_end(struct client *client, int timeout_ms)
{
	return wait_ready(client->pidfd, POLLIN, deadline_after(timeout_ms));
}

static int client_kill(struct client *client, struct fail *why)
{
	int rc = pidfd_kill(client->pidfd) < 0 && errno != ESRCH ? -errno : 0;

	if (rc == 0)
		rc = client_wait_end(client, CLIENT_TIMEOUT_MS);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot kill guest '%s' (process %d)", client->name,
				  (int)client->pid);
	control_sweep(client->name);
	return 0;
}

int client_end(struct client *client, struct fail *why)
{
	int rc = client_request(client, CONTROL_QUIT, -1, CLIENT_TIMEOUT_MS, why);

	if ((rc == 0 || rc == -ECONNRESET) && client_wait_end(client, CLIENT_END_MS) == 0)
		return 0;
	return client_kill(client, why);
}

/* So many are asked at the same time: each takes two descriptors. */
#define ROLL_CALL_BATCH 256

/* Who has ended is not missed. */
static void roll_add_silent(struct client_roll *roll, const char *name, int rc,
			    const struct fail *why)
{
	struct client_silent *silent = &roll->silent[roll->silent_count];

	if (rc == -ENOENT || rc == -ECONNRESET)
		return;
	snprintf(silent->name, sizeof(silent->name), "%s", name);
	silent->why = *why;
	roll->silent_count++;
}

static void roll_take_answer(struct client_roll *roll, struct client *client, uint64_t deadline_ns)
{
	struct fail why;
	int rc = client_receive_report(client, deadline_ns, &roll->reports[roll->count]);

	if (rc == 0)
		roll->count++;
	else
		roll_add_silent(roll, client->name, ask_failed(client, rc, &why), &why);
}

static int roll_ask(const char *name, struct client *ret_client, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	if (rc < 0)
		return rc;
	rc = client_send(&client, &report_request, -1);
	if (rc < 0)
		return ask_failed(&client, rc, why);
	*ret_client = client;
	client = (struct client)CLIENT_NONE;
	return 0;
}

/* All are asked before the first answer is waited for, so that all have the same time. */
static void roll_call_batch(struct client_roll *roll, char **names, size_t count, int timeout_ms)
{
	struct client clients[ROLL_CALL_BATCH];
	uint64_t deadline_ns = deadline_after(timeout_ms);
	size_t asked = 0;

	for (size_t i = 0; i < count; i++) {
		struct fail why;
		int rc = roll_ask(names[i], &clients[asked], &why);

		if (rc == 0)
			asked++;
		else
			roll_add_silent(roll, names[i], rc, &why);
	}
	for (size_t i = 0; i < asked; i++) {
		roll_take_answer(roll, &clients[i], deadline_ns);
		client_close(&clients[i]);
	}
}

int client_roll_call(int timeout_ms, struct client_roll *ret_roll, struct fail *why)
{
	struct client_roll roll = { 0 };
	char **names;
	size_t count;
	int rc = rundir_names(RUNDIR_GUESTS, &names, &count, why);

	if (rc < 0)
		return rc;
	roll.reports = calloc(count + 1, sizeof(*roll.reports));
	roll.silent = calloc(count + 1, sizeof(*roll.silent));
	if (roll.reports && roll.silent) {
		for (size_t i = 0; i < count; i += ROLL_CALL_BATCH) {
			size_t left = count - i;

			roll_call_batch(&roll, names + i,
					left < ROLL_CALL_BATCH ? left : ROLL_CALL_BATCH,
					timeout_ms);
		}
		*ret_roll = roll;
	} else {
		client_roll_done(&roll);
		rc = fail_errno(why, ENOMEM, "cannot list the guests");
	}
	rundir_names_free(names, count);
	return rc;
}

void client_roll_done(struct client_roll *roll)
{
	free(roll->reports);
	free(roll->silent);
	*roll = (struct client_roll){ 0 };
}

int client_report_all(struct control_report **ret_reports, size_t *ret_count, struct fail *why)
{
	struct client_roll roll;
	int rc = client_roll_call(CLIENT_TIMEOUT_MS, &roll, why);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < roll.silent_count; i++)
		log_warn("%s", roll.silent[i].why.text);
	*ret_reports = TAKE(roll.reports);
	*ret_count = roll.count;
	client_roll_done(&roll);
	return 0;
}
