/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_file.c - a kernel or initrd file, read part by part
 *
 * Read, not mapped: a mapped file that somebody cuts short would kill us.
 */
#include "vmm/boot_file.h"

#include <fcntl.h>
#include <sys/stat.h>

int boot_file_open(const char *what, const char *path, int *ret_fd, uint64_t *ret_bytes,
		   struct fail *why)
{
	/* non-blocking: opening a FIFO must not wait for a writer */
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_errno(why, errno, "cannot open %s '%s'", what, path);
	if (!S_ISREG(status.st_mode))
		return fail_set(why, EINVAL, "%s '%s' is not a regular file", what, path);
	*ret_fd = TAKE_FD(fd);
	*ret_bytes = (uint64_t)status.st_size;
	return 0;
}

int boot_file_read(const char *what, const char *path, int fd, uint64_t at, void *to, size_t length,
		   struct fail *why)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = pread(fd, (char *)to + done, length - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(why, errno, "cannot read %s '%s'", what, path);
		if (n == 0)
			return fail_set(why, EIO, "%s '%s' shrank while it was read", what, path);
		done += (size_t)n;
	}
	return 0;
}
