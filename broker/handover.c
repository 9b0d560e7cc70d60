/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover.c - the domain and its socket, from the guest that needs a broker
 *
 * What comes is a peer's word: that it is of our user, that the domain has a name, and
 * that the socket is this domain's and takes connections is seen here.
 */
#include "broker/handover.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/parse.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "wire/broker.h"

#define PATIENCE_SECONDS 5

static int check_peer(int connection)
{
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ||
	    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	return peer.uid == geteuid() || peer.uid == 0 ? 0 : -EPERM;
}

/* Private domains have a name that begins with '@'. */
static bool domain_is_valid(const char *domain)
{
	return name_is_valid(domain[0] == '@' ? domain + 1 : domain);
}

static int check_socket(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNSPEC };
	socklen_t address_length = sizeof(address), length = sizeof(int);
	int listens = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &address_length) < 0)
		return -errno;
	if (!listens || address.sun_family != AF_UNIX ||
	    address_length <= offsetof(struct sockaddr_un, sun_path) ||
	    strncmp(address.sun_path, path, sizeof(address.sun_path)) != 0)
		return -EPROTO;
	return 0;
}

static int receive(int connection, char ret_domain[WIRE_TEXT_SIZE], int *ret_listen_fd)
{
	uint8_t bytes[WIRE_HEADER_SIZE + BROKER_START_BYTES];
	AUTO_CLOSE int listen_fd = -1;
	struct wire_header header;
	/* it is sent as one, and comes as one */
	ssize_t n = sock_read_fd(connection, bytes, sizeof(bytes), &listen_fd);
	int rc;

	if (n < 0)
		return (int)n;
	if ((size_t)n != sizeof(bytes) || listen_fd < 0)
		return -EPROTO;
	rc = wire_header_decode(bytes, BROKER_START_BYTES, &header);
	if (rc == 0 && header.type != BROKER_START)
		rc = -EPROTO;
	if (rc == 0)
		rc = broker_get_start(bytes + WIRE_HEADER_SIZE, header.length, ret_domain);
	if (rc == 0 && !domain_is_valid(ret_domain))
		rc = -EPROTO;
	if (rc == 0)
		*ret_listen_fd = TAKE_FD(listen_fd);
	return rc;
}

int handover_receive(int connection, char ret_domain[WIRE_TEXT_SIZE], int *ret_listen_fd,
		     struct fail *why)
{
	char path[RUNDIR_PATH_MAX];
	AUTO_CLOSE int listen_fd = -1;
	int rc = check_peer(connection);

	if (rc == 0)
		rc = receive(connection, ret_domain, &listen_fd);
	if (rc < 0)
		return fail_errno(why, -rc, "nobody hands over a domain here");
	rc = rundir_path(RUNDIR_DOMAINS, ret_domain, ".sock", path, why);
	if (rc < 0)
		return rc;
	rc = check_socket(listen_fd, path);
	if (rc < 0)
		return fail_errno(why, -rc, "what was handed over is not the socket %s", path);
	*ret_listen_fd = TAKE_FD(listen_fd);
	return 0;
}
