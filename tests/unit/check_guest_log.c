/* SPDX-License-Identifier: Apache-2.0 */
/* check_guest_log.c - last words stay, but not those of all guests that ever were */
#include "tests/unit/suite.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/rundir.h"
#include "cli/guest_log.h"
#include "tests/unit/scratch.h"

static struct fail why;

static void set_up(void)
{
	scratch_make();
	ck_assert_int_eq(rundir_create(&why), 0);
}

static void tear_down(void)
{
	scratch_remove();
}

/* A file that was written to at this second. */
static void leave(const char *name, const char *suffix, time_t second)
{
	struct timespec times[2] = { { .tv_sec = second }, { .tv_sec = second } };
	char path[RUNDIR_PATH_MAX];
	int fd;

	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, name, suffix, path, &why), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	ck_assert_int_eq(futimens(fd, times), 0);
	close(fd);
}

static bool is_there(const char *name, const char *suffix)
{
	char path[RUNDIR_PATH_MAX];

	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, name, suffix, path, &why), 0);
	return access(path, F_OK) == 0;
}

START_TEST(words_of_an_earlier_guest_of_that_name_are_put_aside)
{
	leave("web", ".log", 1);
	ck_assert_int_eq(guest_log_open("web", &why), 0);
	ck_assert(is_there("web", ".log"));
	ck_assert(is_there("web", ".old"));
}
END_TEST

START_TEST(the_last_of_many_leftovers_stay)
{
	char name[32];

	for (int i = 0; i < GUEST_LOGS_KEPT + 10; i++) {
		snprintf(name, sizeof(name), "gone-%d", i);
		leave(name, ".log", 1000 + i);
		leave(name, ".old", 5000 - i);
	}
	leave("runs", ".log", 1);
	leave("runs", ".old", 1);
	leave("runs", ".sock", 1);
	ck_assert_int_eq(guest_log_open("web", &why), 0);
	ck_assert(!is_there("gone-0", ".log"));
	ck_assert(!is_there("gone-9", ".log"));
	ck_assert(is_there("gone-10", ".log"));
	ck_assert(is_there("gone-73", ".log"));
	ck_assert(is_there("gone-63", ".old"));
	ck_assert(!is_there("gone-64", ".old"));
	ck_assert(is_there("runs", ".log"));
	ck_assert(is_there("runs", ".old"));
}
END_TEST

/* A process whose standard error is a pipe, with this in its environment. */
static pid_t sleeper(const char *key, const char *between)
{
	char stream[96];
	char *words[] = { (char[]){ "sleep" }, (char[]){ "100" }, NULL };
	char *environment[] = { (char[]){ "A=1" }, stream, NULL };
	int fds[2], started[2];
	struct stat st;
	pid_t pid;
	char byte;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(started, O_CLOEXEC), 0);
	ck_assert_int_eq(fstat(fds[1], &st), 0);
	snprintf(stream, sizeof(stream), "%s=%lu%s%lu", key, (unsigned long)st.st_dev, between,
		 (unsigned long)st.st_ino);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		execvpe(words[0], words, environment);
		_exit(1);
	}
	close(started[1]);
	/* closed by its exec */
	ck_assert_int_eq(read(started[0], &byte, 1), 0);
	close(started[0]);
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static void expect_place(const char *key, const char *between, enum guest_log_place place)
{
	pid_t pid = sleeper(key, between);

	ck_assert_msg(guest_log_find(pid) == place, "with %s and %s", key, between);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

START_TEST(a_process_that_writes_to_the_journal_is_found_out)
{
	expect_place("JOURNAL_STREAM", ":", GUEST_LOG_JOURNAL);
	expect_place("JOURNAL_STREAM", ":1", GUEST_LOG_ELSEWHERE);
	expect_place("XJOURNAL_STREAM", ":", GUEST_LOG_ELSEWHERE);
	expect_place("JOURNAL_STREAM", "", GUEST_LOG_ELSEWHERE);
	ck_assert_int_eq(guest_log_find(-1), GUEST_LOG_ELSEWHERE);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &words_of_an_earlier_guest_of_that_name_are_put_aside },
	{ "core", &a_process_that_writes_to_the_journal_is_found_out },
	{ "limits", &the_last_of_many_leftovers_stay },
};

SUITE_MAIN_AROUND("guest_log", tests, set_up, tear_down)
