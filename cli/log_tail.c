/* SPDX-License-Identifier: Apache-2.0 */
/* log_tail.c - reads a log of base/log_file.h from its oldest line on, and what comes */
#include "cli/log_tail.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int log_tail_init(struct log_tail *tail, enum rundir_kind kind, const char *name, struct fail *why)
{
	int rc = rundir_path(kind, name, ".log", tail->path, why);

	tail->fd = -1;
	tail->has_begun = tail->exists = false;
	return rc < 0 ? rc : rundir_path(kind, name, ".old", tail->old_path, why);
}

void log_tail_done(struct log_tail *tail)
{
	auto_close(&tail->fd);
	tail->fd = -1;
}

/* -1: there is none. */
static int log_open(const char *path)
{
	return open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

/* To the end that the file has now. What goes wrong with `to` is told by ferror(). */
static int fd_copy(int fd, FILE *to)
{
	char bytes[16384];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fwrite(bytes, 1, (size_t)n, to) == 0)
			return 0;
	}
	return 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* The log first: what is put aside between the two is then seen twice, and known. */
static int tail_begin(struct log_tail *tail, FILE *to)
{
	AUTO_CLOSE int old_fd = -1;
	struct stat ours, old;

	tail->fd = log_open(tail->path);
	old_fd = log_open(tail->old_path);
	if (old_fd < 0)
		return 0;
	tail->exists = true;
	if (tail->fd >= 0 && fstat(tail->fd, &ours) == 0 && fstat(old_fd, &old) == 0 &&
	    is_same_file(&ours, &old))
		return 0;
	return fd_copy(old_fd, to);
}

/* Whether another file has the log's name by now: then nothing is added to this one. */
static bool was_replaced(const struct log_tail *tail)
{
	struct stat ours, named;

	return fstat(tail->fd, &ours) == 0 && stat(tail->path, &named) == 0 &&
	       !is_same_file(&ours, &named);
}

int log_tail_copy(struct log_tail *tail, FILE *to)
{
	int rc = tail->has_begun ? 0 : tail_begin(tail, to);
	bool go_on = true;

	tail->has_begun = true;
	if (tail->fd < 0)
		tail->fd = log_open(tail->path);
	while (rc == 0 && go_on && tail->fd >= 0) {
		tail->exists = true;
		go_on = was_replaced(tail);
		rc = fd_copy(tail->fd, to);
		if (rc < 0 || !go_on)
			break;
		auto_close(&tail->fd);
		tail->fd = log_open(tail->path);
	}
	return rc;
}
