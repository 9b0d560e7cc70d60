/* SPDX-License-Identifier: Apache-2.0 */
/* check_sock.c - local sockets: private, whole messages, one descriptor at a time */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/sock.h"
#include "tests/unit/scratch.h"

static const char *socket_path(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/sock", scratch_path);
	return path;
}

static void make_pair(int fds[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

START_TEST(a_connection_tells_who_is_there)
{
	int listener, client, server;
	struct stat st;
	pid_t pid;

	scratch_make();
	ck_assert_int_eq(sock_listen(socket_path(), &listener), 0);
	ck_assert_int_eq(stat(socket_path(), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(sock_accept(listener, false, &server, &pid), -EAGAIN);
	ck_assert_int_eq(sock_connect(socket_path(), false, &client), 0);
	ck_assert_int_eq(sock_accept(listener, true, &server, &pid), 0);
	ck_assert_int_eq(pid, getpid());
	ck_assert_int_ne(fcntl(server, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(server, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(client, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
	scratch_remove();
}
END_TEST

START_TEST(a_stale_socket_is_replaced_and_a_live_one_is_not)
{
	int listener, other = -1;

	scratch_make();
	ck_assert_int_eq(sock_listen(socket_path(), &listener), 0);
	ck_assert_int_eq(sock_listen(socket_path(), &other), -EADDRINUSE);
	close(listener);
	ck_assert_int_eq(sock_connect(socket_path(), false, &other), -ECONNREFUSED);
	ck_assert_int_eq(sock_listen(socket_path(), &listener), 0);
	ck_assert_int_eq(sock_connect(socket_path(), false, &other), 0);
	scratch_remove();
}
END_TEST

START_TEST(nobody_there_is_told_apart_from_failure)
{
	int fd = -7;

	ck_assert_int_eq(sock_connect("/nowhere/sock", false, &fd), -ENOENT);
	ck_assert_int_eq(fd, -7);
}
END_TEST

START_TEST(reading_tells_an_end_from_a_break)
{
	char bytes[8];
	int fds[2];

	make_pair(fds);
	ck_assert_int_eq(sock_write_all(fds[0], "12345678abc", 11), 0);
	close(fds[0]);
	ck_assert_int_eq(sock_read_all(fds[1], bytes, 8), 0);
	ck_assert_mem_eq(bytes, "12345678", 8);
	ck_assert_int_eq(sock_read_all(fds[1], bytes, 8), -ECONNRESET);
	ck_assert_int_eq(sock_read_all(fds[1], bytes, 8), 1);
	close(fds[1]);
}
END_TEST

START_TEST(a_descriptor_comes_with_its_bytes)
{
	int fds[2], pipe_fds[2], passed;
	char bytes[8];

	make_pair(fds);
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	ck_assert_int_eq(sock_write_fd(fds[0], "hello", 5, pipe_fds[1]), 0);
	ck_assert_int_eq(sock_read_fd(fds[1], bytes, sizeof(bytes), &passed), 5);
	ck_assert_int_ge(passed, 0);
	ck_assert_int_eq(fcntl(passed, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(write(passed, "x", 1), 1);
	ck_assert_int_eq(read(pipe_fds[0], bytes, 1), 1);
	ck_assert_int_eq(sock_write_fd(fds[0], "hello", 5, -1), 0);
	ck_assert_int_eq(sock_read_fd(fds[1], bytes, sizeof(bytes), &passed), 5);
	ck_assert_int_eq(passed, -1);
	close(fds[0]);
	ck_assert_int_eq(sock_read_fd(fds[1], bytes, sizeof(bytes), &passed), 0);
	close(fds[1]);
}
END_TEST

enum { LARGE = 4 << 20 };

static void *drain(void *context)
{
	static uint8_t bytes[LARGE];

	ck_assert_int_eq(sock_read_all(*(int *)context, bytes, sizeof(bytes)), 0);
	return bytes;
}

START_TEST(parts_larger_than_the_socket_arrive_in_order)
{
	static uint8_t sent[LARGE];
	struct iovec parts[] = {
		{ .iov_base = sent, .iov_len = 1 },
		{ .iov_base = sent + 1, .iov_len = 0 },
		{ .iov_base = sent + 1, .iov_len = LARGE / 2 },
		{ .iov_base = sent + 1 + LARGE / 2, .iov_len = LARGE / 2 - 1 },
	};
	pthread_t thread;
	void *received;
	int fds[2];

	make_pair(fds);
	for (size_t i = 0; i < LARGE; i++)
		sent[i] = (uint8_t)(i * 2654435761u >> 13);
	ck_assert_int_eq(pthread_create(&thread, NULL, drain, &fds[1]), 0);
	ck_assert_int_eq(sock_write_parts(fds[0], parts, ARRAY_SIZE(parts)), 0);
	ck_assert_int_eq(pthread_join(thread, &received), 0);
	ck_assert_int_eq(memcmp(sent, received, LARGE), 0);
}
END_TEST

START_TEST(a_path_that_does_not_fit_is_refused)
{
	char path[200];
	int fd;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(sock_listen(path, &fd), -ENAMETOOLONG);
	ck_assert_int_eq(sock_connect(path, false, &fd), -ENAMETOOLONG);
}
END_TEST

/* The socket's mode keeps others out; where somebody has loosened it, this does. */
START_TEST(a_peer_of_another_user_is_refused)
{
	int listener, server = -7, client;
	pid_t pid, child;

	if (geteuid() != 0)
		return; /* nobody else can become another */
	scratch_make();
	ck_assert_int_eq(chmod(scratch_path, 0755), 0);
	ck_assert_int_eq(sock_listen(socket_path(), &listener), 0);
	ck_assert_int_eq(chmod(socket_path(), 0666), 0);
	child = fork();
	if (child == 0)
		_exit(setuid(65534) == 0 && sock_connect(socket_path(), false, &client) == 0 ? 0
											     : 1);
	ck_assert_int_eq(waitpid(child, &client, 0), child);
	ck_assert_int_eq(client, 0);
	ck_assert_int_eq(sock_accept(listener, true, &server, &pid), -EPERM);
	ck_assert_int_eq(server, -7);
	ck_assert_int_eq(sock_accept(listener, true, &server, &pid), -EAGAIN);
	scratch_remove();
}
END_TEST

static void write_two_descriptors(int fd, int passed)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control.room) };
	int both[2] = { passed, passed };

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(both));
	memcpy(CMSG_DATA(&control.header), both, sizeof(both));
	ck_assert_int_eq(sendmsg(fd, &message, 0), 1);
}

START_TEST(descriptors_that_nobody_asked_for_do_not_stay)
{
	int fds[2], passed, before;
	char byte;

	make_pair(fds);
	before = open_descriptors();
	write_two_descriptors(fds[0], fds[0]);
	ck_assert_int_eq(sock_read_fd(fds[1], &byte, 1, &passed), 1);
	ck_assert_int_eq(passed, -1);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(writing_to_nobody_is_an_error_and_no_signal)
{
	struct iovec part = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	int fds[2];

	make_pair(fds);
	close(fds[1]);
	ck_assert_int_eq(sock_write_all(fds[0], "x", 1), -EPIPE);
	ck_assert_int_eq(sock_write_parts(fds[0], &part, 1), -EPIPE);
	ck_assert_int_eq(sock_write_fd(fds[0], "x", 1, -1), -EPIPE);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_connection_tells_who_is_there },
	{ "core", &a_stale_socket_is_replaced_and_a_live_one_is_not },
	{ "core", &nobody_there_is_told_apart_from_failure },
	{ "core", &reading_tells_an_end_from_a_break },
	{ "core", &a_descriptor_comes_with_its_bytes },
	{ "limits", &parts_larger_than_the_socket_arrive_in_order },
	{ "limits", &a_path_that_does_not_fit_is_refused },
	{ "misuse", &a_peer_of_another_user_is_refused },
	{ "misuse", &descriptors_that_nobody_asked_for_do_not_stay },
	{ "faults", &writing_to_nobody_is_an_error_and_no_signal },
};

SUITE_MAIN("sock", tests)
