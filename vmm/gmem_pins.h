/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_pins.h - which pages of guest memory must stay where they are for now
 *
 * Sharing and discarding put other memory below a page. A device's read from disk can
 * be on its way into the memory that was there: on many file systems the kernel takes
 * hold of the page when the request starts and writes to it when the data comes, past
 * the page tables and past userfaultfd. What arrives after the page was exchanged is
 * lost. So each page has a counter here, that both sides change by compare and swap:
 *
 *	0		nobody cares
 *	1 .. PINS_MAX	so many requests are under way that write to the page:
 *			it is not exchanged
 *	PIN_CLAIMED	it is being exchanged: who wants to pin it waits
 *
 *	device's thread				dedup thread
 *	pins_take	n -> n + 1		pins_claim	0 -> PIN_CLAIMED
 *	the request runs			hold, compare, exchange
 *	pins_give	n -> n - 1		pins_unclaim	PIN_CLAIMED -> 0
 *
 * The dedup thread never waits for a pin: a page that has one is left alone this time.
 * A device waits for a claim, which lasts for the hold: microseconds, in which the
 * dedup thread waits for no other thread of the process. So neither can wait for the
 * other in a circle, whatever else a device has pinned meanwhile.
 *
 * Only I/O that writes to guest memory needs pins. What reads it may go on reading the
 * old memory: its bytes were those of the frame that has taken its place.
 *
 * Any thread. Memory: two bytes a page, and only where one was pinned or claimed.
 */
#ifndef VMM_GMEM_PINS_H
#define VMM_GMEM_PINS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/auto.h"

/* Of one page at once: guests may read into the same page with all that a disk takes. */
#define PINS_MAX    65000u
#define PIN_CLAIMED 65535u

struct pins {
	atomic_ushort *counts; /* one a page */
	uint64_t pages;
};

/* -ENOMEM. */
CHECKED int pins_init(struct pins *pins, uint64_t pages);
void pins_done(struct pins *pins);

/*
 * Pins [first, first + count), which lies within the pages, once more; may wait for a
 * claim. -EBUSY, and nothing is pinned, where a page has PINS_MAX pins already.
 */
CHECKED int pins_take(struct pins *pins, uint64_t first, uint64_t count);
void pins_give(struct pins *pins, uint64_t first, uint64_t count);

/*
 * Claims pages from the first on, up to one that is pinned or claimed. Returns how
 * many.
 */
uint64_t pins_claim(struct pins *pins, uint64_t first, uint64_t count);
void pins_unclaim(struct pins *pins, uint64_t first, uint64_t count);

#endif
