/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - waits until merging is at rest, and says since when it has been */
/*
 * Usage: watch guests SECONDS PID...
 *        watch ksm SECONDS PAGES
 *
 * `guests` looks at the pages that the processes own (a page leaves that sum when
 * it is shared) until they have stayed the same for 0.15 s and for a quarter of the
 * time that passed before. `ksm` looks at pages_sharing until two more full scans
 * have not changed it. Both print one line: the time of the last change, in
 * microseconds since the epoch, and the number.
 *
 * To be looked at costs the watched nothing: the kernel has these numbers anyway.
 * Ends with 3 if there is no rest after SECONDS, and with 4 if KSM has more than
 * PAGES pages to look at: then they are not only ours.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_NS	  2000000
#define STILL_AT_LEAST_US 150000
#define SCANS_AT_LEAST	  2
#define KSM		  "/sys/kernel/mm/ksm/"
/* A page that moves while the files are read may count twice, but not time and again. */
#define STRIKES		5
#define NO_REST_STATUS	3
#define NOT_OURS_STATUS 4

struct watched {
	int64_t value, changed_us;
	int64_t scans_then; /* full scans of KSM at the last change */
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The file's text anew each time: these files are made as they are read. */
static void text_read(int fd, char *text, size_t size, const char *what)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	if (n <= 0)
		errx(1, "cannot read %s", what);
	text[n] = '\0';
}

static int64_t number_read(int fd, const char *what)
{
	char text[64];

	text_read(fd, text, sizeof(text), what);
	return strtoll(text, NULL, 10);
}

static int64_t own_pages(const int *fds, int count)
{
	int64_t sum = 0;

	for (int i = 0; i < count; i++) {
		int64_t resident, shared;
		char text[128];

		text_read(fds[i], text, sizeof(text), "a guest's figures: it has ended");
		if (sscanf(text, "%*s %" SCNd64 " %" SCNd64, &resident, &shared) != 2)
			errx(1, "cannot read a guest's figures");
		sum += resident - shared;
	}
	return sum;
}

static bool watched_changes(struct watched *watched, int64_t value, int64_t now)
{
	if (value == watched->value)
		return false;
	watched->value = value;
	watched->changed_us = now;
	return true;
}

static void wait_a_little(int64_t start_us, int64_t patience_us)
{
	const struct timespec little = { .tv_nsec = LOOK_EVERY_NS };

	if (now_us() - start_us > patience_us)
		exit(NO_REST_STATUS);
	nanosleep(&little, NULL);
}

static struct watched watch_guests(const int *fds, int count, int64_t patience_us)
{
	struct watched watched = { .value = -1 };
	int64_t start = now_us();

	for (;;) {
		int64_t now = now_us(), still_us = (now - start) / 4;

		watched_changes(&watched, own_pages(fds, count), now);
		if (now - watched.changed_us >=
		    (still_us > STILL_AT_LEAST_US ? still_us : STILL_AT_LEAST_US))
			return watched;
		wait_a_little(start, patience_us);
	}
}

static int open_or_end(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

enum { SHARING, SHARED, UNSHARED, VOLATILE, SCANS, KSM_FILES };

static const char *const ksm_files[KSM_FILES] = {
	[SHARING] = KSM "pages_sharing",   [SHARED] = KSM "pages_shared",
	[UNSHARED] = KSM "pages_unshared", [VOLATILE] = KSM "pages_volatile",
	[SCANS] = KSM "full_scans",
};

static struct watched watch_ksm(int64_t patience_us, int64_t our_pages)
{
	struct watched watched = { .value = -1 };
	int64_t start = now_us(), now[KSM_FILES];
	int fds[KSM_FILES], strikes = 0;

	for (int i = 0; i < KSM_FILES; i++)
		fds[i] = open_or_end(ksm_files[i]);
	for (;;) {
		int64_t pages;

		for (int i = 0; i < KSM_FILES; i++)
			now[i] = number_read(fds[i], ksm_files[i]);
		pages = now[SHARING] + now[SHARED] + now[UNSHARED] + now[VOLATILE];
		strikes = pages > our_pages ? strikes + 1 : 0;
		if (strikes == STRIKES)
			exit(NOT_OURS_STATUS);
		if (watched_changes(&watched, now[SHARING], now_us()))
			watched.scans_then = now[SCANS];
		else if (now[SCANS] >= watched.scans_then + SCANS_AT_LEAST)
			return watched;
		wait_a_little(start, patience_us);
	}
}

static struct watched watch_processes(char **pids, int count, int64_t patience_us)
{
	int *fds = calloc((size_t)count, sizeof(*fds));
	struct watched watched;
	char path[64];

	if (!fds)
		err(1, "no memory");
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/proc/%s/statm", pids[i]);
		fds[i] = open_or_end(path);
	}
	watched = watch_guests(fds, count, patience_us);
	free(fds);
	return watched;
}

int main(int argc, char **argv)
{
	bool is_ksm = argc == 4 && strcmp(argv[1], "ksm") == 0;
	struct watched watched;
	int64_t patience_us;

	if (!is_ksm && (argc < 4 || strcmp(argv[1], "guests") != 0))
		errx(2, "usage: watch guests SECONDS PID... | watch ksm SECONDS PAGES");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	patience_us = strtoll(argv[2], NULL, 10) * 1000000;
	watched = is_ksm ? watch_ksm(patience_us, strtoll(argv[3], NULL, 10))
			 : watch_processes(argv + 3, argc - 3, patience_us);
	printf("%" PRId64 " %" PRId64 "\n", watched.changed_us, watched.value);
	return 0;
}
