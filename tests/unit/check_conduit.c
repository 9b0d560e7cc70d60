/* SPDX-License-Identifier: Apache-2.0 */
/* check_conduit.c - what is typed reaches the guest, what it says reaches the user, and both end */
#include "cli/conduit.h"

#include "tests/unit/suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

/* The guest: waits until it has got `wanted` bytes, says something, and ends. */
static struct guest {
	int fd;
	size_t wanted;
	const char *says;
	size_t says_times;
	char got[64 << 10];
	size_t got_length;
} guest;

static int in[2], out[2]; /* pipes: the user's ends are in[1] and out[0] */
static struct conduit conduit;
static enum conduit_end end;

static void *guest_main(void *context)
{
	while (guest.got_length < guest.wanted) {
		ssize_t n = recv(guest.fd, guest.got + guest.got_length,
				 sizeof(guest.got) - 1 - guest.got_length, 0);

		if (n <= 0)
			break;
		guest.got_length += (size_t)n;
	}
	for (size_t i = 0; i < guest.says_times; i++)
		if (send(guest.fd, guest.says, strlen(guest.says), MSG_NOSIGNAL) < 0)
			break;
	close(guest.fd);
	return NULL;
}

static pthread_t set_up(size_t wanted, const char *says, size_t times)
{
	pthread_t thread;
	int sockets[2];

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	guest = (struct guest){
		.fd = sockets[1], .wanted = wanted, .says = says, .says_times = times
	};
	conduit = (struct conduit){ .in = in[0], .out = out[1], .socket = sockets[0] };
	ck_assert_int_eq(pthread_create(&thread, NULL, guest_main, NULL), 0);
	return thread;
}

static void tear_down(pthread_t thread)
{
	close(conduit.socket);
	pthread_join(thread, NULL);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

static void type(const char *text)
{
	ck_assert_int_eq(write(in[1], text, strlen(text)), (ssize_t)strlen(text));
}

static const char *seen(void)
{
	static char text[64 << 10];
	ssize_t n;

	fcntl(out[0], F_SETFL, O_NONBLOCK);
	n = read(out[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(both_directions_flow_until_the_guest_ends)
{
	pthread_t thread = set_up(3, "bin dev\r\n", 1);

	type("ls\r");
	ck_assert_int_eq(conduit_run(&conduit, &end), 0);
	ck_assert_int_eq(end, CONDUIT_CLOSED);
	ck_assert_str_eq(seen(), "bin dev\r\n");
	ck_assert_str_eq(guest.got, "ls\r");
	tear_down(thread);
}
END_TEST

START_TEST(the_end_of_the_input_ends_nothing_else)
{
	pthread_t thread = set_up(3, "bye", 1);

	type("a\001x"); /* no terminal: no sequence */
	close(in[1]);
	in[1] = -1;
	ck_assert_int_eq(conduit_run(&conduit, &end), 0);
	ck_assert_int_eq(end, CONDUIT_CLOSED);
	ck_assert_str_eq(guest.got, "a\001x");
	ck_assert_str_eq(seen(), "bye");
	tear_down(thread);
}
END_TEST

START_TEST(nothing_is_read_where_nothing_is_typed)
{
	pthread_t thread = set_up(0, "bye", 1);
	char byte;

	type("x");
	conduit.in = -1;
	ck_assert_int_eq(conduit_run(&conduit, &end), 0);
	ck_assert_int_eq(read(in[0], &byte, 1), 1);
	ck_assert_uint_eq(guest.got_length, 0);
	tear_down(thread);
}
END_TEST

START_TEST(a_user_at_a_terminal_detaches)
{
	pthread_t thread = set_up(1000, "", 0);

	conduit.has_escapes = true;
	conduit.help = "";
	type("ls\001dx");
	ck_assert_int_eq(conduit_run(&conduit, &end), 0);
	ck_assert_int_eq(end, CONDUIT_DETACHED);
	tear_down(thread);
	ck_assert_str_eq(guest.got, "ls");
}
END_TEST

START_TEST(a_user_can_leave_a_guest_that_takes_nothing)
{
	static char paste[60 << 10];
	int sockets[2];

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(in[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	conduit = (struct conduit){ .in = in[0], .out = STDOUT_FILENO, .socket = sockets[0] };
	conduit.has_escapes = true;
	conduit.help = "";
	memset(paste, 'p', sizeof(paste) - 1);
	for (int i = 0; i < 10; i++)
		type(paste);
	type("\001d");
	ck_assert_int_eq(conduit_run(&conduit, &end), 0);
	ck_assert_int_eq(end, CONDUIT_DETACHED);
}
END_TEST

START_TEST(input_from_a_file_waits_for_the_guest)
{
	static char paste[60 << 10];
	pthread_t thread;

	memset(paste, 'p', sizeof(paste) - 1);
	thread = set_up(sizeof(paste) - 1, "done", 1);
	type(paste);
	ck_assert_int_eq(conduit_run(&conduit, &end), 0);
	ck_assert_str_eq(guest.got, paste);
	ck_assert_str_eq(seen(), "done");
	tear_down(thread);
}
END_TEST

START_TEST(much_output_arrives_whole)
{
	pthread_t thread = set_up(0, "0123456789", 4000);

	ck_assert_int_eq(conduit_run(&conduit, &end), 0);
	ck_assert_uint_eq(strlen(seen()), 40000);
	tear_down(thread);
}
END_TEST

START_TEST(output_that_nobody_reads_is_an_error)
{
	pthread_t thread = set_up(0, "hello", 1);

	signal(SIGPIPE, SIG_IGN);
	close(out[0]);
	out[0] = -1;
	ck_assert_int_eq(conduit_run(&conduit, &end), -EPIPE);
	tear_down(thread);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &both_directions_flow_until_the_guest_ends },
	{ "core", &the_end_of_the_input_ends_nothing_else },
	{ "core", &nothing_is_read_where_nothing_is_typed },
	{ "core", &a_user_at_a_terminal_detaches },
	{ "limits", &a_user_can_leave_a_guest_that_takes_nothing },
	{ "limits", &input_from_a_file_waits_for_the_guest },
	{ "limits", &much_output_arrives_whole },
	{ "faults", &output_that_nobody_reads_is_an_error },
};
SUITE_MAIN("conduit", tests)
