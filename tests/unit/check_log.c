/* SPDX-License-Identifier: Apache-2.0 */
/* check_log.c - one event is one line, and only what was asked for */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"

static int pipe_fds[2];

static void capture(void)
{
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_ge(dup2(pipe_fds[1], STDERR_FILENO), 0);
}

/* What came on standard error since the last call. */
static const char *captured(void)
{
	static char text[4096];
	ssize_t n = read(pipe_fds[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(a_line_names_the_program_and_its_part)
{
	capture();
	log_error("cannot %s", "go on");
	ck_assert_str_eq(captured(), "samepage: cannot go on\n");
	log_set_name("web");
	log_error("bye");
	ck_assert_str_eq(captured(), "samepage web: bye\n");
	log_set_name(NULL);
	log_warn("low");
	ck_assert_str_eq(captured(), "samepage: warning: low\n");
}
END_TEST

START_TEST(lines_above_the_level_are_dropped)
{
	capture();
	log_info("quiet");
	log_debug("quiet");
	ck_assert_str_eq(captured(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert(log_enabled(LOG_LEVEL_DEBUG));
	log_debug("loud");
	ck_assert_str_eq(captured(), "samepage: loud\n");
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert(!log_enabled(LOG_LEVEL_WARN));
	log_warn("quiet");
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(levels_have_names)
{
	enum log_level level = LOG_LEVEL_ERROR;

	ck_assert_int_eq(log_level_parse("debug", &level), 0);
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_level_parse("warn", &level), 0);
	ck_assert_int_eq(level, LOG_LEVEL_WARN);
	ck_assert_int_eq(log_level_parse("Warn", &level), -EINVAL);
	ck_assert_int_eq(log_level_parse("", &level), -EINVAL);
	ck_assert_int_eq(level, LOG_LEVEL_WARN);
}
END_TEST

START_TEST(a_long_line_is_cut_and_still_ends)
{
	char text[3000];
	const char *line;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	capture();
	log_error("%s", text);
	line = captured();
	ck_assert_uint_gt(strlen(line), 500);
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

START_TEST(a_closed_standard_error_harms_nobody)
{
	close(STDERR_FILENO);
	log_error("nobody hears this");
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_line_names_the_program_and_its_part },
	{ "core", &lines_above_the_level_are_dropped },
	{ "core", &levels_have_names },
	{ "limits", &a_long_line_is_cut_and_still_ends },
	{ "faults", &a_closed_standard_error_harms_nobody },
};

SUITE_MAIN("log", tests)
