/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_state.h - what the files of the engine share with each other, and no one else
 *
 * engine.c looks and asks, merge.c holds and shares. All of it belongs to the
 * engine's one thread.
 */
#ifndef DEDUP_ENGINE_STATE_H
#define DEDUP_ENGINE_STATE_H

#include "dedup/engine.h"

#define WINDOW_PAGES PROBE_MAX /* looked at in one step */
#define RUN_MAX	     64u       /* pages held at once: bounds how long a writer waits */
#define OFFERS_MAX   1024u

struct merge {
	uint32_t page;
	uint32_t frame;
};

struct engine {
	struct engine_config config;
	struct digest_secret secret;
	bool linked;
	uint8_t store; /* the current link's: counts links, and wraps */
	uint32_t caution;
	struct page *table;
	uint32_t next;	    /* first page of the next window */
	uint64_t populated; /* of the pass under way */
	struct tally tally;

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
	struct link_offer offers[OFFERS_MAX];
	uint8_t bytes[RUN_MAX * PAGE_BYTES]; /* frames to compare with */
};

static inline const uint8_t *page_bytes(const struct engine *engine, uint32_t page)
{
	return engine->config.base + (uint64_t)page * PAGE_BYTES;
}

/* The one place where a page changes its state. */
void page_set_state(struct engine *engine, uint32_t page, enum page_state state);

/* Puts a frame on the list of those to release; sends the list when it is full. */
void engine_release(struct engine *engine, uint32_t frame);

/* merge.c: shares engine->merges; frames that were not shared are released. */
void merge_runs(struct engine *engine);
/* merge.c: discards engine->zeroes. */
void merge_zeroes(struct engine *engine);

#endif
