/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - what the engine knows of each page of its guest
 *
 *	                 +--------------------------- changed ----------------------+
 *	                 v                                                          |
 *	PRIVATE --> CALM --> PROBED ----- offer or frame ----> HELD --> SHARED --> BROKEN
 *	   |                   |                                ^ |
 *	   |                   +--> TWIN --> PUBLISHED ---------+ +--> ZERO --> PRIVATE
 *	   +------------------------- zero bytes ---------------+
 *
 *	PRIVATE		the guest's own, or not populated
 *	CALM		kept its digest between two looks, or more where it broke before
 *	PROBED		the broker was asked, and knows it as the only one so far
 *	TWIN		another page has the same digest: bytes are to be published
 *	PUBLISHED	bytes were sent
 *	HELD		nobody can write to it: compare and share, or let go
 *	SHARED		mapped from a frame of the store, read-only below KVM
 *	BROKEN		a write gave the guest its own copy back: release the frame
 *	ZERO		was all zero, and its memory was handed back
 *	RETURNED	the guest gave it away: no memory, until somebody writes to it
 *
 * A page that waits for nothing (PRIVATE, CALM, PROBED, SHARED, ZERO) becomes RETURNED at
 * the guest's word, and PRIVATE again when it is written to.
 *
 * Where a step fails, or the page has changed, it goes back to PRIVATE.
 */
#ifndef DEDUP_PAGE_H
#define DEDUP_PAGE_H

#include <stdint.h>

enum page_state {
	PAGE_PRIVATE,
	PAGE_CALM,
	PAGE_PROBED,
	PAGE_TWIN,
	PAGE_PUBLISHED,
	PAGE_HELD,
	PAGE_SHARED,
	PAGE_BROKEN,
	PAGE_ZERO,
	PAGE_RETURNED,
	PAGE_STATES,
};

#define PAGE_FRAME_MAX UINT32_C(0x0ffffff0) /* a store has no more frames: 1 TiB */
#define PAGE_STORES    16u
#define PAGE_MARKS     UINT32_C(131071)

/*
 * 8 bytes a page: 0.2 % of the guest's RAM, and only where pages have been populated. Of
 * a digest it keeps no more than what shows a change, all but once in PAGE_MARKS times:
 * then a page counts as calm that was not, which costs a question.
 */
struct page {
	uint32_t frame_plus : 28; /* 1 + the frame mapped below the page; 0: anonymous memory */
	uint32_t store : 4;	  /* which store the frame is in: that of the n-th link */
	uint32_t mark : 17;	  /* page_mark() of the digest at the last look; 0: not known */
	uint32_t state : 4;	  /* enum page_state */
	uint32_t looks : 5;	  /* or passes, in a row, that found it the same, up to LOOKS_MAX */
	uint32_t breaks : 3;	  /* so far, up to BREAKS_MAX */
	uint32_t restless : 3;	  /* looks in a row that found it changed, up to RESTLESS_MAX */
};
_Static_assert(sizeof(struct page) == 8, "there is one for each page of a guest");

static inline uint32_t page_mark(uint64_t digest_low)
{
	return (uint32_t)(digest_low % PAGE_MARKS) + 1;
}

const char *page_state_name(enum page_state state);

/* Whether the picture above has this arrow. */
int page_transition_is_valid(enum page_state from, enum page_state to);

#endif
