/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due.h - which pages of a guest a pass has to look at
 *
 * A part of struct engine: bitmaps of the guest's pages, and the choice that is made from
 * them at each step. due.c has the theory. The engine's one thread.
 */
#ifndef DEDUP_DUE_H
#define DEDUP_DUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "dedup/link.h"

#define WINDOW_PAGES PROBE_MAX /* looked at in one step */
#define WORD_PAGES   64u
#define WINDOW_WORDS (WINDOW_PAGES / WORD_PAGES)

struct engine;

struct due {
	/* One bit a page, all of the guest's RAM. */
	uint64_t *waiting; /* for a look, whether they are written to or not */
	uint64_t *written; /* as far as tracking told, and not looked at since */
	uint32_t words;
	bool tracked; /* `written` tells all, in this pass */

	/* The choice of the step at hand, of one window's pages. */
	uint64_t chosen[WINDOW_WORDS];
	uint64_t unsure[WINDOW_WORDS]; /* of those: may have other bytes than at the last look */
};

static inline bool bit_is_set(const uint64_t *bits, uint32_t number)
{
	return bits[number / WORD_PAGES] >> (number % WORD_PAGES) & 1;
}

static inline void bit_put(uint64_t *bits, uint32_t number, bool value)
{
	uint64_t bit = UINT64_C(1) << (number % WORD_PAGES);

	if (value)
		bits[number / WORD_PAGES] |= bit;
	else
		bits[number / WORD_PAGES] &= ~bit;
}

/* The first bit that is set, from `from` on; `count`: there is none. */
uint32_t bits_next(const uint64_t *bits, uint32_t from, uint32_t count);

CHECKED int due_init(struct due *due, uint32_t pages); /* all pages wait; -ENOMEM */
void due_done(struct due *due);
uint64_t due_memory_bytes(const struct due *due);

/* All pages are to be looked at: what was known of them counts no more. */
void due_set_all(struct due *due);

/* At the start of a pass: learns what was written since the last one. */
void due_fetch(struct engine *engine);

/*
 * Learns what was written, for a report, where that is tracked already. Returns
 * whether the pages that wait or are written are all that can have changed.
 */
bool due_fetch_again(struct engine *engine);

/*
 * Chooses what to look at in the window, and takes it off the lists. Returns whether there
 * is anything.
 */
bool due_choose(struct engine *engine, uint32_t first, uint32_t count);

/* The look failed: what was chosen is to be looked at another time. */
void due_put_back(struct engine *engine, uint32_t first, uint32_t count);

/* Whether the page's turn has come to be read, and to be asked about anew. */
bool page_has_its_read(const struct engine *engine, uint32_t number);
bool page_has_its_sweep(const struct engine *engine, uint32_t number);

/* How many looks or passes in a row a page must have kept its bytes to be worth asking about. */
uint32_t page_calm_needed(const struct engine *engine, uint32_t number);

#endif
