/* SPDX-License-Identifier: Apache-2.0 */
/* listen_address.c - where to listen, as people type it */
#include "cli/listen_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define BACKLOG 64

static bool address_set(struct listen_address *address, const char *host, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(&address->socket, &v4, sizeof(v4));
		address->length = sizeof(v4);
		snprintf(address->text, sizeof(address->text), "%.46s:%u", host, port);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		memcpy(&address->socket, &v6, sizeof(v6));
		address->length = sizeof(v6);
		snprintf(address->text, sizeof(address->text), "[%.46s]:%u", host, port);
		return true;
	}
	return false;
}

/* Splits the text: host is what is before the port, without brackets; port NULL: none. */
static bool text_split(char *text, char **ret_host, char **ret_port)
{
	char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	char *colon = strchr(text, ':');

	if (end) {
		*end = '\0';
		*ret_host = text + 1;
		*ret_port = end[1] == ':' ? end + 2 : NULL;
		return end[1] == ':' || end[1] == '\0';
	}
	*ret_host = text;
	*ret_port = NULL;
	if (colon && !strchr(colon + 1, ':')) { /* more of them: IPv6 without a port */
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return true;
}

int listen_address_parse(const char *text, uint16_t default_port,
			 struct listen_address *ret_address, struct fail *why)
{
	struct listen_address address;
	char copy[64], *host, *port_text;
	uint64_t port = default_port;
	bool is_good = strlen(text) < sizeof(copy);

	if (is_good) {
		strcpy(copy, text);
		is_good = text_split(copy, &host, &port_text) &&
			  (!port_text || parse_number(port_text, 0, UINT16_MAX, &port) == 0) &&
			  address_set(&address, *host ? host : "127.0.0.1", (uint16_t)port);
	}
	if (!is_good)
		return fail_set(
			why, EINVAL,
			"'%s' is no address to listen at: write 127.0.0.1:9733, [::1]:9733, or "
			"one without its port",
			text);
	*ret_address = address;
	return 0;
}

/* What the kernel has made of port 0. */
static int address_refresh(struct listen_address *address, int fd)
{
	char host[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket;
	bool is_v4 = address->socket.ss_family == AF_INET;

	if (getsockname(fd, (struct sockaddr *)&address->socket, &address->length) < 0)
		return -errno;
	if (!inet_ntop(address->socket.ss_family,
		       is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr, host,
		       sizeof(host)))
		return -errno;
	snprintf(address->text, sizeof(address->text), is_v4 ? "%s:%u" : "[%s]:%u", host,
		 ntohs(is_v4 ? v4->sin_port : v6->sin6_port));
	return 0;
}

int listen_address_open(struct listen_address *address, int *ret_fd, struct fail *why)
{
	int on = 1, rc = 0;
	AUTO_CLOSE int fd =
		socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail_errno(why, errno, "cannot make a socket for %s", address->text);
	/* an old connection that lingers must not keep a new start off */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&address->socket, address->length) < 0 ||
	    listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc == 0)
		rc = address_refresh(address, fd);
	if (rc == -EADDRINUSE)
		return fail_set(why, EADDRINUSE,
				"somebody listens at %s already: choose another port",
				address->text);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot listen at %s", address->text);
	*ret_fd = TAKE_FD(fd);
	return 0;
}
