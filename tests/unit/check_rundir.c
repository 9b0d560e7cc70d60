/* SPDX-License-Identifier: Apache-2.0 */
/* check_rundir.c - the run-time directory is found, private, and nobody else's */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/rundir.h"
#include "tests/unit/scratch.h"

static void expect_private(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
}

static const char *in_scratch(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", scratch_path, name);
	return path;
}

static void touch(const char *name)
{
	int fd = open(in_scratch(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

START_TEST(directories_are_made_private_and_only_once)
{
	struct fail why;

	scratch_make();
	umask(0);
	ck_assert_int_eq(rundir_create(&why), 0);
	ck_assert_int_eq(rundir_create(&why), 0);
	expect_private(in_scratch("run"));
	expect_private(in_scratch("run/guests"));
	expect_private(in_scratch("run/domains"));
	scratch_remove();
}
END_TEST

START_TEST(a_path_is_made_of_kind_name_and_suffix)
{
	char path[RUNDIR_PATH_MAX];
	struct fail why;

	setenv("SAMEPAGE_RUNDIR", "/run/x", 1);
	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, "web", ".sock", path, &why), 0);
	ck_assert_str_eq(path, "/run/x/guests/web.sock");
	ck_assert_int_eq(rundir_path(RUNDIR_DOMAINS, "lab", ".lock", path, &why), 0);
	ck_assert_str_eq(path, "/run/x/domains/lab.lock");
}
END_TEST

START_TEST(names_are_those_of_sockets_in_order)
{
	char **names;
	size_t count;
	struct fail why;

	scratch_make();
	ck_assert_int_eq(rundir_create(&why), 0);
	touch("run/guests/zoe.sock");
	touch("run/guests/ann.sock");
	touch("run/guests/ann.log");
	touch("run/guests/.sock");
	ck_assert_int_eq(rundir_names(RUNDIR_GUESTS, &names, &count, &why), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(names[0], "ann");
	ck_assert_str_eq(names[1], "zoe");
	rundir_names_free(names, count);
	ck_assert_int_eq(rundir_names(RUNDIR_DOMAINS, &names, &count, &why), 0);
	ck_assert_uint_eq(count, 0);
	rundir_names_free(names, count);
	scratch_remove();
}
END_TEST

START_TEST(no_directory_means_no_names)
{
	char **names;
	size_t count = 9;
	struct fail why;

	setenv("SAMEPAGE_RUNDIR", "/nowhere/at/all", 1);
	ck_assert_int_eq(rundir_names(RUNDIR_GUESTS, &names, &count, &why), 0);
	ck_assert_uint_eq(count, 0);
	rundir_names_free(names, count);
	rundir_names_free(NULL, 3);
}
END_TEST

START_TEST(a_path_too_long_for_a_socket_is_refused)
{
	char path[RUNDIR_PATH_MAX], name[RUNDIR_PATH_MAX], dir[5000];
	struct fail why;
	size_t fixed = strlen("/run/x/guests/.sock");

	setenv("SAMEPAGE_RUNDIR", "/run/x", 1);
	memset(name, 'n', sizeof(name));
	name[RUNDIR_PATH_MAX - 1 - fixed] = '\0';
	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, name, ".sock", path, &why), 0);
	ck_assert_uint_eq(strlen(path), RUNDIR_PATH_MAX - 1);
	name[RUNDIR_PATH_MAX - 1 - fixed] = 'n';
	name[RUNDIR_PATH_MAX - fixed] = '\0';
	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, name, ".sock", path, &why), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(why.text, "shorter"));

	memset(dir, 'd', sizeof(dir));
	dir[0] = '/';
	dir[sizeof(dir) - 1] = '\0';
	setenv("SAMEPAGE_RUNDIR", dir, 1);
	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, "a", ".sock", path, &why), -ENAMETOOLONG);
	ck_assert_int_eq(rundir_create(&why), -ENAMETOOLONG);
}
END_TEST

START_TEST(a_directory_that_others_can_write_is_refused)
{
	struct fail why;

	scratch_make();
	ck_assert_int_eq(mkdir(in_scratch("run"), 0700), 0);
	ck_assert_int_eq(chmod(in_scratch("run"), 0720), 0);
	ck_assert_int_eq(rundir_create(&why), -EPERM);
	ck_assert_ptr_nonnull(strstr(why.text, in_scratch("run")));
	ck_assert_int_eq(chmod(in_scratch("run"), 0702), 0);
	ck_assert_int_eq(rundir_create(&why), -EPERM);
	scratch_remove();
}
END_TEST

START_TEST(a_link_or_a_file_in_its_place_is_refused)
{
	struct fail why;

	scratch_make();
	ck_assert_int_eq(symlink("/tmp", in_scratch("run")), 0);
	ck_assert_int_eq(rundir_create(&why), -EPERM);
	ck_assert_int_eq(unlink(in_scratch("run")), 0);
	touch("run");
	ck_assert_int_eq(rundir_create(&why), -EPERM);
	scratch_remove();
}
END_TEST

START_TEST(a_directory_of_another_user_is_refused)
{
	struct fail why;

	if (geteuid() != 0)
		return; /* nobody else can give a directory away */
	scratch_make();
	ck_assert_int_eq(mkdir(in_scratch("run"), 0700), 0);
	ck_assert_int_eq(chown(in_scratch("run"), 1, 1), 0);
	ck_assert_int_eq(rundir_create(&why), -EPERM);
	scratch_remove();
}
END_TEST

START_TEST(a_missing_parent_is_named)
{
	struct fail why;

	setenv("SAMEPAGE_RUNDIR", "/nowhere/at/all", 1);
	ck_assert_int_eq(rundir_create(&why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "/nowhere/at/all"));
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &directories_are_made_private_and_only_once },
	{ "core", &a_path_is_made_of_kind_name_and_suffix },
	{ "core", &names_are_those_of_sockets_in_order },
	{ "core", &no_directory_means_no_names },
	{ "limits", &a_path_too_long_for_a_socket_is_refused },
	{ "misuse", &a_directory_that_others_can_write_is_refused },
	{ "misuse", &a_link_or_a_file_in_its_place_is_refused },
	{ "misuse", &a_directory_of_another_user_is_refused },
	{ "faults", &a_missing_parent_is_named },
};

SUITE_MAIN("rundir", tests)
