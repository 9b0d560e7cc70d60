/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock.h - local stream sockets, between processes of one user
 *
 * All descriptors are close-on-exec. Errors are -errno.
 */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/auto.h"

/*
 * Binds and listens with mode 0600. A stale socket (nobody answers) is replaced;
 * -EADDRINUSE where somebody answers. Two callers for one path need a lock.
 */
CHECKED int sock_listen(const char *path, int *ret_fd);

/*
 * -ENOENT or -ECONNREFUSED: nobody there; -EAGAIN: somebody is, but takes no more
 * connections. Never waits. The connection is blocking, or not as asked.
 */
CHECKED int sock_connect(const char *path, bool nonblocking, int *ret_fd);

/*
 * Takes one connection; it is blocking, or not as asked. A peer of another user
 * (SO_PEERCRED) is refused with -EPERM. -EAGAIN: nobody waits.
 */
CHECKED int sock_accept(int listen_fd, bool nonblocking, int *ret_fd, pid_t *ret_pid);

/*
 * Whole buffer or error, on a blocking socket. sock_read_all: -ECONNRESET where
 * the peer closed in the middle, 1 where it closed before the first byte.
 */
CHECKED int sock_write_all(int fd, const void *bytes, size_t length);
CHECKED int sock_read_all(int fd, void *bytes, size_t length);

/* The parts one after the other; changes them. */
CHECKED int sock_write_parts(int fd, struct iovec *parts, size_t count);

/*
 * A buffer with one descriptor on its first byte (pass_fd < 0: none). Blocking.
 */
CHECKED int sock_write_fd(int fd, const void *bytes, size_t length, int pass_fd);

/*
 * Up to length bytes, and a descriptor where one came along (else -1). Returns
 * the count, 0 at the end of the stream. The caller owns *ret_fd.
 */
CHECKED ssize_t sock_read_fd(int fd, void *bytes, size_t length, int *ret_fd);

#endif
