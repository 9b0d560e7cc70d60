/* SPDX-License-Identifier: Apache-2.0 */
/* new_file.c - a file that gets its name when it is whole */
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* Removed by a signal that ends us; async-signal-safe because it only is read then. */
static char part_path[PATH_MAX];

static void on_signal(int signal_number)
{
	unlink(part_path);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void remove_on_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

int new_file_create(const char *path, mode_t mode, int *ret_fd, struct fail *why)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;
	int n = snprintf(part_path, sizeof(part_path), "%s.XXXXXX", path);

	if (n < 0 || n >= (int)sizeof(part_path))
		return fail_set(why, ENAMETOOLONG, "the path '%s' is too long", path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return fail_set(why, EINVAL, "'%s' is not a regular file", path);
	fd = mkostemp(part_path, O_CLOEXEC);
	if (fd < 0)
		return fail_errno(why, errno, "cannot create a file beside '%s'", path);
	remove_on_signals();
	if (mode != 0600 && fchmod(fd, mode) < 0) {
		unlink(part_path);
		return fail_errno(why, errno, "cannot set who may read '%s'", path);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int new_file_end(const char *path, int rc, struct fail *why)
{
	if (rc == 0 && rename(part_path, path) < 0)
		rc = fail_errno(why, errno, "cannot rename '%s' to '%s'", part_path, path);
	if (rc < 0)
		unlink(part_path);
	return rc;
}

static mode_t everybodys_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* Takes fd over. */
static int fd_fill(int fd, const char *path, new_file_fn *fn, const void *context, struct fail *why)
{
	FILE *to = fdopen(fd, "w");
	int rc;

	if (!to) {
		close(fd);
		return fail_errno(why, errno, "cannot write to '%s'", path);
	}
	rc = fn(context, to, why);
	if (rc == 0 && ferror(to))
		rc = fail_set(why, EIO, "cannot write all of '%s'", path);
	if (fclose(to) != 0 && rc == 0)
		rc = fail_errno(why, errno, "cannot write all of '%s'", path);
	return rc;
}

int new_file_write(const char *path, new_file_fn *fn, const void *context, struct fail *why)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return fn(context, stdout, why); /* main() says that standard output failed */
	rc = new_file_create(path, everybodys_mode(), &fd, why);
	if (rc < 0)
		return rc;
	return new_file_end(path, fd_fill(fd, path, fn, context, why), why);
}
