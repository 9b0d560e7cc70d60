/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pressure.h - whether the host is short of memory
 *
 * By the kernel's word: the time in which somebody waited for memory
 * (Documentation/accounting/psi.rst). It can be asked now and then, and where it lets us set a
 * trigger, it also tells by itself: that costs nothing while nobody waits. A kernel that does
 * not tell is never short. One thread.
 */
#ifndef VMM_PRESSURE_H
#define VMM_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#define PRESSURE_OF_MEMORY "/proc/pressure/memory"

struct pressure {
	int fd;		   /* -1: the kernel does not tell */
	int trigger_fd;	   /* for poll(), see pressure_has_risen(); -1: it has to be asked */
	uint64_t stall_us; /* of some process, since the start of the host, when last asked */
	uint64_t at_ns;	   /* that was then */
};

/* A descriptor that works is kept open. */
void pressure_open(struct pressure *pressure, const char *path);
void pressure_close(struct pressure *pressure);

/* Whether somebody waited for memory for more than one hundredth of the time since the last call.
 */
bool pressure_is_high(struct pressure *pressure, uint64_t now_ns);

/*
 * Whether the trigger says the same of two seconds since it was polled last: what poll() returned
 * for POLLPRI. It says so once in two seconds at most.
 */
bool pressure_has_risen(struct pressure *pressure, short revents);

#endif
