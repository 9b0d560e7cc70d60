/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - how fast the engine may go
 *
 * Three brakes. Within a pass: the thread uses at most so many percent of one CPU.
 * Between passes: the pause is short while passes find much, and doubles each time one
 * does not. And while much of a guest changes, as when it boots, pages have to be
 * calm for longer: what is shared then is soon written to. Pure arithmetic on figures
 * that the caller hands in.
 */
#ifndef DEDUP_PACE_H
#define DEDUP_PACE_H

#include <stdint.h>

struct pace {
	uint32_t cpu_percent; /* 1 to 100, of one CPU */
	uint32_t pages;	      /* of the guest */
	uint32_t caution;     /* pages must be calm for 1 << caution looks */
	uint64_t pause_ns;    /* after the next pass */
	uint64_t wall_ns;     /* since when the budget counts */
	uint64_t busy_ns;
};

void pace_init(struct pace *pace, uint32_t cpu_percent, uint32_t pages);

/*
 * The budget counts from now on: idle time is not saved up for later. busy_ns: time
 * that the thread ran, or waited for a processor.
 */
void pace_start(struct pace *pace, uint64_t wall_ns, uint64_t busy_ns);

/* How long to sleep now, so that the budget is kept; 0: go on. */
uint64_t pace_brake_ns(const struct pace *pace, uint64_t wall_ns, uint64_t busy_ns);

/*
 * How long to wait after a pass that gained so many pages, and found so many with
 * other bytes than before. Also sets the caution for the next pass.
 */
uint64_t pace_pause_ns(struct pace *pace, uint64_t gained_pages, uint64_t changed_pages);

#endif
