/* SPDX-License-Identifier: Apache-2.0 */
/*
 * huge.c - which parts of guest memory are huge pages, and which are worth splitting
 *
 * Theory of operation
 *
 * A guest boots on huge pages where the host gives them: its first touch of 2 MiB is
 * one fault then, and not up to 512. Afterwards they stand in the way of sharing. A
 * part that is shared or handed back leaves the huge page mapped in pieces, but its
 * memory stays with the huge page until the kernel splits that one up, which it may do
 * never. So the engine does one of two things with each, and nothing between:
 *
 *	keeps it whole	reads its parts like any others, and asks the broker about
 *			them; what could be shared or handed back is only counted
 *	splits it	once that count, the gain, reaches engine_config.huge_gain, and
 *			the guest is not at work in most of it. Then its parts are pages as
 *			all others, for ever; or until the kernel has put them together
 *			again, where it may.
 *
 *	NONE <--- not huge, or in pieces --- UNKNOWN --- huge ---> WHOLE
 *	  ^                                     ^                   | ^ enough to gain,
 *	  +------ split, once it is calm -------|------------------ DUE | or no more
 *	                                        +--- engine_expect_huge(): a guest boots
 *
 * A huge page that is hot stays: to split it makes its writers wait, what is shared of it
 * is soon written to, and where no log of writes is kept the guest itself has a huge page
 * there. What becomes small is not made huge again: under the log it would gain nothing
 * (decision 0012).
 *
 * A guest that touches one page of 2 MiB gets 511 pages of zeroes that it never asked
 * for. They are handed back when the huge page is split, but are no gain of sharing:
 * the page returns to PRIVATE, without memory, as if it had never been touched, and is
 * not among those that the report calls zero.
 *
 * A huge page of which the guest gave a part away (a balloon) is torn: it is split whatever
 * there is to gain, since its memory would not come back otherwise.
 */
#include "dedup/huge.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dedup/engine_state.h"

#define SPLITS_MAX 8u /* in one step: each takes up to a millisecond */
#define HOT_LOOKS  2u /* the first look finds all changed */

int huge_create(struct engine *engine)
{
	engine->huge_count = engine->config.huge_gain > 0 ? engine->config.pages / HUGE_PAGES : 0;
	if (engine->huge_count == 0)
		return 0;
	engine->huge = calloc(engine->huge_count, sizeof(*engine->huge));
	engine->tally.memory_bytes += engine->huge_count * sizeof(*engine->huge);
	return engine->huge ? 0 : -ENOMEM;
}

void huge_free(struct engine *engine)
{
	free(engine->huge);
}

static bool has_frames(const struct engine *engine, uint32_t first)
{
	for (uint32_t i = first; i < first + HUGE_PAGES; i++)
		if (engine->table[i].frame_plus != 0)
			return true;
	return false;
}

/* What is mapped from a store in part is in pieces. */
void engine_expect_huge(struct engine *engine, bool lasts)
{
	engine->huge_lasts = lasts;
	for (uint32_t i = 0; i < engine->huge_count; i++)
		engine->huge[i] = (struct huge){
			.state = has_frames(engine, i * HUGE_PAGES) ? HUGE_NONE : HUGE_UNKNOWN,
		};
	engine->huge_due = 0;
	due_set_all(&engine->due);
}

static struct huge *huge_of(struct engine *engine, uint32_t page)
{
	uint32_t index = page / HUGE_PAGES;

	return index < engine->huge_count ? &engine->huge[index] : NULL;
}

/* The one place where a huge page changes its state. */
static void huge_set_state(struct engine *engine, struct huge *huge, enum huge_state state)
{
	engine->huge_due += (uint32_t)(state == HUGE_DUE) - (uint32_t)(huge->state == HUGE_DUE);
	huge->state = (uint8_t)state;
}

/* -- what there is to gain -- */

static void gain_add(struct engine *engine, struct huge *huge, uint32_t part)
{
	uint64_t bit = UINT64_C(1) << (part % 64);

	if (huge->gains[part / 64] & bit)
		return;
	huge->gains[part / 64] |= bit;
	if (++huge->gain_count >= engine->config.huge_gain && huge->state == HUGE_WHOLE)
		huge_set_state(engine, huge, HUGE_DUE);
}

static bool is_gain(const struct huge *huge, uint32_t part)
{
	return huge->gains[part / 64] & UINT64_C(1) << (part % 64);
}

bool huge_keeps(struct engine *engine, uint32_t page)
{
	struct huge *huge = huge_of(engine, page);

	if (!huge || huge->state == HUGE_NONE)
		return false;
	gain_add(engine, huge, page % HUGE_PAGES);
	return true;
}

