/* SPDX-License-Identifier: Apache-2.0 */
/* check_log.c - one event is one line, and only what was asked for */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
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

START_TEST(a_part_of_the_program_can_be_listened_to)
{
	unsigned int parts = 0;

	ck_assert_int_eq(log_parts_parse("dedup,disk", &parts), 0);
	log_set_debug(parts);
	ck_assert(log_debug_enabled("/src/samepage/dedup/merge.c"));
	ck_assert(log_debug_enabled("../dedup/merge.c"));
	ck_assert(log_debug_enabled("disk/nbd.c"));
	ck_assert(!log_debug_enabled("/src/dedup/vmm/vm.c"));
	ck_assert(!log_debug_enabled("predisk/nbd.c"));
	ck_assert(!log_debug_enabled("dedup"));
	capture();
	log_debug("of tests/unit");
	log_info("quiet");
	ck_assert_str_eq(captured(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert(log_debug_enabled("vmm/vm.c"));
}
END_TEST

START_TEST(all_parts_and_none)
{
	unsigned int parts = 0;

	ck_assert_int_eq(log_parts_parse("all", &parts), 0);
	log_set_debug(parts);
	ck_assert(log_debug_enabled("base/log.c"));
	ck_assert(log_debug_enabled("wire/codec.c"));
	ck_assert_int_eq(log_parts_parse("none", &parts), 0);
	log_set_debug(parts);
	ck_assert(!log_debug_enabled("base/log.c"));
}
END_TEST

START_TEST(what_is_no_part_is_refused)
{
	unsigned int parts = 77;

	ck_assert_int_eq(log_parts_parse("", &parts), -EINVAL);
	ck_assert_int_eq(log_parts_parse("dedup,", &parts), -EINVAL);
	ck_assert_int_eq(log_parts_parse(",dedup", &parts), -EINVAL);
	ck_assert_int_eq(log_parts_parse("dedup,all", &parts), -EINVAL);
	ck_assert_int_eq(log_parts_parse("disks", &parts), -EINVAL);
	ck_assert_int_eq(log_parts_parse("dis", &parts), -EINVAL);
	ck_assert_uint_eq(parts, 77);
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

START_TEST(what_a_guest_repeats_is_said_seldom)
{
	const uint64_t minute = 60 * NS_PER_SEC;
	struct log_brake brake = { 0 };
	uint64_t now = 5 * minute;
	unsigned int passed = 0;

	for (unsigned int i = 0; i < 1000; i++)
		passed += log_brake_lets_pass(&brake, now + i);
	ck_assert_uint_eq(passed, LOG_BRAKE_LINES);
	for (unsigned int i = 0; i < 600; i++)
		passed += log_brake_lets_pass(&brake, now + i * NS_PER_SEC);
	ck_assert_uint_le(passed, LOG_BRAKE_LINES + 10);
	ck_assert_uint_ge(passed, LOG_BRAKE_LINES + 9);
	/* after a long rest it is as at first */
	now += 1000 * minute;
	passed = 0;
	for (unsigned int i = 0; i < 1000; i++)
		passed += log_brake_lets_pass(&brake, now + i);
	ck_assert_uint_eq(passed, LOG_BRAKE_LINES);
}
END_TEST

static void say_often(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		log_warn("disk %u is full", i);
}

static unsigned int count_lines(const char *text)
{
	unsigned int count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

START_TEST(what_is_repeated_is_dropped_and_summed_up)
{
	const char *text;

	capture();
	say_often(100);
	text = captured();
	ck_assert_uint_eq(count_lines(text), LOG_BRAKE_LINES);
	ck_assert_ptr_nonnull(strstr(text, "disk 7 is full\n"));
	/* another place in the source is none the worse */
	log_warn("the net is down");
	ck_assert_str_eq(captured(), "samepage: warning: the net is down\n");
	log_finish();
	ck_assert_str_eq(captured(), "samepage: warning: 92 more lines like this were dropped: "
				     "disk 99 is full\n");
	log_finish(); /* said already */
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(a_place_that_may_speak_again_says_first_what_was_dropped)
{
	static struct log_site site;
	const char *text;

	capture();
	for (unsigned int i = 0; i < 20; i++)
		log_at(&site, LOG_LEVEL_ERROR, "event %u", i);
	ck_assert_uint_eq(count_lines(captured()), LOG_BRAKE_LINES);
	site.brake = (struct log_brake){ 0 }; /* as if minutes had gone by */
	log_at(NULL, LOG_LEVEL_ERROR, "something else");
	text = captured();
	ck_assert_str_eq(text, "samepage: 12 more lines like this were dropped: event 19\n"
			       "samepage: something else\n");
	log_at(&site, LOG_LEVEL_ERROR, "event 20");
	ck_assert_str_eq(captured(), "samepage: event 20\n");
}
END_TEST

START_TEST(answers_and_debug_lines_are_not_limited)
{
	capture();
	log_set_level(LOG_LEVEL_DEBUG);
	for (unsigned int i = 0; i < 40; i++) {
		log_answer("no guest %u", i);
		log_debug("step %u", i);
	}
	ck_assert_uint_eq(count_lines(captured()), 80);
}
END_TEST

/* What standard error is, as systemd would say it, and what stands around that. */
static void name_the_stream(const char *before, const char *between, const char *behind)
{
	char stream[64];
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%s%lu%s%lu%s", before, (unsigned long)st.st_dev, between,
		 (unsigned long)st.st_ino, behind);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
}

START_TEST(the_journal_gets_priorities)
{
	capture();
	name_the_stream("", ":", "");
	ck_assert(log_is_to_journal());
	log_set_level(LOG_LEVEL_DEBUG);
	log_error("a");
	log_warn("b");
	log_info("c");
	log_debug("d");
	log_set_name("web");
	log_warn("e");
	ck_assert_str_eq(captured(), "<3>a\n<4>b\n<6>c\n<7>d\n<4>web: e\n");
}
END_TEST

START_TEST(what_is_not_the_journal_gets_none)
{
	static const char *const around[][3] = {
		{ "", ":1", "" }, { "1", ":", "" }, { "", ":", "x" },
		{ "", "", "" },	  { "x", ":", "" }, { "", ":", "0" },
	};

	capture();
	for (size_t i = 0; i < ARRAY_SIZE(around); i++) {
		name_the_stream(around[i][0], around[i][1], around[i][2]);
		ck_assert_msg(!log_is_to_journal(), "with %s", getenv("JOURNAL_STREAM"));
	}
	unsetenv("JOURNAL_STREAM");
	ck_assert(!log_is_to_journal());
	log_warn("low");
	ck_assert_str_eq(captured(), "samepage: warning: low\n");
}
END_TEST

START_TEST(a_line_break_in_a_name_makes_no_line)
{
	capture();
	log_error("cannot open '%s'", "a\n<0>b\033[2J");
	ck_assert_str_eq(captured(), "samepage: cannot open 'a?<0>b?[2J'\n");
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
	{ "core", &a_part_of_the_program_can_be_listened_to },
	{ "core", &all_parts_and_none },
	{ "core", &levels_have_names },
	{ "core", &the_journal_gets_priorities },
	{ "core", &what_is_not_the_journal_gets_none },
	{ "limits", &a_long_line_is_cut_and_still_ends },
	{ "limits", &what_a_guest_repeats_is_said_seldom },
	{ "limits", &what_is_repeated_is_dropped_and_summed_up },
	{ "limits", &a_place_that_may_speak_again_says_first_what_was_dropped },
	{ "limits", &answers_and_debug_lines_are_not_limited },
	{ "misuse", &what_is_no_part_is_refused },
	{ "misuse", &a_line_break_in_a_name_makes_no_line },
	{ "faults", &a_closed_standard_error_harms_nobody },
};

SUITE_MAIN("log", tests)
