/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - finds the pages of one guest that others have too, and shares them
 *
 * The engine goes over guest memory in passes of many small steps. Whoever runs it
 * (one thread a guest) decides how fast, between the steps. engine.c has the theory
 * of operation.
 *
 * Not thread-safe: all calls from one thread, or under one lock. The guest writes
 * to its memory all the while.
 */
#ifndef DEDUP_ENGINE_H
#define DEDUP_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "dedup/digest.h"
#include "dedup/link.h"
#include "dedup/memory.h"
#include "dedup/tally.h"

struct engine;

struct engine_config {
	const uint8_t *base; /* guest memory; stays the caller's */
	uint32_t pages;
	uint64_t mappings_limit; /* for guest RAM alone */
	/*
	 * Pages that have to be won by splitting a huge page, from 1 on; 0: there will be no
	 * huge pages. Then page 0 lies at a multiple of their size.
	 */
	uint32_t huge_gain;
	const struct memory_ops *memory;
	void *memory_context;
	const struct link_ops *link;
	void *link_context;
};

CHECKED int engine_create(const struct engine_config *config, struct engine **ret_engine);
/* The guest keeps its memory as it is, shared pages included. NULL is fine. */
void engine_free(struct engine *engine);

/*
 * The link works from now on, to a broker with this secret and an empty ledger for
 * this guest. Pages that are mapped from an earlier store stay as they are and are
 * offered to the new one as if they were private; what got no frame of the new one's store
 * after some passes becomes memory of the guest's own (restore.c). Not without
 * engine_can_link().
 */
void engine_link_up(struct engine *engine, const struct digest_secret *secret);
/* False while pages lie over too many stores to tell them apart: go on with engine_step(). */
bool engine_can_link(const struct engine *engine);
bool engine_link_is_up(const struct engine *engine);

/* Pages have to be calm for 1 << caution looks, 16 at most, from now on; 0 at the start. */
void engine_set_caution(struct engine *engine, uint32_t caution);

/*
 * Any of the memory can be huge pages by now. lasts: and what has no memory can become so
 * later; else not before the next call. huge.c has the theory of operation.
 */
void engine_expect_huge(struct engine *engine, bool lasts);

/*
 * Looks at the next few pages and does with them what is due, then takes offers as
 * below. Returns 1 where that ended a pass, else 0; -errno where the
 * memory could not be looked at. A lost link is no error: see engine_link_is_up().
 */
CHECKED int engine_step(struct engine *engine);

/*
 * Only takes offers that have come, up to OFFERS_AT_ONCE, and does what else was left for
 * later. Returns whether there may be more offers.
 */
#define OFFERS_AT_ONCE 1024u
bool engine_take_offers(struct engine *engine);

/*
 * Gives the memory of these pages back, whatever they are: they read as zero from now
 * on, or as what the guest writes meanwhile. Pages that are pinned stay as they are, and
 * so do those where the memory could not be dropped, which returns the first -errno; the
 * others are given back all the same, and counted. -EFAULT: beyond the end. Waits for the
 * broker only where it is told of many frames; engine_take_offers() tells it of the rest,
 * and splits the huge pages that a part was given away of.
 */
CHECKED int engine_discard(struct engine *engine, uint32_t first, uint32_t count,
			   uint32_t *ret_returned);

/* Looks for broken pages and counts anew, without reading any page. -errno as above. */
CHECKED int engine_refresh(struct engine *engine);

struct tally engine_tally(const struct engine *engine);

/* Asserts that the tally is what the pages add up to. Slow; for tests. */
void engine_check(const struct engine *engine);

/* For tests: whether the page is, or may be, part of a huge page that is kept. */
bool engine_keeps_huge(const struct engine *engine, uint32_t page);

/* For tests: the state and frame (FRAME_NONE: none) of a page. */
struct page engine_page(const struct engine *engine, uint32_t page);

#endif
