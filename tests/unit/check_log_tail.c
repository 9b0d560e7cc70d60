/* SPDX-License-Identifier: Apache-2.0 */
/* check_log_tail.c - whoever reads a log along gets each line once, in order */
#include "tests/unit/suite.h"

#include "cli/log_tail.h"
#include "tests/unit/scratch.h"

static struct log_tail tail;
static struct fail why;
static FILE *to;
static char *text;
static size_t length;

static void set_up(void)
{
	scratch_make();
	ck_assert_int_eq(rundir_create(&why), 0);
	ck_assert_int_eq(log_tail_init(&tail, RUNDIR_GUESTS, "web", &why), 0);
	to = open_memstream(&text, &length);
	ck_assert_ptr_nonnull(to);
}

static void tear_down(void)
{
	log_tail_done(&tail);
	fclose(to);
	free(text);
	scratch_remove();
}

static void say(const char *path, const char *line)
{
	FILE *file = fopen(path, "ae");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(line, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* All that has been copied so far. */
static const char *copied(void)
{
	ck_assert_int_eq(log_tail_copy(&tail, to), 0);
	ck_assert_int_eq(fflush(to), 0);
	return text;
}

START_TEST(the_old_comes_before_the_new)
{
	say(tail.old_path, "a\n");
	say(tail.path, "b\n");
	ck_assert_str_eq(copied(), "a\nb\n");
	ck_assert(tail.exists);
}
END_TEST

START_TEST(what_comes_is_added)
{
	say(tail.path, "a\n");
	ck_assert_str_eq(copied(), "a\n");
	ck_assert_str_eq(copied(), "a\n");
	say(tail.path, "b\n");
	ck_assert_str_eq(copied(), "a\nb\n");
}
END_TEST

START_TEST(a_log_that_is_put_aside_is_read_to_its_end)
{
	say(tail.path, "a\n");
	ck_assert_str_eq(copied(), "a\n");
	say(tail.path, "b\n");
	ck_assert_int_eq(rename(tail.path, tail.old_path), 0);
	say(tail.path, "c\n");
	ck_assert_str_eq(copied(), "a\nb\nc\n");
	say(tail.path, "d\n");
	ck_assert_str_eq(copied(), "a\nb\nc\nd\n");
}
END_TEST

START_TEST(a_log_that_begins_later_is_read)
{
	ck_assert_str_eq(copied(), "");
	ck_assert(!tail.exists);
	say(tail.path, "a\n");
	ck_assert_str_eq(copied(), "a\n");
	ck_assert(tail.exists);
}
END_TEST

START_TEST(the_old_alone_is_read_once)
{
	say(tail.old_path, "a\n");
	ck_assert_str_eq(copied(), "a\n");
	ck_assert_str_eq(copied(), "a\n");
	ck_assert(tail.exists);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &the_old_comes_before_the_new },
	{ "core", &what_comes_is_added },
	{ "core", &a_log_that_is_put_aside_is_read_to_its_end },
	{ "limits", &a_log_that_begins_later_is_read },
	{ "limits", &the_old_alone_is_read_once },
};

SUITE_MAIN_AROUND("log_tail", tests, set_up, tear_down)
