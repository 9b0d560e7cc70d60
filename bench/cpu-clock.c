/* SPDX-License-Identifier: Apache-2.0 */
/* cpu-clock.c - the processor time that processes have used, in nanoseconds */
/*
 * Usage: cpu-clock PID...
 *
 * Prints one number a line: all threads of the process, those that have ended
 * too. /proc/PID/stat counts in ticks of 10 ms, which is too coarse here.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct timespec used;
		clockid_t clock;
		int rc = clock_getcpuclockid((pid_t)atol(argv[i]), &clock);

		if (rc != 0)
			errx(1, "process %s: %s", argv[i], strerror(rc));
		if (clock_gettime(clock, &used) < 0)
			err(1, "process %s", argv[i]);
		printf("%" PRId64 "\n", (int64_t)used.tv_sec * 1000000000 + used.tv_nsec);
	}
	return 0;
}
