/* SPDX-License-Identifier: Apache-2.0 */
/* check_log_file.c - a log has the last words, and never more than its size */
#include "tests/unit/suite.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/log_file.h"
#include "tests/unit/scratch.h"

static char path[96], old_path[96];

static void set_up(void)
{
	scratch_make();
	snprintf(path, sizeof(path), "%s/web.log", scratch_path);
	snprintf(old_path, sizeof(old_path), "%s/web.old", scratch_path);
	ck_assert_int_eq(log_file_open(path, old_path), 0);
	log_set_level(LOG_LEVEL_DEBUG);
}

static void tear_down(void)
{
	scratch_remove();
}

/* -1: there is no such file. */
static long size_of(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 ? (long)st.st_size : -1;
}

static const char *content(const char *file)
{
	static char text[4096];
	FILE *stream = fopen(file, "re");
	size_t length = stream ? fread(text, 1, sizeof(text) - 1, stream) : 0;

	text[length] = '\0';
	if (stream)
		fclose(stream);
	return text;
}

START_TEST(a_line_has_its_time)
{
	log_answer("hello");
	/* 2026-01-31T23:59:59Z */
	ck_assert_str_eq(content(path) + 20, " samepage: hello\n");
	ck_assert_int_eq(content(path)[10], 'T');
	ck_assert_int_eq(content(path)[19], 'Z');
}
END_TEST

START_TEST(what_an_earlier_process_said_is_put_aside)
{
	log_answer("first life");
	ck_assert_int_eq(log_file_open(path, old_path), 0);
	log_answer("second life");
	ck_assert_ptr_nonnull(strstr(content(old_path), "first life"));
	ck_assert_ptr_nonnull(strstr(content(path), "second life"));
	ck_assert_ptr_null(strstr(content(path), "first life"));
}
END_TEST

START_TEST(silence_puts_nothing_aside)
{
	log_answer("last words");
	ck_assert_int_eq(log_file_open(path, old_path), 0);
	ck_assert_int_eq(log_file_open(path, old_path), 0);
	ck_assert_ptr_nonnull(strstr(content(old_path), "last words"));
	ck_assert_int_eq(size_of(path), 0);
}
END_TEST

START_TEST(a_log_does_not_grow_without_end)
{
	char text[500];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned int i = 0; i < 5 * LOG_FILE_BYTES / sizeof(text); i++) {
		log_debug("%s %u", text, i);
		ck_assert_int_lt(size_of(path), LOG_FILE_BYTES + 1024);
		ck_assert_int_lt(size_of(old_path), LOG_FILE_BYTES + 1024);
	}
	ck_assert_int_ge(size_of(old_path), LOG_FILE_BYTES);
	log_debug("the end");
	ck_assert_int_gt(size_of(path), 0);
}
END_TEST

START_TEST(an_empty_log_is_not_left_behind)
{
	log_file_drop_empty();
	ck_assert_int_eq(size_of(path), -1);
}
END_TEST

START_TEST(a_log_with_words_is)
{
	log_answer("why");
	log_file_drop_empty();
	ck_assert_int_gt(size_of(path), 0);
}
END_TEST

START_TEST(a_link_in_its_place_is_not_followed)
{
	char other[96];

	snprintf(other, sizeof(other), "%s/precious", scratch_path);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink(other, path), 0);
	/* it was put aside: what is written is a file of our own */
	ck_assert_int_eq(log_file_open(path, old_path), 0);
	log_answer("words");
	ck_assert_int_eq(size_of(other), -1);
	ck_assert_int_eq(log_file_open("/nowhere/at/all", old_path), -ENOENT);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_line_has_its_time },
	{ "core", &what_an_earlier_process_said_is_put_aside },
	{ "core", &silence_puts_nothing_aside },
	{ "core", &an_empty_log_is_not_left_behind },
	{ "core", &a_log_with_words_is },
	{ "limits", &a_log_does_not_grow_without_end },
	{ "misuse", &a_link_in_its_place_is_not_followed },
};

SUITE_MAIN_AROUND("log_file", tests, set_up, tear_down)
