/* SPDX-License-Identifier: Apache-2.0 */
/* check_console_hub.c - many watch one console, and none holds up the guest or the others */
#include "devices/console_hub.h"

#include "tests/unit/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

static struct loop *loop;
static struct loop_source *end;
static struct console_hub *hub;
static struct fail why;

/* The guest: how much it takes, and what it got. */
static size_t room;
static char typed[4096];
static size_t typed_length;

static size_t input_room(void *context)
{
	return room;
}

static void input(void *context, const void *bytes, size_t length)
{
	ck_assert_uint_le(length, room);
	memcpy(typed + typed_length, bytes, length);
	typed_length += length;
	room -= length;
}

static int wakes;

/* The second time: those that were ready with the first have had their turn. */
static void on_end(void *context)
{
	if (++wakes % 2 == 0)
		loop_quit(loop, 0);
	else
		loop_wake(end);
}

static void set_up(void)
{
	struct console_hub_hooks hooks = { .input_room = input_room, .input = input };

	room = sizeof(typed) - 1;
	ck_assert_int_eq(loop_create(&loop), 0);
	ck_assert_int_eq(loop_add_wake(loop, on_end, NULL, &end), 0);
	ck_assert_int_eq(console_hub_create(loop, &hooks, &hub), 0);
}

static void tear_down(void)
{
	console_hub_free(hub);
	loop_free(loop);
}

/* Deals with all that is due. */
static void turn(void)
{
	loop_wake(end);
	ck_assert_int_eq(loop_run(loop), 0);
}

static int attach_as(bool kept_only)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(console_hub_attach(hub, ends[1], kept_only, &why), 0);
	close(ends[1]);
	return ends[0];
}

static int attach(void)
{
	return attach_as(false);
}

static void feed(const char *text)
{
	console_hub_feed(hub, text, strlen(text));
}

static void feed_lines(size_t count)
{
	char line[16];

	for (size_t i = 0; i < count; i++) {
		snprintf(line, sizeof(line), "%014zu\n", i);
		feed(line);
	}
}

/* What is there now, as a text; *ret_closed: then comes the end. May be NULL. */
static const char *read_now(int fd, bool *ret_closed)
{
	static char text[2 << 20];
	size_t length = 0;
	ssize_t n;

	while ((n = recv(fd, text + length, sizeof(text) - 1 - length, MSG_DONTWAIT)) > 0) {
		length += (size_t)n;
		turn();
	}
	if (ret_closed)
		*ret_closed = n == 0;
	text[length] = '\0';
	return text;
}

START_TEST(what_was_said_before_is_replayed_and_then_followed)
{
	int early, late;

	set_up();
	early = attach();
	feed("booting\r\n");
	late = attach();
	feed("login: ");
	ck_assert_str_eq(read_now(early, NULL), "booting\r\nlogin: ");
	ck_assert_str_eq(read_now(late, NULL), "booting\r\nlogin: ");
	close(early);
	close(late);
	tear_down();
}
END_TEST

START_TEST(all_who_watch_may_type)
{
	int one, two;

	set_up();
	one = attach();
	two = attach();
	ck_assert_int_eq(write(one, "ls", 2), 2);
	turn();
	ck_assert_int_eq(write(two, "\r", 1), 1);
	turn();
	ck_assert_str_eq(typed, "ls\r");
	close(one);
	close(two);
	tear_down();
}
END_TEST

START_TEST(input_waits_until_the_guest_takes_it)
{
	int fd;

	set_up();
	fd = attach();
	room = 3;
	ck_assert_int_eq(write(fd, "poweroff", 8), 8);
	turn();
	ck_assert_str_eq(typed, "pow");
	feed("and output goes on");
	ck_assert_str_eq(read_now(fd, NULL), "and output goes on");
	room = 64;
	console_hub_input_ready(hub);
	turn();
	ck_assert_str_eq(typed, "poweroff");
	close(fd);
	tear_down();
}
END_TEST

START_TEST(two_who_type_at_once_share_the_room_and_lose_nothing)
{
	int one, two;

	set_up();
	one = attach();
	two = attach();
	room = 2;
	ck_assert_int_eq(write(one, "ab", 2), 2);
	ck_assert_int_eq(write(two, "cd", 2), 2);
	turn();
	ck_assert_uint_eq(typed_length, 2);
	room = 64;
	console_hub_input_ready(hub);
	turn();
	ck_assert_uint_eq(typed_length, 4);
	close(one);
	close(two);
	tear_down();
}
END_TEST

START_TEST(who_wants_what_is_kept_gets_that_and_the_end)
{
	bool is_closed;
	int fd;

	set_up();
	feed("kept\n");
	fd = attach_as(true);
	feed("later\n");
	ck_assert_str_eq(read_now(fd, &is_closed), "kept\n");
	ck_assert(is_closed);
	ck_assert(!console_hub_is_watched(hub));
	close(fd);
	fd = attach_as(true);
	ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1); /* nothing is typed there */
	close(fd);
	tear_down();
}
END_TEST

START_TEST(all_that_is_kept_arrives_even_where_the_socket_is_smaller)
{
	bool is_closed;
	int fd;

	set_up();
	feed_lines(CONSOLE_RING_BYTES / 15);
	fd = attach_as(true);
	ck_assert_uint_eq(strlen(read_now(fd, &is_closed)), CONSOLE_RING_BYTES / 15 * 15);
	ck_assert(is_closed);
	close(fd);
	tear_down();
}
END_TEST

