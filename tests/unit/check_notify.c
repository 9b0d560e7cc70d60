/* SPDX-License-Identifier: Apache-2.0 */
/* check_notify.c - the service manager is told, and nothing else is done */
#include "tests/unit/suite.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/notify.h"
#include "tests/unit/scratch.h"

/* Binds a datagram socket; '@' first: in no file system. */
static int manager_listen(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void expect(int fd, const char *text)
{
	char got[1024] = "";
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	ck_assert_int_eq(n, (ssize_t)strlen(text));
	ck_assert_str_eq(got, text);
}

START_TEST(what_is_said_arrives_as_one_datagram)
{
	char name[108];
	int fd;

	scratch_make();
	snprintf(name, sizeof(name), "%s/notify", scratch_path);
	fd = manager_listen(name);
	notify_send("READY=1\nSTATUS=%s", "web runs");
	notify_send("STOPPING=1");
	expect(fd, "READY=1\nSTATUS=web runs");
	expect(fd, "STOPPING=1");
	close(fd);
	scratch_remove();
}
END_TEST

START_TEST(the_socket_may_be_in_no_file_system)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "@samepage-check-%d", (int)getpid());
	fd = manager_listen(name);
	notify_send("READY=1");
	expect(fd, "READY=1");
	close(fd);
}
END_TEST

START_TEST(who_forgets_says_nothing)
{
	char name[64], byte;
	int fd;

	snprintf(name, sizeof(name), "@samepage-check-%d", (int)getpid());
	fd = manager_listen(name);
	notify_forget();
	notify_send("READY=1");
	ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
	close(fd);
}
END_TEST

static const char *const nowhere[] = {
	"",
	"/",
	"@",
	"relative",
	"/nobody/is/here",
	"/longer/than/a/socket/address/can/hold/012345678901234567890123456789/0123456789012345678901234567890123456789/01",
};

START_TEST(a_manager_that_is_not_there_stops_nobody)
{
	int before = open_descriptors();

	setenv("NOTIFY_SOCKET", nowhere[_i], 1);
	notify_send("READY=1");
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

/* A full queue: the sender must not wait. */
START_TEST(a_manager_that_does_not_listen_stops_nobody)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "@samepage-check-%d", (int)getpid());
	fd = manager_listen(name);
	for (int i = 0; i < 2000; i++)
		notify_send("STATUS=%d", i);
	expect(fd, "STATUS=0");
	close(fd);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &what_is_said_arrives_as_one_datagram },
	{ "core", &the_socket_may_be_in_no_file_system },
	{ "core", &who_forgets_says_nothing },
	{ "faults", &a_manager_that_is_not_there_stops_nobody, ARRAY_SIZE(nowhere) },
	{ "faults", &a_manager_that_does_not_listen_stops_nobody },
};

SUITE_MAIN("notify", tests)
