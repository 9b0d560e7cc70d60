/* SPDX-License-Identifier: Apache-2.0 */
/* rundir.c - where running guests and brokers are found */
#include "base/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char *const kind_names[] = {
	[RUNDIR_GUESTS] = "guests",
	[RUNDIR_DOMAINS] = "domains",
};

static int rundir_base(char path[PATH_MAX])
{
	const char *dir = getenv("SAMEPAGE_RUNDIR");
	int n;

	if (dir && dir[0] == '/')
		n = snprintf(path, PATH_MAX, "%s", dir);
	else if (geteuid() == 0)
		n = snprintf(path, PATH_MAX, "/run/samepage");
	else if ((dir = getenv("XDG_RUNTIME_DIR")) && dir[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/samepage", dir);
	else
		n = snprintf(path, PATH_MAX, "/tmp/samepage-%u", (unsigned int)geteuid());
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* A directory that somebody else owns or can write would let them pose as us. */
static int make_private_directory(const char *path, struct fail *why)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail_errno(why, errno, "cannot create the run-time directory %s", path);
	if (lstat(path, &st) < 0)
		return fail_errno(why, errno, "cannot use the run-time directory %s", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return fail_set(why, EPERM,
				"%s is not a directory that only this user can write: remove it, "
				"or set SAMEPAGE_RUNDIR",
				path);
	return 0;
}

int rundir_create(struct fail *why)
{
	char base[PATH_MAX], path[PATH_MAX + 16];
	int rc = rundir_base(base);

	if (rc < 0)
		return fail_errno(why, -rc, "the path of the run-time directory is unusable");
	rc = make_private_directory(base, why);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(kind_names); i++) {
		snprintf(path, sizeof(path), "%s/%s", base, kind_names[i]);
		rc = make_private_directory(path, why);
	}
	return rc;
}

int rundir_base_path(char ret_path[RUNDIR_PATH_MAX], struct fail *why)
{
	char base[PATH_MAX];
	int rc = rundir_base(base);

	if (rc == 0 && strlen(base) >= RUNDIR_PATH_MAX)
		rc = -ENAMETOOLONG;
	if (rc < 0)
		return fail_errno(why, -rc, "the path of the run-time directory is unusable");
	strcpy(ret_path, base);
	return 0;
}

int rundir_path(enum rundir_kind kind, const char *name, const char *suffix,
		char ret_path[RUNDIR_PATH_MAX], struct fail *why)
{
	char base[PATH_MAX];
	int rc = rundir_base(base), n;

	if (rc < 0)
		return fail_errno(why, -rc, "the path of the run-time directory is unusable");
	n = snprintf(ret_path, RUNDIR_PATH_MAX, "%s/%s/%s%s", base, kind_names[kind], name, suffix);
	if (n < 0 || n >= RUNDIR_PATH_MAX)
		return fail_set(why, ENAMETOOLONG,
				"%s/%s/%s%s is too long for a socket: choose a shorter name or "
				"SAMEPAGE_RUNDIR",
				base, kind_names[kind], name, suffix);
	return 0;
}

int rundir_lock(enum rundir_kind kind, bool wait, int *ret_fd, struct fail *why)
{
	char path[RUNDIR_PATH_MAX];
	AUTO_CLOSE int fd = -1;
	int rc = rundir_path(kind, "", "", path, why);

	if (rc < 0)
		return rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(why, errno, "cannot open %s", path);
	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0)
		if (errno != EINTR)
			return fail_errno(why, errno, "cannot lock %s", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The length of what stands before the suffix; 0: nothing does, or another one is there. */
static size_t length_before(const char *file, const char *suffix)
{
	size_t length = strlen(file), end = strlen(suffix);

	return length > end && strcmp(file + length - end, suffix) == 0 ? length - end : 0;
}

/* Frees the entries. The names go to the front of an array that has room for all. */
static int names_take(struct dirent **entries, int entry_count, const char *suffix, char **names,
		      size_t *ret_count)
{
	size_t count = 0;
	int rc = names ? 0 : -ENOMEM;

	for (int i = 0; i < entry_count; i++) {
		size_t length = length_before(entries[i]->d_name, suffix);

		if (rc == 0 && length > 0) {
			names[count] = strndup(entries[i]->d_name, length);
			if (names[count])
				count++;
			else
				rc = -ENOMEM;
		}
		free(entries[i]);
	}
	free(entries);
	*ret_count = count;
	return rc;
}

int rundir_names_with(enum rundir_kind kind, const char *suffix, char ***ret_names,
		      size_t *ret_count, struct fail *why)
{
	char base[PATH_MAX], path[PATH_MAX + 16];
	struct dirent **entries = NULL;
	char **names;
	size_t count;
	int n, rc = rundir_base(base);

	if (rc < 0)
		return fail_errno(why, -rc, "the path of the run-time directory is unusable");
	snprintf(path, sizeof(path), "%s/%s", base, kind_names[kind]);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0 && errno != ENOENT)
		return fail_errno(why, errno, "cannot read the run-time directory %s", path);
	if (n < 0)
		n = 0;
	names = calloc((size_t)n + 1, sizeof(*names));
	rc = names_take(entries, n, suffix, names, &count);
	if (rc < 0) {
		rundir_names_free(names, count);
		return fail_errno(why, -rc, "cannot list %s", path);
	}
	*ret_names = names;
	*ret_count = count;
	return 0;
}

int rundir_names(enum rundir_kind kind, char ***ret_names, size_t *ret_count, struct fail *why)
{
	return rundir_names_with(kind, ".sock", ret_names, ret_count, why);
}

void rundir_names_free(char **names, size_t count)
{
	for (size_t i = 0; names && i < count; i++)
		free(names[i]);
	free(names);
}
