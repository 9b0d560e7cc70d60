/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite.c - a process whose memory KSM merges, and changes a little whenever it is told to */
/*
 * Usage: rewrite IMAGE NUMBER
 *
 * The same memory and the same writes as steady-guest.c. Prints READY when all is in
 * place; then a byte on standard input begins the next round, and DONE follows it. Ends
 * with its input.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/steady.h"

static void read_fully(int fd, char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = read(fd, bytes, length);

		if (n <= 0)
			err(1, "cannot read the image");
		bytes += n;
		length -= (size_t)n;
	}
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct stat status;
	uint64_t own, pages;
	void *memory;
	int fd;

	if (argc != 3)
		errx(2, "usage: rewrite IMAGE NUMBER");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		err(1, "%s", argv[1]);
	own = strtoull(argv[2], NULL, 10) + 1;
	pages = (uint64_t)status.st_size / (STEADY_PAGE_WORDS * 8);
	memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "no memory for %s", argv[1]);
	(void)madvise(memory, (size_t)status.st_size, MADV_NOHUGEPAGE);
	read_fully(fd, memory, (size_t)status.st_size);
	steady_begin(memory, pages, own);
	if (madvise(memory, (size_t)status.st_size, MADV_MERGEABLE) < 0)
		err(1, "this kernel has no KSM");
	say("READY");
	for (uint64_t round = 0; getchar() != EOF; round++) {
		steady_round(memory, pages, own, round);
		say("DONE");
	}
	return 0;
}
