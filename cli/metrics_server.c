/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_server.c - serves the exposition over HTTP
 *
 * libmicrohttpd has no thread here: it has an epoll descriptor, which our loop watches, and a
 * timeout, for which our loop has a timer. A request is answered at once: to gather a report
 * takes six seconds at most, however many guests hang, and others wait meanwhile. Several
 * scrapers, or one that asks as fast as it can, get what is younger than a second from here
 * and cost the guests nothing.
 */
#include "cli/metrics_server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/exposition.h"
#include "cli/http_library.h"

#define FRESH_NS	   NS_PER_SEC
#define CONNECTIONS_MAX	   64u
#define CONNECTION_SECONDS 10u
#define CONNECTION_BYTES   (16u << 10) /* of a request; an answer is elsewhere */

struct metrics_server {
	const struct http_library *http;
	const struct call *call; /* of which guests */
	struct MHD_Daemon *daemon;
	struct loop_source *source;
	struct loop_source *timer;
	char *text; /* the last exposition; NULL: none was made */
	size_t text_length;
	uint64_t text_ns; /* when it was made */
};

static const char front_page[] = "<!DOCTYPE html>\n<html lang=\"en\"><title>samepage</title>\n"
				 "<p>samepage: <a href=\"/metrics\">metrics</a></p></html>\n";

/* Of what is said to no purpose, such as that a client went away. */
static void on_complaint(void *context, const char *format, va_list arguments)
{
	char line[256];

	if (!log_debug_enabled(__FILE__))
		return;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line);
}

/* Makes the exposition anew where it is not fresh. */
static int text_refresh(struct metrics_server *server, struct fail *why)
{
	AUTO_FREE char *text = NULL;
	size_t length = 0;
	FILE *to;
	int rc;

	if (server->text && now_ns() - server->text_ns < FRESH_NS)
		return 0;
	to = open_memstream(&text, &length);
	if (!to)
		return fail_errno(why, errno, "cannot make the metrics");
	rc = exposition_collect(server->call, to, why);
	if (fclose(to) != 0 && rc == 0)
		rc = fail_errno(why, ENOMEM, "cannot make the metrics");
	if (rc < 0)
		return rc;
	free(server->text);
	server->text = TAKE(text);
	server->text_length = length;
	server->text_ns = now_ns();
	return 0;
}

struct answer {
	unsigned int status;
	const char *type;
	const char *text;
	size_t length;
};

static struct answer answer_words(unsigned int status, const char *text)
{
	return (struct answer){ status, "text/plain; charset=utf-8", text, strlen(text) };
}

static struct answer answer_metrics(struct metrics_server *server)
{
	struct fail why;

	if (text_refresh(server, &why) < 0) {
		log_error("%s", why.text);
		return answer_words(MHD_HTTP_INTERNAL_SERVER_ERROR,
				    "the guests cannot be asked: the log says why\n");
	}
	return (struct answer){ MHD_HTTP_OK, EXPOSITION_TYPE, server->text, server->text_length };
}

static struct answer answer_find(struct metrics_server *server, const char *path)
{
	if (strcmp(path, "/metrics") == 0)
		return answer_metrics(server);
	if (strcmp(path, "/") == 0)
		return (struct answer){ MHD_HTTP_OK, "text/html; charset=utf-8", front_page,
					sizeof(front_page) - 1 };
	return answer_words(MHD_HTTP_NOT_FOUND, "there is only /metrics\n");
}

static enum MHD_Result answer_queue(const struct http_library *http,
				    struct MHD_Connection *connection, const struct answer *answer)
{
	enum MHD_Result result = MHD_NO;
	struct MHD_Response *response = http->create_response_from_buffer(
		answer->length, (void *)(uintptr_t)answer->text, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	if (http->add_response_header(response, "Content-Type", answer->type) == MHD_YES &&
	    (answer->status != MHD_HTTP_METHOD_NOT_ALLOWED ||
	     http->add_response_header(response, "Allow", "GET, HEAD") == MHD_YES))
		result = http->queue_response(connection, answer->status, response);
	http->destroy_response(response);
	return result;
}

static bool only_reads(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/*
 * On the loop's thread, from MHD_run(). Called first for the head of a request, when an
 * answer closes the connection, which keeps bodies out; then for what follows it.
 */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *body, size_t *body_length, void **connection_context)
{
	static char is_second; /* only its address counts */
	struct metrics_server *server = context;
	struct answer answer;

	if (*body_length > 0)
		return MHD_NO;
	if (only_reads(method) && *connection_context != &is_second) {
		*connection_context = &is_second;
		return MHD_YES;
	}
	answer = only_reads(method)
			 ? answer_find(server, path)
			 : answer_words(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	return answer_queue(server->http, connection, &answer);
}

static void server_run(struct metrics_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	server->http->run(server->daemon);
	/* 0 would disarm */
	if (server->http->get_timeout(server->daemon, &timeout_ms) == MHD_YES)
		loop_arm(server->timer, timeout_ms > 0 ? timeout_ms * NS_PER_MS : 1);
	else
		loop_arm(server->timer, 0);
}

static void on_event(void *context, uint32_t events)
{
	server_run(context);
}

static void on_timer(void *context)
{
	server_run(context);
}

/* Takes listen_fd over. */
static int server_start(struct metrics_server *server, struct loop *loop, int listen_fd)
{
	const union MHD_DaemonInfo *epoll;
	int rc;

	server->daemon = server->http->start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, server,
		MHD_OPTION_EXTERNAL_LOGGER, on_complaint, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		CONNECTION_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_END);
	if (!server->daemon) {
		close(listen_fd);
		return -ENOMEM;
	}
	epoll = server->http->get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!epoll)
		return -ENOSYS;
	rc = loop_add_timer(loop, on_timer, server, &server->timer);
	if (rc == 0)
		rc = loop_add_fd(loop, epoll->epoll_fd, EPOLLIN, on_event, server, &server->source);
	return rc;
}

int metrics_server_create(struct loop *loop, struct listen_address *address,
			  const struct call *call, struct metrics_server **ret_server,
			  struct fail *why)
{
	struct metrics_server *server;
	const struct http_library *http;
	int fd = -1, rc = http_library_load(&http, why);

	if (rc == 0)
		rc = listen_address_open(address, &fd, why);
	if (rc < 0)
		return rc;
	server = calloc(1, sizeof(*server));
	if (!server) {
		close(fd);
		return fail_errno(why, ENOMEM, "cannot serve metrics");
	}
	server->http = http;
	server->call = call;
	rc = server_start(server, loop, fd);
	if (rc < 0) {
		metrics_server_free(server);
		return fail_errno(why, -rc, "cannot serve metrics at %s", address->text);
	}
	*ret_server = server;
	return 0;
}

void metrics_server_free(struct metrics_server *server)
{
	if (!server)
		return;
	loop_remove(server->source);
	loop_remove(server->timer);
	if (server->daemon)
		server->http->stop_daemon(server->daemon);
	free(server->text);
	free(server);
}
