/* SPDX-License-Identifier: Apache-2.0 */
/* mergeable.c - a process that has one memory image and lets KSM merge it */
/*
 * Usage: mergeable IMAGE
 *
 * What a VMM does that leaves sharing to the kernel: private anonymous memory,
 * MADV_MERGEABLE, and nothing more. Pages of zeroes are never touched, so that
 * they are no part of what is merged. Prints "ready" when all is in place, then
 * waits to be killed; it dies with the process that started it.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES  4096
#define CHUNK_BYTES (256 * PAGE_BYTES)

static bool page_is_zero(const unsigned char *bytes)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_BYTES - 1) == 0;
}

static void read_fully(int fd, unsigned char *bytes, size_t length, off_t offset)
{
	while (length > 0) {
		ssize_t n = pread(fd, bytes, length, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err(1, "cannot read the image");
		if (n == 0)
			errx(1, "the image shrank while it was read");
		bytes += n;
		length -= (size_t)n;
		offset += n;
	}
}

static void extent_load(int fd, unsigned char *memory, off_t first, off_t end)
{
	static unsigned char chunk[CHUNK_BYTES];

	while (first < end) {
		size_t length = end - first < CHUNK_BYTES ? (size_t)(end - first) : CHUNK_BYTES;

		read_fully(fd, chunk, length, first);
		for (size_t i = 0; i < length; i += PAGE_BYTES)
			if (!page_is_zero(chunk + i))
				memcpy(memory + first + i, chunk + i, PAGE_BYTES);
		first += (off_t)length;
	}
}

static void image_load(int fd, unsigned char *memory, off_t size)
{
	off_t data, hole = 0;

	while (hole < size && (data = lseek(fd, hole, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			err(1, "cannot read the image");
		data -= data % PAGE_BYTES;
		hole = (hole + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
		extent_load(fd, memory, data, hole < size ? hole : size);
	}
}

int main(int argc, char **argv)
{
	unsigned char *memory;
	struct stat status;
	int fd;

	if (argc != 2)
		errx(2, "usage: mergeable IMAGE");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		err(1, "%s", argv[1]);
	if (status.st_size == 0 || status.st_size % PAGE_BYTES)
		errx(1, "%s: not a whole number of pages", argv[1]);
	memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "no memory for %s", argv[1]);
	(void)madvise(memory, (size_t)status.st_size, MADV_NOHUGEPAGE);
	image_load(fd, memory, status.st_size);
	close(fd);
	if (madvise(memory, (size_t)status.st_size, MADV_MERGEABLE) < 0)
		err(1, "this kernel has no KSM");
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
