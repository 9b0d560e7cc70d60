/* SPDX-License-Identifier: Apache-2.0 */
/*
 * census.h - what each page of a guest is at one moment
 *
 * The tally says how many pages there are of each kind; a census says which, and from
 * which frame a shared one is mapped. Each page is of one kind, so that all of them add
 * up to the guest's RAM. SHARED, ZERO and RETURNED are the states of that name; pages
 * with memory of the guest's own, which the tally calls populated, are the last four.
 */
#ifndef DEDUP_CENSUS_H
#define DEDUP_CENSUS_H

#include <stdint.h>

#include "dedup/page.h"

struct engine;

enum census_kind {
	CENSUS_UNUSED, /* no memory: never written to, or zero as a part of a huge page */
	CENSUS_ZERO,
	CENSUS_RETURNED,
	CENSUS_SHARED,
	CENSUS_UNIQUE,	 /* calm, and the broker knows no equal of it */
	CENSUS_CHANGING, /* written to lately, or not looked at for long enough */
	CENSUS_HUGE,	 /* part of a huge page that is kept whole */
	CENSUS_PINNED,	 /* the engine does not know of these: a device's data is on its way */
	CENSUS_KINDS,
};

/* An entry: the kind in the highest 4 bits; the frame in the others, 0 where not SHARED. */
#define CENSUS_FRAME_BITS 28
#define CENSUS_FRAME_MASK ((UINT32_C(1) << CENSUS_FRAME_BITS) - 1)
_Static_assert(PAGE_FRAME_MAX <= CENSUS_FRAME_MASK, "each frame's number has room");

static inline uint32_t census_entry(enum census_kind kind, uint32_t frame)
{
	return (uint32_t)kind << CENSUS_FRAME_BITS | frame;
}

/* CENSUS_KINDS or more: no entry of ours. */
static inline unsigned int census_kind(uint32_t entry)
{
	return entry >> CENSUS_FRAME_BITS;
}

static inline uint32_t census_frame(uint32_t entry)
{
	return entry & CENSUS_FRAME_MASK;
}

/* One entry for each page of the guest, as of the last look. The engine's thread. */
void engine_census(const struct engine *engine, uint32_t *ret_entries);

#endif
