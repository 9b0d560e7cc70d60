/* SPDX-License-Identifier: Apache-2.0 */
/* guest_log.c - where a guest's own words are, while it runs and when it has ended */
#include "cli/guest_log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/log_file.h"
#include "base/rundir.h"

#define ENVIRONMENT_BYTES (256u << 10)

/* A log whose guest is gone. */
struct leftover {
	const char *name;
	struct timespec written;
};

static int newest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct leftover *)a)->written;
	const struct timespec *y = &((const struct leftover *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

/* Whether RUNDIR/guests/NAME<suffix> is there. */
static bool file_find(const char *name, const char *suffix, struct stat *ret_file)
{
	char path[RUNDIR_PATH_MAX];
	struct fail why;

	return rundir_path(RUNDIR_GUESTS, name, suffix, path, &why) == 0 &&
	       lstat(path, ret_file) == 0;
}

static void file_remove(const char *name, const char *suffix)
{
	char path[RUNDIR_PATH_MAX];
	struct fail why;

	if (rundir_path(RUNDIR_GUESTS, name, suffix, path, &why) == 0)
		unlink(path);
}

/* Of the logs with this suffix whose guests are gone, those that were written to last stay. */
static void leftovers_prune(const char *suffix)
{
	AUTO_FREE struct leftover *leftovers = NULL;
	struct stat file, socket;
	size_t count, found = 0;
	struct fail why;
	char **names;

	if (rundir_names_with(RUNDIR_GUESTS, suffix, &names, &count, &why) < 0)
		return;
	leftovers = calloc(count + 1, sizeof(*leftovers));
	for (size_t i = 0; leftovers && i < count; i++)
		if (file_find(names[i], suffix, &file) && !file_find(names[i], ".sock", &socket))
			leftovers[found++] = (struct leftover){ names[i], file.st_mtim };
	if (found > 0)
		qsort(leftovers, found, sizeof(*leftovers), newest_first);
	for (size_t i = GUEST_LOGS_KEPT; i < found; i++)
		file_remove(leftovers[i].name, suffix);
	rundir_names_free(names, count);
}

int guest_log_open(const char *name, struct fail *why)
{
	char path[RUNDIR_PATH_MAX], old_path[RUNDIR_PATH_MAX];
	int rc = rundir_path(RUNDIR_GUESTS, name, ".log", path, why);

	if (rc == 0)
		rc = rundir_path(RUNDIR_GUESTS, name, ".old", old_path, why);
	if (rc < 0)
		return rc;
	leftovers_prune(".log");
	leftovers_prune(".old");
	rc = log_file_open(path, old_path);
	return rc < 0 ? fail_errno(why, -rc, "cannot open the log %s of guest '%s'", path, name)
		      : 0;
}

/* The value of JOURNAL_STREAM in a process's environment; false: it has none. */
static bool stream_find(pid_t pid, char *environment)
{
	static const char key[] = "JOURNAL_STREAM=";
	char path[64];
	FILE *file;
	size_t length;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	length = fread(environment, 1, ENVIRONMENT_BYTES - 1, file);
	fclose(file);
	environment[length] = '\0';
	for (const char *word = environment; word < environment + length;
	     word += strlen(word) + 1) {
		if (strncmp(word, key, sizeof(key) - 1) != 0)
			continue;
		memmove(environment, word + sizeof(key) - 1, strlen(word) - sizeof(key) + 2);
		return true;
	}
	return false;
}

enum guest_log_place guest_log_find(pid_t pid)
{
	AUTO_FREE char *environment = malloc(ENVIRONMENT_BYTES);
	struct stat file;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)pid);
	if (environment && stat(path, &file) == 0 && stream_find(pid, environment) &&
	    log_is_journal_stream(environment, &file))
		return GUEST_LOG_JOURNAL;
	return GUEST_LOG_ELSEWHERE;
}
