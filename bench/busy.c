/* SPDX-License-Identifier: Apache-2.0 */
/* busy.c - works on memory all the time, and says how long each piece of work took */
/*
 * Usage: busy MIB
 *
 * Stands for a guest that computes: a piece of work reads and writes so many random places
 * of MIB of private memory, about a millisecond's worth. Prints the nanoseconds of each,
 * one a line, until it is killed.
 */
#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#define PLACES_A_PIECE 20000u
#define MIB_MAX	       65536u

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t piece_of_work(uint64_t *words, uint64_t count)
{
	static uint64_t random = 1;
	uint64_t begin = now_ns();

	for (uint32_t i = 0; i < PLACES_A_PIECE; i++) {
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		words[(random >> 20) % count] += random;
	}
	return now_ns() - begin;
}

int main(int argc, char **argv)
{
	uint64_t mib = argc == 2 ? strtoull(argv[1], NULL, 10) : 0, *words, count;

	if (mib == 0 || mib > MIB_MAX)
		errx(2, "usage: busy MIB");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	count = (mib << 20) / sizeof(*words);
	words = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (words == MAP_FAILED)
		err(1, "no memory");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;)
		printf("%" PRIu64 "\n", piece_of_work(words, count));
}
