/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_state.h - what the files of the engine share with each other, and no one else
 *
 * due.c chooses, engine.c looks and asks, merge.c holds and shares, discard.c gives back what the
 * guest gave away, restore.c takes pages off a store, huge.c keeps huge pages whole or splits them,
 * mappings.c keeps count of what guest RAM is cut into. All of it belongs to the engine's one
 * thread.
 */
#ifndef DEDUP_ENGINE_STATE_H
#define DEDUP_ENGINE_STATE_H

#include "dedup/due.h"
#include "dedup/engine.h"
#include "dedup/huge.h"

/* Held at once: they bound how long a writer waits. */
#define STRETCH_PAGES_MAX 64u
#define STRETCH_RUNS_MAX  8u
#define LOOKS_MAX	  16u
#define BREAKS_MAX	  5u /* 1 << (this - 1): LOOKS_MAX at the most */
#define RESTLESS_MAX	  5u /* likewise */
#define CAUTION_MAX	  4u /* 1 << this: likewise; a page that must be calm for longer never is */

struct merge {
	uint32_t page;
	uint32_t frame;
};

#define WORTH_CLASSES 8u
#define FLOOR_PASSES  2u

/* restore.c: what is restored, at the end of a pass. */
struct restore {
	bool is_under_way;
	bool is_refused;		/* -ENOTSUP */
	bool weeds;			/* some of the mappings of the store of now */
	uint32_t next;			/* page */
	uint32_t stores;		/* a bit for each number: all that lies over these */
	uint32_t poorest, evictions;	/* mappings up to this class, and so many more */
	uint32_t freed;			/* mappings */
	uint32_t worths[WORTH_CLASSES]; /* mappings that stay, of each class */
};

struct engine {
	struct engine_config config;
	struct digest_secret secret;
	bool linked;
	uint8_t store; /* below PAGE_STORES: the current link's; no page of an older one has it */
	uint32_t store_pages[PAGE_STORES]; /* that lie over each store */
	uint64_t linked_pass;		   /* tally.passes when the link came up */
	uint32_t caution;
	struct page *table;
	uint64_t *table_used; /* a bit for each part of the table that takes up memory */
	uint64_t *populated;  /* a bit for each page that has memory of the guest's own */
	uint64_t *declined;   /* a bit for each page that waits for mappings */
	uint32_t next;	      /* first page of the next window */
	struct due due;
	struct tally tally;
	uint32_t relaxed;	/* steps by which the budget of mappings asks for less */
	uint64_t merges_before; /* tally.merges_total when the pass began */
	uint32_t declined_runs[WORTH_CLASSES]; /* since the last restore_begin() */
	uint32_t floor, floor_passes; /* runs must be as long, for so many passes; 0: none */
	struct restore restore;
	struct huge *huge; /* of each 2 MiB; NULL: no huge pages are expected */
	uint32_t huge_count, huge_due;
	uint32_t huge_turn; /* whose turn it is to be split */
	bool huge_lasts;    /* what has no memory can become huge at any time */

	/* Lists of the step at hand. */
	uint8_t looks[WINDOW_PAGES];
	struct catalog_item items[WINDOW_PAGES]; /* candidates, rising by page */
	uint32_t answers[WINDOW_PAGES];
	uint32_t item_count;
	struct merge merges[WINDOW_PAGES]; /* rising by page */
	uint32_t merge_count;
	uint32_t zeroes[WINDOW_PAGES]; /* pages, rising */
	uint32_t zero_count;
	uint32_t releases[RELEASE_MAX];
	uint32_t release_count;
	struct link_offer offers[OFFERS_AT_ONCE];
};

static inline const uint8_t *page_bytes(const struct engine *engine, uint32_t page)
{
	return engine->config.base + (uint64_t)page * PAGE_BYTES;
}

/* The one place where a page changes its state. */
void page_set_state(struct engine *engine, uint32_t page, enum page_state state);

/* Puts a frame on the list of those to release; sends the list when it is full. */
void engine_release(struct engine *engine, uint32_t frame);

/* engine.c: whether the page has memory of the guest's own. */
void page_set_populated(struct engine *engine, uint32_t number, bool populated);

/* engine.c: asks the broker about pages that wait, now, and does what the answers allow. */
void pages_ask(struct engine *engine, const uint32_t *pages, uint32_t count);

/* mappings.c: whether the page is mapped from elsewhere than next to the one before. */
bool page_starts_mapping(const struct engine *engine, uint32_t page);
/* mappings.c: all of them, but for those that begin in the range or right behind it. */
uint64_t mappings_without(const struct engine *engine, uint32_t first, uint32_t count);
/* mappings.c: the most there would be if the range, or only its first pages, were anonymous. */
uint64_t mappings_if_anonymous(const struct engine *engine, uint32_t first, uint32_t count);
/* mappings.c: how many there would be if all of the range were anonymous. */
uint64_t mappings_if_all_anonymous(const struct engine *engine, uint32_t first, uint32_t count);
/* mappings.c: frame_plus 0: anonymous memory from now on. */
void pages_set_mapping(struct engine *engine, uint32_t first, uint32_t count, uint32_t frame_plus);

/* mappings.c: no run that is shorter may take up mappings now; longer than any: none. */
uint32_t budget_shortest_run(const struct engine *engine);
/* mappings.c: whether no run at all may take up mappings now. */
bool budget_is_used_up(const struct engine *engine);
/* mappings.c: pages that were declined are asked about again. */
void budget_ask_again(struct engine *engine);
/* mappings.c: the classes that runs are compared by: 0, 1, 2 to 3, 4 to 7 ... pages. */
uint32_t worth_class(uint32_t pages);
/* mappings.c: these pages stay as they are for lack of mappings. */
void budget_decline(struct engine *engine, uint32_t first, uint32_t count);
/* mappings.c: whether the page waits for mappings, as of the last attempt. */
void page_set_declined(struct engine *engine, uint32_t page, bool declined);
/* mappings.c: asks for less, where nothing better has come for a whole pass. */
void budget_pass_over(struct engine *engine);

/* restore.c: at the end of a pass: whether anything may have to be restored. */
bool restore_begin(struct engine *engine);
/* restore.c: some of it. Returns 1 where that was the last, else 0. */
int restore_step(struct engine *engine);

/* census.c, for engine_check(): a census is the tally, page by page. */
void census_check(const struct engine *engine);

/* merge.c: shares engine->merges; frames that were not shared are released. */
void merge_runs(struct engine *engine);
/* merge.c: discards engine->zeroes. */
void merge_zeroes(struct engine *engine);

#endif
