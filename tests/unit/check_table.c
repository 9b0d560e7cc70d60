/* SPDX-License-Identifier: Apache-2.0 */
/* check_table.c - aligned columns, and consoles told apart by their prefix */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "cli/prefix.h"
#include "cli/table.h"

static const struct table_column columns[] = {
	{ "NAME", TABLE_LEFT },
	{ "MEM", TABLE_RIGHT },
	{ "STATE", TABLE_LEFT },
};

static struct table *table;
static char *text;

static void set_up(void)
{
	struct fail why;

	ck_assert_int_eq(table_create(columns, ARRAY_SIZE(columns), &table, &why), 0);
}

static void tear_down(void)
{
	table_free(table);
	free(text);
	text = NULL;
}

static const char *printed(void)
{
	size_t size;
	FILE *to = open_memstream(&text, &size);

	table_print(table, to);
	fclose(to);
	return text;
}

START_TEST(columns_are_as_wide_as_their_widest_cell)
{
	table_text(table, "a-long-name");
	table_mib(table, 1536 << 10);
	table_text(table, "running");
	table_text(table, "b");
	table_number(table, 123456789);
	table_format(table, "%s", "off");
	ck_assert_str_eq(printed(), "NAME               MEM  STATE\n"
				    "a-long-name    1.5 MiB  running\n"
				    "b            123456789  off\n");
}
END_TEST

START_TEST(a_table_without_rows_has_its_titles)
{
	ck_assert_str_eq(printed(), "NAME  MEM  STATE\n");
}
END_TEST

START_TEST(rows_are_not_limited)
{
	for (int i = 0; i < 3000; i++)
		table_number(table, (uint64_t)i);
	ck_assert_ptr_nonnull(strstr(printed(), "\n2997  2998  2999\n"));
}
END_TEST

START_TEST(negative_sizes_are_shown)
{
	table_text(table, "");
	table_mib(table, -(3 << 19));
	table_text(table, "");
	ck_assert_ptr_nonnull(strstr(printed(), "-1.5 MiB"));
}
END_TEST

static int pipe_fds[2];

static void open_pipe(void)
{
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
}

static void close_pipe(void)
{
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static const char *piped(void)
{
	static char bytes[8192];
	ssize_t n = read(pipe_fds[0], bytes, sizeof(bytes) - 1);

	bytes[n > 0 ? n : 0] = '\0';
	return bytes;
}

static void feed(struct prefix *prefix, const char *bytes)
{
	ck_assert_int_eq(prefix_write(prefix, bytes, strlen(bytes), pipe_fds[1]), 0);
}

START_TEST(each_line_carries_the_name_once)
{
	struct prefix prefix = { .name = "web-1" };

	feed(&prefix, "boot");
	ck_assert_str_eq(piped(), "");
	feed(&prefix, "ing\r\nlogin: ");
	ck_assert_str_eq(piped(), "web-1: booting\n");
	ck_assert_int_eq(prefix_finish(&prefix, pipe_fds[1]), 0);
	ck_assert_str_eq(piped(), "web-1: login: \n");
	ck_assert_int_eq(prefix_finish(&prefix, pipe_fds[1]), 0);
	ck_assert_str_eq(piped(), "");
}
END_TEST

START_TEST(a_line_without_end_is_broken)
{
	struct prefix prefix = { .name = "x" };
	char line[sizeof(prefix.line) + 2];

	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	feed(&prefix, line);
	ck_assert_uint_eq(strlen(piped()), sizeof(prefix.line) + strlen("x: \n"));
	ck_assert_uint_eq(prefix.length, 1);
}
END_TEST

START_TEST(a_reader_that_is_gone_is_an_error)
{
	struct prefix prefix = { .name = "x" };

	signal(SIGPIPE, SIG_IGN);
	close(pipe_fds[0]);
	ck_assert_int_eq(prefix_write(&prefix, "a\n", 2, pipe_fds[1]), -EPIPE);
	pipe_fds[0] = -1;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *tables = tcase_create("table"), *prefixes = tcase_create("prefix");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tables, set_up, tear_down);
	tcase_add_test(tables, columns_are_as_wide_as_their_widest_cell);
	tcase_add_test(tables, a_table_without_rows_has_its_titles);
	tcase_add_test(tables, rows_are_not_limited);
	tcase_add_test(tables, negative_sizes_are_shown);
	tcase_add_checked_fixture(prefixes, open_pipe, close_pipe);
	tcase_add_test(prefixes, each_line_carries_the_name_once);
	tcase_add_test(prefixes, a_line_without_end_is_broken);
	tcase_add_test(prefixes, a_reader_that_is_gone_is_an_error);
	suite_add_tcase(suite, tables);
	suite_add_tcase(suite, prefixes);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
