/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_watch.c - the end of a broker, seen from outside
 *
 * Its socket was made by the guest that started it, so that what the kernel says of the
 * socket's peer is of no use. But it puts the sender's process beside each message: the
 * broker is asked for a report, for the sake of the sender alone.
 */
#include "cli/broker_watch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "wire/broker.h"

#define ANSWER_SECONDS 5

union credentials_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(struct ucred))];
};

static int report_request(int fd)
{
	uint8_t bytes[WIRE_HEADER_SIZE];
	struct wire_writer writer;
	int rc;

	wire_start(&writer, bytes, sizeof(bytes));
	rc = wire_finish(&writer, BROKER_REPORT_REQUEST);
	return rc < 0 ? rc : sock_write_all(fd, bytes, (size_t)rc);
}

/* Who sends the next bytes. */
static int sender_receive(int fd, pid_t *ret_pid)
{
	union credentials_control control = { 0 };
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control.room) };
	const struct cmsghdr *header;
	struct ucred sender;
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS)
		return -EPROTO;
	memcpy(&sender, CMSG_DATA(header), sizeof(sender));
	*ret_pid = sender.pid;
	return 0;
}

/*
 * A descriptor of the broker's process. -ENOENT, -ECONNREFUSED: there is none;
 * -ECONNRESET: it is leaving.
 */
static int broker_hold(const char *path, int *ret_pidfd)
{
	struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	AUTO_CLOSE int fd = -1;
	int on = 1, rc = sock_connect(path, false, &fd);
	pid_t pid = 0;

	if (rc < 0)
		return rc;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	rc = report_request(fd);
	if (rc == 0)
		rc = sender_receive(fd, &pid);
	if (rc == -EPIPE)
		rc = -ECONNRESET;
	if (rc < 0)
		return rc;
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return *ret_pidfd < 0 ? -errno : 0;
}

/* With the lock that guests hold while they start a broker, or not at all. */
void broker_sweep(const char *domain)
{
	char path[RUNDIR_PATH_MAX], log_path[RUNDIR_PATH_MAX], old_path[RUNDIR_PATH_MAX];
	AUTO_CLOSE int lock_fd = -1;
	AUTO_CLOSE int probe_fd = -1;
	struct fail why;

	if (rundir_path(RUNDIR_DOMAINS, domain, ".sock", path, &why) < 0 ||
	    rundir_path(RUNDIR_DOMAINS, domain, ".log", log_path, &why) < 0 ||
	    rundir_path(RUNDIR_DOMAINS, domain, ".old", old_path, &why) < 0 ||
	    rundir_lock(RUNDIR_DOMAINS, false, &lock_fd, &why) < 0)
		return;
	if (sock_connect(path, true, &probe_fd) != -ECONNREFUSED)
		return;
	unlink(path);
	unlink(log_path);
	unlink(old_path);
}

static int process_wait(int pidfd, uint64_t deadline_ns)
{
	struct pollfd process = { .fd = pidfd, .events = POLLIN };
	uint64_t now = now_ns();
	int n = poll(&process, 1, deadline_ns > now ? (int)((deadline_ns - now) / NS_PER_MS) : 0);

	if (n < 0 && errno != EINTR)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

/* Until nobody is behind the socket: a broker that hangs up may be followed by another one. */
int broker_wait_gone(const char *domain, int timeout_ms, struct fail *why)
{
	uint64_t deadline_ns = now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	char path[RUNDIR_PATH_MAX];
	int rc = rundir_path(RUNDIR_DOMAINS, domain, ".sock", path, why);

	if (rc < 0)
		return rc;
	while (rc == 0 || rc == -ECONNRESET) {
		AUTO_CLOSE int pidfd = -1;

		rc = broker_hold(path, &pidfd);
		if (rc == 0)
			rc = process_wait(pidfd, deadline_ns);
		else if (now_ns() > deadline_ns && rc == -ECONNRESET)
			rc = -ETIMEDOUT;
	}
	if (rc == -ECONNREFUSED)
		broker_sweep(domain);
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return 0;
	return fail_errno(why, -rc, "the broker of domain %s is still there", domain);
}
