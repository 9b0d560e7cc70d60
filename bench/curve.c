/* SPDX-License-Identifier: Apache-2.0 */
/* curve.c - writes down how merging goes on as time passes, until it is killed */
/*
 * Usage: curve guests STORE PID...
 *        curve ksm
 *
 * Prints a line for each change that it sees: the time, in microseconds since the
 * epoch, and a number of pages. `guests`: those that the processes own and those in
 * STORE, the broker's file of frames, together: what merging makes less. `ksm`: the
 * kernel's pages_sharing, which merging makes more.
 *
 * To be looked at costs the watched nothing: the kernel has these numbers anyway.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_NS	2000000
#define BLOCKS_PER_PAGE 8 /* st_blocks counts 512 bytes */
#define KSM_SHARING	"/sys/kernel/mm/ksm/pages_sharing"
#define PROCESSES_MAX	64

static int fds[PROCESSES_MAX + 1]; /* guests: the store, then each process; ksm: the file */
static int fd_count;

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void watch_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	if (fd_count == PROCESSES_MAX + 1)
		errx(2, "too many processes");
	fds[fd_count++] = fd;
}

/* Whatever ends here ends the curve: a guest that is gone is how it is told to stop. */
static void text_read(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	if (n <= 0)
		exit(0);
	text[n] = '\0';
}

static int64_t pages_of_guests(void)
{
	struct stat store;
	int64_t sum;

	if (fstat(fds[0], &store) < 0)
		err(1, "the store");
	sum = store.st_blocks / BLOCKS_PER_PAGE;
	for (int i = 1; i < fd_count; i++) {
		int64_t resident, shared;
		char text[128];

		text_read(fds[i], text, sizeof(text));
		if (sscanf(text, "%*s %" SCNd64 " %" SCNd64, &resident, &shared) != 2)
			errx(1, "cannot read a guest's figures");
		sum += resident - shared;
	}
	return sum;
}

static int64_t pages_of_ksm(void)
{
	char text[64];

	text_read(fds[0], text, sizeof(text));
	return strtoll(text, NULL, 10);
}

int main(int argc, char **argv)
{
	const struct timespec little = { .tv_nsec = LOOK_EVERY_NS };
	int is_ksm = argc == 2 && strcmp(argv[1], "ksm") == 0;
	int64_t before = -1;

	if (!is_ksm && (argc < 4 || strcmp(argv[1], "guests") != 0))
		errx(2, "usage: curve guests STORE PID... | curve ksm");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	watch_file(is_ksm ? KSM_SHARING : argv[2], is_ksm ? O_RDONLY : O_PATH);
	for (int i = 3; i < argc; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%s/statm", argv[i]);
		watch_file(path, O_RDONLY);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		int64_t pages = is_ksm ? pages_of_ksm() : pages_of_guests();

		if (pages != before)
			printf("%" PRId64 " %" PRId64 "\n", now_us(), pages);
		before = pages;
		nanosleep(&little, NULL);
	}
}
