/* SPDX-License-Identifier: Apache-2.0 */
/* check_handover.c - a broker takes a domain's socket over, and nothing else */
#include "tests/unit/suite.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/rundir.h"
#include "base/sock.h"
#include "broker/handover.h"
#include "tests/unit/scratch.h"
#include "wire/broker.h"

static char domain[WIRE_TEXT_SIZE];
static int guest, broker; /* the two ends */
static struct fail why;

static void setup(void)
{
	int fds[2];

	scratch_make();
	ck_assert_int_eq(rundir_create(&why), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	guest = fds[0];
	broker = fds[1];
}

static void teardown(void)
{
	close(guest);
	close(broker);
	scratch_remove();
}

static int domain_listen(const char *name)
{
	char path[RUNDIR_PATH_MAX];
	int fd;

	ck_assert_int_eq(rundir_path(RUNDIR_DOMAINS, name, ".sock", path, &why), 0);
	ck_assert_int_eq(sock_listen(path, &fd), 0);
	return fd;
}

static void send_start(const char *name, int fd)
{
	uint8_t bytes[WIRE_HEADER_SIZE + BROKER_START_BYTES];
	int length = broker_put_start(bytes, sizeof(bytes), name);

	ck_assert_int_eq(length, sizeof(bytes));
	ck_assert_int_eq(sock_write_fd(guest, bytes, sizeof(bytes), fd), 0);
}

static int receive(void)
{
	int fd = -1, rc = handover_receive(broker, domain, &fd, &why);

	ck_assert_int_eq(fd >= 0, rc == 0);
	if (rc == 0)
		close(fd);
	return rc;
}

START_TEST(a_domain_and_its_socket_arrive)
{
	int before = open_descriptors(), fd = domain_listen("@web.1");

	send_start("@web.1", fd);
	ck_assert_int_eq(receive(), 0);
	ck_assert_str_eq(domain, "@web.1");
	close(fd);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(the_socket_of_another_domain_is_refused)
{
	int fd = domain_listen("other");

	send_start("web", fd);
	ck_assert_int_eq(receive(), -EPROTO);
	ck_assert_ptr_nonnull(strstr(why.text, "web.sock"));
	close(fd);
}
END_TEST

START_TEST(what_does_not_listen_is_refused)
{
	int before = open_descriptors();

	send_start("web", guest);
	ck_assert_int_eq(receive(), -EPROTO);
	send_start("web", STDIN_FILENO);
	ck_assert_int_lt(receive(), 0);
	send_start("web", -1);
	ck_assert_int_eq(receive(), -EPROTO);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

static const char *const wrong_names[] = { "", "@", "../web", "@../web", "@@web", "we b" };

START_TEST(a_name_that_is_none_is_refused)
{
	int fd = domain_listen("web");

	send_start(wrong_names[_i], fd);
	ck_assert_int_eq(receive(), -EPROTO);
	close(fd);
}
END_TEST

START_TEST(another_message_is_refused)
{
	uint8_t bytes[WIRE_HEADER_SIZE + BROKER_START_BYTES] = { 0 };
	int fd = domain_listen("web");

	ck_assert_int_eq(sock_write_fd(guest, bytes, sizeof(bytes), fd), 0);
	ck_assert_int_eq(receive(), -EPROTO);
	ck_assert_int_eq(sock_write_fd(guest, bytes, 5, fd), 0);
	ck_assert_int_eq(receive(), -EPROTO);
	shutdown(guest, SHUT_WR);
	ck_assert_int_lt(receive(), 0);
	close(fd);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_domain_and_its_socket_arrive },
	{ "misuse", &the_socket_of_another_domain_is_refused },
	{ "misuse", &what_does_not_listen_is_refused },
	{ "misuse", &a_name_that_is_none_is_refused, ARRAY_SIZE(wrong_names) },
	{ "misuse", &another_message_is_refused },
};

SUITE_MAIN_AROUND("handover", tests, setup, teardown)