START_TEST(the_slow_are_overtaken_and_told_and_the_quick_get_all)
{
	size_t quick_length = 0;
	int quick, slow;
	const char *text;

	set_up();
	quick = attach();
	slow = attach();
	for (int i = 0; i < 100; i++) {
		feed_lines(1000);
		quick_length += strlen(read_now(quick, NULL));
	}
	ck_assert_uint_eq(quick_length, 100 * 15000);
	text = read_now(slow, NULL);
	ck_assert_uint_lt(strlen(text), 1 << 20);
	ck_assert_ptr_nonnull(strstr(text, "[samepage: "));
	ck_assert_ptr_eq(strstr(text, "00000000000000\n"), text);
	text += strlen(text) - 15;
	ck_assert_str_eq(text, "00000000000999\n");
	feed("quiet again\n");
	ck_assert_str_eq(read_now(slow, NULL), "quiet again\n");
	close(quick);
	close(slow);
	tear_down();
}
END_TEST

static size_t resident_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t all, resident;

	ck_assert_int_eq(fscanf(file, "%zu %zu", &all, &resident), 2);
	fclose(file);
	return resident;
}

START_TEST(a_flood_that_nobody_reads_takes_one_ring)
{
	static char bytes[64 << 10];
	int fds[CONSOLE_HUB_WATCHERS];
	size_t before;

	memset(bytes, 'y', sizeof(bytes)); /* its own pages are there before the count */
	set_up();
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = attach();
	before = resident_pages();
	for (int i = 0; i < 4096; i++)
		console_hub_feed(hub, bytes, sizeof(bytes));
	turn();
	ck_assert_uint_lt(resident_pages(), before + (1 << 20) / 4096);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	tear_down();
}
END_TEST

START_TEST(places_are_limited_and_become_free_again)
{
	int fds[CONSOLE_HUB_WATCHERS], ends[2];

	set_up();
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = attach();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(console_hub_attach(hub, ends[1], false, &why), -EBUSY);
	ck_assert_ptr_nonnull(strstr(why.text, "8 others"));
	close(fds[3]);
	turn();
	ck_assert_int_eq(console_hub_attach(hub, ends[1], false, &why), 0);
	close(ends[0]);
	close(ends[1]);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (i != 3)
			close(fds[i]);
	turn();
	ck_assert(!console_hub_is_watched(hub));
	tear_down();
}
END_TEST

START_TEST(what_was_typed_last_arrives_though_its_sender_is_gone)
{
	int fd;

	set_up();
	fd = attach();
	ck_assert_int_eq(write(fd, "reboot\r", 7), 7);
	close(fd);
	turn();
	ck_assert_str_eq(typed, "reboot\r");
	ck_assert(!console_hub_is_watched(hub));
	tear_down();
}
END_TEST

START_TEST(who_leaves_is_noticed_though_the_guest_takes_nothing)
{
	int fd;

	set_up();
	room = 0;
	fd = attach();
	ck_assert_int_eq(write(fd, "x", 1), 1);
	turn();
	close(fd);
	turn();
	ck_assert(!console_hub_is_watched(hub));
	tear_down();
}
END_TEST

START_TEST(who_types_no_more_goes_on_to_watch)
{
	int fd;

	set_up();
	fd = attach();
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	turn();
	feed("still there");
	ck_assert_str_eq(read_now(fd, NULL), "still there");
	close(fd);
	tear_down();
}
END_TEST

START_TEST(only_stream_sockets_are_taken)
{
	int fds[2];

	set_up();
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(console_hub_attach(hub, fds[1], false, &why), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	ck_assert_int_eq(console_hub_attach(hub, fds[1], false, &why), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(console_hub_attach(hub, -1, false, &why), -EINVAL);
	ck_assert(!console_hub_is_watched(hub));
	tear_down();
}
END_TEST

START_TEST(the_end_waits_only_a_moment_for_the_stopped)
{
	bool is_closed;
	int fd;

	set_up();
	fd = attach();
	feed_lines(100000);
	console_hub_flush(hub);
	console_hub_free(hub);
	hub = NULL;
	read_now(fd, &is_closed);
	ck_assert(is_closed);
	close(fd);
	tear_down();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &what_was_said_before_is_replayed_and_then_followed },
	{ "core", &all_who_watch_may_type },
	{ "core", &input_waits_until_the_guest_takes_it },
	{ "core", &two_who_type_at_once_share_the_room_and_lose_nothing },
	{ "core", &who_wants_what_is_kept_gets_that_and_the_end },
	{ "core", &the_slow_are_overtaken_and_told_and_the_quick_get_all },
	{ "limits", &all_that_is_kept_arrives_even_where_the_socket_is_smaller },
	{ "limits", &a_flood_that_nobody_reads_takes_one_ring },
	{ "limits", &places_are_limited_and_become_free_again },
	{ "misuse", &only_stream_sockets_are_taken },
	{ "faults", &what_was_typed_last_arrives_though_its_sender_is_gone },
	{ "faults", &who_leaves_is_noticed_though_the_guest_takes_nothing },
	{ "faults", &who_types_no_more_goes_on_to_watch },
	{ "faults", &the_end_waits_only_a_moment_for_the_stopped },
};
SUITE_MAIN("console_hub", tests)
