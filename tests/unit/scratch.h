/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.h - a directory of its own for one test; the run-time directory is in it */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_path[64];

/* Makes the directory and lets SAMEPAGE_RUNDIR name a place in it. */
static inline void scratch_make(void)
{
	char rundir[sizeof(scratch_path) + 8];

	strcpy(scratch_path, "/tmp/samepage-check-XXXXXX"); /* short: sockets live in it */
	if (!mkdtemp(scratch_path))
		abort();
	snprintf(rundir, sizeof(rundir), "%s/run", scratch_path);
	setenv("SAMEPAGE_RUNDIR", rundir, 1);
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
				     struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static inline void scratch_remove(void)
{
	nftw(scratch_path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Descriptors that this process has open. */
static inline int open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

#endif
