/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - what the engine has counted
 *
 * `states` counts pages by enum page_state at this moment; the totals only grow.
 */
#ifndef DEDUP_TALLY_H
#define DEDUP_TALLY_H

#include <stdint.h>

#include "dedup/page.h"

struct tally {
	uint64_t states[PAGE_STATES];
	uint64_t populated;	   /* pages with memory of the guest's own, at the last look */
	uint64_t mappings;	   /* that guest RAM is cut into */
	uint64_t mappings_limit;   /* sharing stops before this */
	uint64_t passes;	   /* over all of RAM */
	uint64_t merges_total;	   /* pages that became SHARED */
	uint64_t breaks_total;	   /* of those, written to since */
	uint64_t zeroes_total;	   /* pages that became ZERO */
	uint64_t changes_total;	   /* digests that were not those of the look before */
	uint64_t unequal_total;	   /* held, and then not what the digest had promised */
	uint64_t hold_fails_total; /* ranges that could not be held or mapped */
	uint64_t declined;	   /* pages that wait for mappings, as of the last attempts */
	uint64_t declined_total;   /* pages not shared, or discarded, for lack of mappings */
	uint64_t pinned_total;	   /* pages left alone because a device was at work there */
	uint64_t discarded_total;  /* pages that became RETURNED, each time anew */
	uint64_t old_store;	   /* pages that lie over the store of an earlier link */
	uint64_t restored_total;   /* pages that were taken off a store with their bytes */
	uint64_t evicted_total;	   /* mappings that gave way to better ones */
	uint64_t memory_bytes;	   /* the engine's own */
};

#endif
