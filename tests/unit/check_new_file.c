/* SPDX-License-Identifier: Apache-2.0 */
/* check_new_file.c - a file is there as a whole, or as it was */
#include "tests/unit/suite.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/new_file.h"
#include "tests/unit/scratch.h"

static char path[128];
static struct fail why;

static void set_up(void)
{
	scratch_make();
	snprintf(path, sizeof(path), "%s/file", scratch_path);
}

static int do_write(const void *context, FILE *to, struct fail *sentence)
{
	fputs(context, to);
	return 0;
}

static int do_fail(const void *context, FILE *to, struct fail *sentence)
{
	fputs("half", to);
	return fail_set(sentence, EBUSY, "not now");
}

static int do_die(const void *context, FILE *to, struct fail *sentence)
{
	fflush(to);
	raise(SIGTERM);
	return 0;
}

static void expect(const char *text)
{
	char read[32] = "";
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fread(read, 1, sizeof(read) - 1, file), strlen(text));
	fclose(file);
	ck_assert_str_eq(read, text);
}

static unsigned int files(void)
{
	DIR *directory = opendir(scratch_path);
	struct dirent *entry;
	unsigned int count = 0;

	while ((entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

START_TEST(a_file_is_replaced_as_a_whole)
{
	struct stat st;

	umask(022);
	ck_assert_int_eq(new_file_write(path, do_write, "one", &why), 0);
	ck_assert_int_eq(new_file_write(path, do_write, "two", &why), 0);
	expect("two");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	ck_assert_uint_eq(files(), 1);
}
END_TEST

START_TEST(a_failure_leaves_what_was_there)
{
	ck_assert_int_eq(new_file_write(path, do_write, "one", &why), 0);
	ck_assert_int_eq(new_file_write(path, do_fail, NULL, &why), -EBUSY);
	ck_assert_str_eq(why.text, "not now");
	expect("one");
	ck_assert_uint_eq(files(), 1);
}
END_TEST

START_TEST(a_signal_leaves_what_was_there)
{
	pid_t pid;
	int status;

	ck_assert_int_eq(new_file_write(path, do_write, "one", &why), 0);
	pid = fork();
	if (pid == 0)
		_exit(new_file_write(path, do_die, NULL, &why) == 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	expect("one");
	ck_assert_uint_eq(files(), 1);
}
END_TEST

START_TEST(what_is_no_file_is_left_alone)
{
	ck_assert_int_eq(new_file_write("/dev/null", do_write, "x", &why), -EINVAL);
	ck_assert_int_eq(new_file_write(scratch_path, do_write, "x", &why), -EINVAL);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_named)
{
	char directory[128];

	snprintf(directory, sizeof(directory), "%s/none/file", scratch_path);
	ck_assert_int_eq(new_file_write(directory, do_write, "x", &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, directory));
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_file_is_replaced_as_a_whole },
	{ "faults", &a_failure_leaves_what_was_there },
	{ "faults", &a_signal_leaves_what_was_there },
	{ "faults", &a_directory_that_is_not_there_is_named },
	{ "misuse", &what_is_no_file_is_left_alone },
};

SUITE_MAIN_AROUND("new_file", tests, set_up, scratch_remove)
