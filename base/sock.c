/* SPDX-License-Identifier: Apache-2.0 */
/* sock.c - local stream sockets, between processes of one user */
#include "base/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int sock_address(const char *path, struct sockaddr_un *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret_address->sun_path, path);
	return 0;
}

int sock_connect(const char *path, bool nonblocking, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_un address;
	int rc = sock_address(path, &address);

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (!nonblocking && fcntl(fd, F_SETFL, 0) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int sock_listen(const char *path, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	struct sockaddr_un address;
	int probe, rc = sock_address(path, &address);

	if (rc < 0)
		return rc;
	rc = sock_connect(path, true, &probe);
	if (rc == -EAGAIN)
		return -EADDRINUSE;
	if (rc == 0) {
		close(probe);
		return -EADDRINUSE;
	}
	if (rc == -ECONNREFUSED && unlink(path) < 0)
		return -errno;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* the directory is private; the mode is a second fence */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (listen(fd, SOMAXCONN) < 0) {
		rc = -errno;
		unlink(path);
		return rc;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int sock_accept(int listen_fd, bool nonblocking, int *ret_fd, pid_t *ret_pid)
{
	AUTO_CLOSE int fd = -1;
	struct ucred peer;
	socklen_t length = sizeof(peer);

	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0));
	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	if (peer.uid != geteuid() && peer.uid != 0)
		return -EPERM;
	*ret_pid = peer.pid;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int sock_write_all(int fd, const void *bytes, size_t length)
{
	const char *next = bytes;

	while (length > 0) {
		ssize_t n = send(fd, next, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		next += n;
		length -= (size_t)n;
	}
	return 0;
}

int sock_write_parts(int fd, struct iovec *parts, size_t count)
{
	while (count > 0) {
		struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (; count > 0 && (size_t)n >= parts->iov_len; parts++, count--)
			n -= (ssize_t)parts->iov_len;
		if (count > 0) {
			parts->iov_base = (char *)parts->iov_base + n;
			parts->iov_len -= (size_t)n;
		}
	}
	return 0;
}

int sock_read_all(int fd, void *bytes, size_t length)
{
	char *next = bytes;
	size_t left = length;

	while (left > 0) {
		ssize_t n = recv(fd, next, left, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return left == length ? 1 : -ECONNRESET;
		next += n;
		left -= (size_t)n;
	}
	return 0;
}

/* Room for one descriptor (two on 64-bit machines), aligned as the kernel wants it. */
union fd_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

int sock_write_fd(int fd, const void *bytes, size_t length, int pass_fd)
{
	union fd_control control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (pass_fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &pass_fd, sizeof(int));
	}
	do {
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return sock_write_all(fd, (const char *)bytes + n, length - (size_t)n);
}

/*
 * The descriptor that came along, or -1. Where there are more than one, none is what
 * the reader expects: left open, they would let a peer use up our descriptors.
 */
static int take_descriptor(struct msghdr *message)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	size_t count;
	int fds[2];

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -1;
	count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (count > ARRAY_SIZE(fds))
		count = ARRAY_SIZE(fds);
	memcpy(fds, CMSG_DATA(header), count * sizeof(int));
	if (count == 1)
		return fds[0];
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return -1;
}

ssize_t sock_read_fd(int fd, void *bytes, size_t length, int *ret_fd)
{
	union fd_control control = { 0 };
	struct iovec iov = { .iov_base = bytes, .iov_len = length };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t n;

	do {
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret_fd = take_descriptor(&message);
	return n;
}
