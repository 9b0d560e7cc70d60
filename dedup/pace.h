/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - how fast the engine may go
 *
 * Three brakes. Within a pass: the thread uses at most so many percent of one CPU.
 * Between passes: the pause is short while passes find much, or the host is short of
 * memory, and doubles each time one finds little, up to what passes of this price may cost
 * for ever. And while much of a guest changes, as when it boots, pages have to be
 * calm for longer: what is shared then is soon written to. Pure arithmetic on figures
 * that the caller hands in.
 */
#ifndef DEDUP_PACE_H
#define DEDUP_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint32_t cpu_percent; /* 1 to 100, of one CPU */
	uint32_t pages;	      /* of the guest */
	uint32_t caution;     /* pages must be calm for 1 << caution looks */
	uint64_t pause_ns;    /* after the next pass */
	uint64_t price_ns;    /* of the last pass */
	uint64_t wall_ns;     /* since when the budget counts */
	uint64_t busy_ns;
};

void pace_init(struct pace *pace, uint32_t cpu_percent, uint32_t pages);

/*
 * Before any work: the budget counts from now on, since idle time is not saved up for later,
 * unless more than that was used before: that is still to be slept off. busy_ns: time that
 * the thread ran, or waited for a processor.
 */
void pace_start(struct pace *pace, uint64_t wall_ns, uint64_t busy_ns);

/* How long to sleep now, so that the budget is kept; 0: go on. */
uint64_t pace_brake_ns(const struct pace *pace, uint64_t wall_ns, uint64_t busy_ns);

/* What a pass brought, and what it cost. */
struct pace_pass {
	uint64_t gained_pages;
	uint64_t changed_pages; /* with other bytes than before */
	uint64_t price_ns;	/* for which the thread ran */
	bool memory_is_short;	/* on the host */
};

/* How long to wait after such a pass. Also sets the caution for the next. */
uint64_t pace_pause_ns(struct pace *pace, const struct pace_pass *pass);

/*
 * The same, where the host becomes short of memory in that pause: it counts from its beginning,
 * since pages have to be calm for as long as ever.
 */
uint64_t pace_hurry_ns(struct pace *pace);

#endif