void huge_forget(struct engine *engine, uint32_t page)
{
	struct huge *huge = huge_of(engine, page);
	uint32_t part = page % HUGE_PAGES;

	if (!huge || !is_gain(huge, part))
		return;
	huge->gains[part / 64] &= ~(UINT64_C(1) << (part % 64));
	huge->gain_count--;
}

/* -- what the guest is at work in -- */

/* Changed at its last look, and at the one before. */
static bool page_is_hot(const struct page *page)
{
	return page->looks == 0 && page->restless >= HOT_LOOKS;
}

/* Most of it is. What could be shared is calm, and what is zero is not looked at any further. */
static bool huge_is_hot(const struct engine *engine, const struct huge *huge, uint32_t first)
{
	uint32_t hot = 0;

	for (uint32_t i = 0; i < HUGE_PAGES; i++)
		hot += !is_gain(huge, i) && page_is_hot(&engine->table[first + i]);
	return hot > HUGE_PAGES / 2;
}

/* -- splitting -- */

/* What backs the parts now; returns how many have memory of their own, or -errno. */
static int parts_look(struct engine *engine, uint32_t first, uint8_t looks[HUGE_PAGES])
{
	int own = 0, rc = engine->config.memory->look(engine->config.memory_context, first,
						      HUGE_PAGES, looks);

	for (uint32_t i = 0; rc == 0 && i < HUGE_PAGES; i++)
		own += looks[i] == LOOK_OWN;
	return rc < 0 ? rc : own;
}

static bool page_waits(const struct engine *engine, uint32_t number)
{
	enum page_state state = engine->table[number].state;

	return state == PAGE_PRIVATE || state == PAGE_CALM || state == PAGE_PROBED;
}

/*
 * Parts that are zero have no memory from now on. That is done as for any zero page, but
 * for the state in the end. Newer kernels have done it while they split.
 */
static void zeroes_drop(struct engine *engine, uint32_t first)
{
	uint8_t looks[HUGE_PAGES];
	uint32_t count = 0;

	if (parts_look(engine, first, looks) < 0)
		return; /* a later pass finds them, and calls them zero */
	for (uint32_t i = 0; i < HUGE_PAGES; i++)
		if (looks[i] == LOOK_OWN && page_waits(engine, first + i) &&
		    page_is_zero(page_bytes(engine, first + i)))
			engine->zeroes[count++] = first + i;
	engine->zero_count = count;
	merge_zeroes(engine);
	for (uint32_t i = 0; i < count; i++) {
		if (engine->table[engine->zeroes[i]].state == PAGE_ZERO)
			page_set_state(engine, engine->zeroes[i], PAGE_PRIVATE);
		bit_put(engine->due.waiting, engine->zeroes[i], true); /* it may have failed */
	}
}

/* The first part with memory of its own; HUGE_PAGES: none. */
static uint32_t part_find(const uint8_t looks[HUGE_PAGES])
{
	uint32_t part = 0;

	while (part < HUGE_PAGES && looks[part] != LOOK_OWN)
		part++;
	return part;
}

/*
 * UNKNOWN, WHOLE or DUE -> NONE transition; DUE, for a later try, where it fails. With
 * nothing of it in memory (swap) there is nothing to split.
 */
static bool huge_split(struct engine *engine, struct huge *huge, uint32_t first,
		       const uint8_t looks[HUGE_PAGES])
{
	uint32_t part = part_find(looks);

	if (part < HUGE_PAGES &&
	    engine->config.memory->split(engine->config.memory_context, first + part) < 0) {
		engine->tally.hold_fails_total++;
		huge_set_state(engine, huge, HUGE_DUE);
		return false;
	}
	huge->is_torn = false;
	huge_set_state(engine, huge, HUGE_NONE);
	zeroes_drop(engine, first);
	return true;
}

/* UNKNOWN -> WHOLE, NONE transition. Returns whether what backs the parts is another. */
static bool huge_recognise(struct engine *engine, struct huge *huge, uint32_t first)
{
	const struct memory_ops *memory = engine->config.memory;
	uint8_t looks[HUGE_PAGES];
	int own = parts_look(engine, first, looks);

	if (own < 0 || (own == 0 && engine->huge_lasts))
		return false;
	if (own == 0) {
		huge_set_state(engine, huge, HUGE_NONE);
		return false;
	}
	/* small pages may be what is left of a huge one; the kernel does not say so */
	huge->is_torn =
		own < (int)HUGE_PAGES || !memory->is_huge(engine->config.memory_context, first);
	if (huge->is_torn)
		return huge_split(engine, huge, first, looks);
	huge_set_state(engine, huge, HUGE_WHOLE);
	for (uint32_t i = 0; i < HUGE_PAGES; i++)
		if (page_is_zero(page_bytes(engine, first + i)))
			gain_add(engine, huge, i);
	return huge->state == HUGE_DUE && huge_split(engine, huge, first, looks);
}

