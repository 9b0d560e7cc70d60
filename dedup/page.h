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
	PAGE_STATES,
};

/* 16 bytes a page: 0.4 % of the guest's RAM, and only where pages are populated. */
struct page {
	uint64_t digest_low; /* at the last look; 0: not known */
	uint32_t frame_plus; /* 1 + the frame mapped below the page; 0: anonymous memory */
	uint8_t state;	     /* enum page_state */
	uint8_t store;	     /* which store the frame is in: that of the n-th link */
	uint8_t looks;	     /* in a row that found the same digest, up to LOOKS_MAX */
	uint8_t breaks;	     /* so far, up to BREAKS_MAX */
};

const char *page_state_name(enum page_state state);

/* Whether the picture above has this arrow. */
int page_transition_is_valid(enum page_state from, enum page_state to);

#endif
