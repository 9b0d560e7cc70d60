/* SPDX-License-Identifier: Apache-2.0 */
/* log_file.c - a log of bounded size, for who has nobody at standard error */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Set before there are threads; size belongs to the lock of log.c. */
static char file_path[LOG_FILE_PATH_SIZE], file_old_path[LOG_FILE_PATH_SIZE];
static size_t file_size;

/* A file without words is written on. */
static void file_put_aside(const char *path, const char *old_path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_size > 0)
		rename(path, old_path);
}

static int file_begin(const char *path, const char *old_path)
{
	AUTO_CLOSE int fd = -1;

	file_put_aside(path, old_path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return -errno;
	file_size = 0;
	return 0;
}

int log_file_open(const char *path, const char *old_path)
{
	int rc;

	if (strlen(path) >= sizeof(file_path) || strlen(old_path) >= sizeof(file_old_path))
		return -ENAMETOOLONG;
	rc = file_begin(path, old_path);
	if (rc == 0) {
		strcpy(file_path, path);
		strcpy(file_old_path, old_path);
	}
	return rc;
}

bool log_file_is_open(void)
{
	return file_path[0] != '\0';
}

void log_file_wrote(size_t bytes)
{
	file_size += bytes;
	/* where that fails, the next line tries again */
	if (log_file_is_open() && file_size >= LOG_FILE_BYTES &&
	    file_begin(file_path, file_old_path) < 0)
		return;
}

void log_file_drop_empty(void)
{
	/* asked of the file: not only log.c may have written */
	if (log_file_is_open() && lseek(STDERR_FILENO, 0, SEEK_END) == 0)
		unlink(file_path);
}