/* Where they are wanted for ever, the kernel may have put one together again. */
static bool is_huge_again(const struct engine *engine, uint32_t first)
{
	for (uint32_t word = first / WORD_PAGES; word < (first + HUGE_PAGES) / WORD_PAGES; word++)
		if (engine->populated[word] != UINT64_MAX)
			return false;
	return !has_frames(engine, first) &&
	       engine->config.memory->is_huge(engine->config.memory_context, first) > 0;
}

bool huge_prepare(struct engine *engine, uint32_t first, uint32_t count)
{
	bool changed = false;

	for (uint32_t page = first / HUGE_PAGES * HUGE_PAGES; page < first + count;
	     page += HUGE_PAGES) {
		struct huge *huge = huge_of(engine, page);

		if (huge && huge->state == HUGE_NONE && engine->huge_lasts &&
		    is_huge_again(engine, page))
			*huge = (struct huge){ .state = HUGE_UNKNOWN };
		if (huge && huge->state == HUGE_UNKNOWN)
			changed |= huge_recognise(engine, huge, page);
	}
	return changed;
}

/* What was only counted so far. */
static void gains_ask(struct engine *engine, const struct huge *huge, uint32_t first)
{
	uint32_t pages[HUGE_PAGES], count = 0;
	uint8_t looks[HUGE_PAGES];

	if (parts_look(engine, first, looks) < 0)
		return;
	for (uint32_t i = 0; i < HUGE_PAGES; i++)
		if (is_gain(huge, i) && looks[i] == LOOK_OWN && page_waits(engine, first + i))
			pages[count++] = first + i;
	pages_ask(engine, pages, count);
}

/* DUE -> WHOLE, NONE transition, or none for now. */
static void due_split(struct engine *engine, struct huge *huge, uint32_t first)
{
	uint8_t looks[HUGE_PAGES];

	if (!huge->is_torn && huge->gain_count < engine->config.huge_gain) {
		huge_set_state(engine, huge, HUGE_WHOLE);
		return;
	}
	if (!huge->is_torn && huge_is_hot(engine, huge, first))
		return;
	if (parts_look(engine, first, looks) >= 0 && huge_split(engine, huge, first, looks))
		gains_ask(engine, huge, first);
}

/* They take turns: those that can't be split now must not keep the others from it. */
void huge_settle(struct engine *engine)
{
	uint32_t left = SPLITS_MAX;

	for (uint32_t n = 0; engine->huge_due > 0 && left > 0 && n < engine->huge_count; n++) {
		uint32_t i = engine->huge_turn;

		engine->huge_turn = (i + 1) % engine->huge_count;
		if (engine->huge[i].state != HUGE_DUE)
			continue;
		left--;
		due_split(engine, &engine->huge[i], i * HUGE_PAGES);
	}
}

/* WHOLE, DUE or NONE -> UNKNOWN, NONE transition: what was known of the bytes counts no more. */
static void huge_vanish(struct engine *engine, struct huge *huge)
{
	huge_set_state(engine, huge, engine->huge_lasts ? HUGE_UNKNOWN : HUGE_NONE);
	*huge = (struct huge){ .state = huge->state };
}

void huge_dropped(struct engine *engine, uint32_t first, uint32_t count)
{
	for (uint32_t page = first / HUGE_PAGES * HUGE_PAGES; page < first + count;
	     page += HUGE_PAGES) {
		struct huge *huge = huge_of(engine, page);
		bool all = first <= page && page + HUGE_PAGES <= first + count;

		if (!huge || huge->state == HUGE_UNKNOWN)
			continue;
		if (all) {
			huge_vanish(engine, huge);
		} else if (huge->state != HUGE_NONE) {
			huge->is_torn = true;
			huge_set_state(engine, huge, HUGE_DUE);
		}
	}
}

bool engine_keeps_huge(const struct engine *engine, uint32_t page)
{
	return page / HUGE_PAGES < engine->huge_count &&
	       engine->huge[page / HUGE_PAGES].state != HUGE_NONE;
}

void huge_check(const struct engine *engine)
{
	uint32_t due = 0;

	for (uint32_t i = 0; i < engine->huge_count; i++) {
		const struct huge *huge = &engine->huge[i];
		uint32_t gains = 0;

		due += huge->state == HUGE_DUE;
		assert(!huge->is_torn || huge->state == HUGE_DUE);
		for (uint32_t part = 0; part < HUGE_PAGES; part++) {
			gains += is_gain(huge, part);
			assert(huge->state == HUGE_NONE ||
			       engine->table[i * HUGE_PAGES + part].frame_plus == 0);
		}
		assert(gains == huge->gain_count);
	}
	assert(due == engine->huge_due);
}
