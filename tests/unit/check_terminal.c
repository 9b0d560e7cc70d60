/* SPDX-License-Identifier: Apache-2.0 */
/* check_terminal.c - escape sequences, and a terminal that comes back as it was */
#include "cli/terminal.h"

#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include "tests/unit/suite.h"

static struct escape escape;
static enum escape_action action;

static const char *filter(const char *typed)
{
	static unsigned char bytes[64];
	size_t length = strlen(typed);

	memcpy(bytes, typed, length);
	bytes[escape_filter(&escape, bytes, length, &action)] = 0;
	return (char *)bytes;
}

START_TEST(plain_bytes_pass)
{
	escape = (struct escape){ 0 };
	ck_assert_str_eq(filter("ls -x\r\003"), "ls -x\r\003");
	ck_assert_int_eq(action, ESCAPE_NONE);
}
END_TEST

START_TEST(sequences_are_taken_out)
{
	escape = (struct escape){ 0 };
	ck_assert_str_eq(filter("a\001hb"), "ab");
	ck_assert_int_eq(action, ESCAPE_HELP);
	ck_assert_str_eq(filter("a\001\001b"), "a\001b");
	ck_assert_str_eq(filter("a\001qb"), "ab");
	ck_assert_int_eq(action, ESCAPE_NONE);
	ck_assert_str_eq(filter("a\001xb"), "a");
	ck_assert_int_eq(action, ESCAPE_QUIT);
}
END_TEST

START_TEST(who_is_attached_can_detach_but_not_end_the_guest)
{
	escape = (struct escape){ .is_attached = true };
	ck_assert_str_eq(filter("a\001xb"), "ab");
	ck_assert_int_eq(action, ESCAPE_NONE);
	ck_assert_str_eq(filter("a\001hb\001\001"), "ab\001");
	ck_assert_int_eq(action, ESCAPE_HELP);
	ck_assert_str_eq(filter("a\001db"), "a");
	ck_assert_int_eq(action, ESCAPE_DETACH);
	escape = (struct escape){ 0 };
	ck_assert_str_eq(filter("a\001db"), "ab");
	ck_assert_int_eq(action, ESCAPE_NONE);
}
END_TEST

START_TEST(a_sequence_may_come_in_two_parts)
{
	escape = (struct escape){ 0 };
	ck_assert_str_eq(filter("a\001"), "a");
	ck_assert_str_eq(filter("x"), "");
	ck_assert_int_eq(action, ESCAPE_QUIT);
}
END_TEST

START_TEST(a_terminal_comes_back_as_it_was)
{
	struct termios before, raw, after;
	int outer, inner;

	ck_assert_int_eq(openpty(&outer, &inner, NULL, NULL, NULL), 0);
	tcgetattr(inner, &before);
	ck_assert_int_eq(terminal_make_raw(inner), 0);
	tcgetattr(inner, &raw);
	ck_assert_uint_eq(raw.c_lflag & (ICANON | ECHO | ISIG), 0);
	ck_assert_uint_eq(raw.c_oflag, before.c_oflag);
	terminal_restore();
	terminal_restore();
	tcgetattr(inner, &after);
	ck_assert_uint_eq(after.c_lflag, before.c_lflag);
	ck_assert_uint_eq(after.c_iflag, before.c_iflag);
	close(outer);
	close(inner);
}
END_TEST

START_TEST(what_is_no_terminal_is_left_alone)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(terminal_make_raw(fds[0]), -ENOTTY);
	ck_assert_int_eq(terminal_make_raw(-1), -ENOTTY);
	terminal_restore();
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &plain_bytes_pass },
	{ "core", &sequences_are_taken_out },
	{ "core", &who_is_attached_can_detach_but_not_end_the_guest },
	{ "core", &a_terminal_comes_back_as_it_was },
	{ "limits", &a_sequence_may_come_in_two_parts },
	{ "misuse", &what_is_no_terminal_is_left_alone },
};
SUITE_MAIN("terminal", tests)
