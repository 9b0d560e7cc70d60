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

static int no_such_guest(const char *name, struct fail *why)
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
		return no_such_guest(name, why);
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
		return no_such_guest(name, why);
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

static int client_send(struct client *client, const struct control_request *request, int pass_fd)
{
	uint8_t bytes[CONTROL_MAX_REQUEST];
	int rc = control_request_encode(request, bytes, sizeof(bytes));

	/* a few bytes into an empty socket: never partial, never waits */
	return rc < 0 ? rc : sock_write_fd(client->fd, bytes, (size_t)rc, pass_fd);
}

/* The message that answers a request. payload: CONTROL_MAX_PAYLOAD bytes. */
static int client_receive(struct client *client, uint64_t deadline_ns, uint8_t *payload,
			  struct wire_header *ret_header)
{
	uint8_t bytes[WIRE_HEADER_SIZE];
	int rc = receive_all(client->fd, bytes, WIRE_HEADER_SIZE, deadline_ns);

	if (rc == 0)
		rc = wire_header_decode(bytes, CONTROL_MAX_PAYLOAD, ret_header);
	if (rc == 0)
		rc = receive_all(client->fd, payload, ret_header->length, deadline_ns);
	return rc;
}

static int client_ask(struct client *client, const struct control_request *request, int pass_fd,
		      int timeout_ms, uint8_t *payload, struct wire_header *ret_header)
{
	uint64_t deadline_ns = deadline_after(timeout_ms);
	int rc = client_send(client, request, pass_fd);

	return rc < 0 ? rc : client_receive(client, deadline_ns, payload, ret_header);
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

int client_request_number(struct client *client, const struct control_request *request, int pass_fd,
			  int timeout_ms, struct fail *why)
{
	uint8_t payload[CONTROL_MAX_PAYLOAD];
	struct control_outcome outcome;
	struct wire_header header;
	int rc = client_ask(client, request, pass_fd, timeout_ms, payload, &header);

	if (rc == 0 && header.type != CONTROL_OUTCOME)
		rc = -EPROTO;
	if (rc == 0)
		rc = control_outcome_decode(payload, header.length, &outcome);
	if (rc < 0)
		return ask_failed(client, rc, why);
	if (outcome.error)
		return fail_set(why, (int)outcome.error, "%s", outcome.sentence);
	return 0;
}

int client_request(struct client *client, enum control_type type, int pass_fd, int timeout_ms,
		   struct fail *why)
{
	struct control_request request = { .type = type };

	return client_request_number(client, &request, pass_fd, timeout_ms, why);
}

/* The report that is on its way. */
static int report_take(struct client *client, uint64_t deadline_ns,
		       struct control_report *ret_report, struct fail *why)
{
	uint8_t payload[CONTROL_MAX_PAYLOAD];
	struct wire_header header;
	int rc = client_receive(client, deadline_ns, payload, &header);

	if (rc == 0 && header.type != CONTROL_REPORT_REPLY)
		rc = -EPROTO;
	if (rc == 0)
		rc = control_report_decode(payload, header.length, ret_report);
	return rc < 0 ? ask_failed(client, rc, why) : 0;
}

static int report_ask(struct client *client, struct fail *why)
{
	struct control_request request = { .type = CONTROL_REPORT };
	int rc = client_send(client, &request, -1);

	return rc < 0 ? ask_failed(client, rc, why) : 0;
}

int client_report(struct client *client, struct control_report *ret_report, struct fail *why)
{
	int rc = report_ask(client, why);

	return rc < 0 ? rc
		      : report_take(client, deadline_after(CLIENT_TIMEOUT_MS), ret_report, why);
}

int client_history(struct client *client, struct history *ret_history, struct fail *why)
{
	struct control_request request = { .type = CONTROL_HISTORY };
	uint8_t payload[CONTROL_MAX_PAYLOAD];
	struct control_outcome outcome;
	struct wire_header header;
	int rc = client_ask(client, &request, -1, CLIENT_TIMEOUT_MS, payload, &header);

	if (rc == 0 && header.type == CONTROL_HISTORY_REPLY)
		rc = history_decode(payload, header.length, ret_history);
	else if (rc == 0)
		rc = header.type == CONTROL_OUTCOME
			     ? control_outcome_decode(payload, header.length, &outcome)
			     : -EPROTO;
	if (rc == 0 && header.type == CONTROL_OUTCOME)
		return fail_set(why, outcome.error ? (int)outcome.error : EPROTO, "%s",
				outcome.sentence);
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

/* Who has gone is nobody; who does not answer is counted, and named. */
static void survey_miss(struct client_survey *survey, int rc, const struct fail *why)
{
	if (rc == -ENOENT || rc == -ECONNRESET)
		return;
	survey->silent++;
	log_warn("%s", why->text);
}

/* Up to CLIENT_SURVEY guests: first all are asked, then all answers are taken. */
static void survey_some(char *const *names, size_t count, uint64_t deadline_ns,
			struct client_survey *survey)
{
	struct client clients[CLIENT_SURVEY];
	struct fail why;
	int rc;

	for (size_t i = 0; i < count; i++) {
		clients[i] = (struct client)CLIENT_NONE;
		rc = client_connect(names[i], &clients[i], &why);
		if (rc == 0)
			rc = report_ask(&clients[i], &why);
		if (rc < 0) {
			survey_miss(survey, rc, &why);
			client_close(&clients[i]);
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (clients[i].fd < 0)
			continue;
		rc = report_take(&clients[i], deadline_ns, &survey->reports[survey->count], &why);
		if (rc == 0)
			survey->count++;
		else
			survey_miss(survey, rc, &why);
		client_close(&clients[i]);
	}
}

int client_survey(uint64_t deadline_ns, struct client_survey *ret_survey, struct fail *why)
{
	uint64_t patience_ns = deadline_ns - now_ns();
	struct client_survey survey = { 0 };
	char **names;
	size_t name_count;
	int rc = rundir_names(RUNDIR_GUESTS, &names, &name_count, why);

	if (rc < 0)
		return rc;
	survey.reports = calloc(name_count + 1, sizeof(*survey.reports));
	for (size_t i = 0; survey.reports && i < name_count; i += CLIENT_SURVEY) {
		size_t left = name_count - i;

		survey_some(names + i, left < CLIENT_SURVEY ? left : CLIENT_SURVEY,
			    i == 0 ? deadline_ns : now_ns() + patience_ns, &survey);
	}
	rundir_names_free(names, name_count);
	if (!survey.reports)
		return fail_errno(why, ENOMEM, "cannot list the guests");
	*ret_survey = survey;
	return 0;
}

int client_report_all(struct control_report **ret_reports, size_t *ret_count, struct fail *why)
{
	struct client_survey survey;
	int rc = client_survey(deadline_after(CLIENT_TIMEOUT_MS), &survey, why);

	if (rc < 0)
		return rc;
	*ret_reports = survey.reports;
	*ret_count = survey.count;
	return 0;
}
