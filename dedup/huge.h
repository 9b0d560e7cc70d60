/* SPDX-License-Identifier: Apache-2.0 */
/*
 * huge.h - which parts of guest memory are huge pages, and which are worth splitting
 *
 * The engine's own, like engine_state.h. huge.c has the theory of operation.
 */
#ifndef DEDUP_HUGE_H
#define DEDUP_HUGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"

#define HUGE_PAGES 512u /* small pages in a huge one, which begins at a multiple of them */

struct engine;

enum huge_state {
	HUGE_NONE,    /* small pages */
	HUGE_UNKNOWN, /* not looked at since it may have become huge */
	HUGE_WHOLE,   /* one huge page: its parts are neither shared nor handed back */
	HUGE_DUE,     /* the same, and now known to be worth splitting */
};

struct huge {
	uint8_t state;			 /* enum huge_state */
	bool is_torn;			 /* DUE whatever there is to gain, or how hot it is */
	uint16_t gain_count;		 /* of the bits that follow */
	uint64_t gains[HUGE_PAGES / 64]; /* parts that are zero, or have an equal page elsewhere */
};

CHECKED int huge_create(struct engine *engine);
void huge_free(struct engine *engine);

/*
 * After the pages of a window were looked at, before they are read: finds huge pages, and
 * splits those that are worth it. Returns whether the pages have to be looked at anew.
 */
bool huge_prepare(struct engine *engine, uint32_t first, uint32_t count);

/*
 * Whether the page, which could be shared or handed back, stays as it is for now
 * because it is part of a huge page. That it could is remembered.
 */
bool huge_keeps(struct engine *engine, uint32_t page);

/* The page has changed: what was remembered is no longer so. */
void huge_forget(struct engine *engine, uint32_t page);

/* After a step: splits what has become worth it, and asks for its parts. */
void huge_settle(struct engine *engine);

/* These pages have no memory any more: what is left of a huge page is split when all settles. */
void huge_dropped(struct engine *engine, uint32_t first, uint32_t count);

/* Part of engine_check(). */
void huge_check(const struct engine *engine);

#endif
