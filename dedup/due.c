/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due.c - which pages of a guest a pass has to look at
 *
 * Theory of operation
 *
 * Where the memory's owner can tell which pages were written to (memory_ops.written), a
 * pass costs what was written since the last one. Two lists, one bit a page each:
 *
 *	written		written to since they were looked at. Fetched at the start of a
 *			pass. Just before a page is looked at it is watched anew
 *			(memory_ops.watch), so that no write falls between.
 *	waiting		PRIVATE, and not done with: waiting to have been calm for long
 *			enough, or for another attempt. A page that becomes PRIVATE waits.
 *
 * A page on neither list is passed over, without any look: SHARED, PROBED (the broker
 * offers a frame as soon as there is a twin), ZERO, RETURNED, never touched. A page that
 * waits and was not written to is calm for one more pass: that is counted and costs
 * nothing; it is read only once it has been calm for long enough, and then once.
 *
 * A page that is written to in every pass would cost a look, and the guest a fault, in
 * every pass. So after each look that found it changed it is left alone for twice as
 * many passes, and not watched meanwhile: its writes are free.
 *
 * A page that is swapped out can't be read. It stays on its list, with pauses that grow likewise.
 *
 * Words of pages take turns in being swept: looked at whatever is known about them. That
 * finds what tracking has missed, if it ever does, and offers that were lost.
 *
 * Where nothing is tracked all pages are chosen in each pass, and may have changed; only
 * the reading takes turns (page_has_its_read).
 */
#include "dedup/due.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dedup/engine_state.h"

#define SWEEP_PASSES	     256u /* in which each page is looked at once, whatever is known */
#define SWEEP_PASSES_UNAIDED 64u  /* where nothing is tracked */
#define REST_MAX	     8u	  /* passes, of which one reads a page that waits for a twin */
#define RESTLESS_PASSES_MAX  16u  /* of which one looks at a page that always changes */

uint32_t bits_next(const uint64_t *bits, uint32_t from, uint32_t count)
{
	while (from < count) {
		uint64_t rest = bits[from / WORD_PAGES] >> (from % WORD_PAGES);

		if (rest != 0) {
			from += (uint32_t)__builtin_ctzll(rest);
			return from < count ? from : count;
		}
		from += WORD_PAGES - from % WORD_PAGES;
	}
	return count;
}

int due_init(struct due *due, uint32_t pages)
{
	due->words = (pages + WORD_PAGES - 1) / WORD_PAGES;
	due->waiting = calloc(due->words, sizeof(*due->waiting));
	due->written = calloc(due->words, sizeof(*due->written));
	if (!due->waiting || !due->written)
		return -ENOMEM;
	due_set_all(due);
	return 0;
}

void due_done(struct due *due)
{
	free(due->waiting);
	free(due->written);
}

uint64_t due_memory_bytes(const struct due *due)
{
	return 2 * (uint64_t)due->words * sizeof(uint64_t);
}

void due_set_all(struct due *due)
{
	memset(due->waiting, 0xff, due->words * sizeof(*due->waiting));
}

static bool fetch(struct engine *engine, bool begin)
{
	const struct memory_ops *memory = engine->config.memory;

	return memory->written &&
	       memory->written(engine->config.memory_context, begin, engine->due.written) == 0;
}

void due_fetch(struct engine *engine)
{
	engine->due.tracked = fetch(engine, true);
}

bool due_fetch_again(struct engine *engine)
{
	return engine->due.tracked && fetch(engine, false);
}

/* Turns */

/* Once in so many passes; neighbours take turns, so that every pass costs the same. */
static bool has_turn(const struct engine *engine, uint32_t number, uint32_t passes)
{
	return (engine->tally.passes + number) % passes == 0;
}

static uint32_t restless_passes(const struct page *page)
{
	uint32_t passes = page->restless > 0 ? 1u << (page->restless - 1) : 1;

	return passes < RESTLESS_PASSES_MAX ? passes : RESTLESS_PASSES_MAX;
}

/*
 * Where nothing is tracked, a page that waits for a twin, and was the same each time it
 * was read, is read less and less often as well: it is most likely one of a kind.
 */
bool page_has_its_read(const struct engine *engine, uint32_t number)
{
	const struct page *page = &engine->table[number];
	uint32_t passes = page->looks < REST_MAX ? page->looks : REST_MAX;

	if (engine->due.tracked)
		return true; /* else it had not been chosen */
	return page->state == PAGE_PROBED ? has_turn(engine, number, passes > 0 ? passes : 1)
					  : has_turn(engine, number, restless_passes(page));
}

bool page_has_its_sweep(const struct engine *engine, uint32_t number)
{
	return engine->due.tracked ? has_turn(engine, number / WORD_PAGES, SWEEP_PASSES)
				   : has_turn(engine, number, SWEEP_PASSES_UNAIDED);
}

/*
 * A page that broke, or changed often, has to prove itself for longer: a merge that does
 * not last costs the guest a fault and everybody time.
 */
uint32_t page_calm_needed(const struct engine *engine, uint32_t number)
{
	const struct page *page = &engine->table[number];
	uint32_t breaks = page->breaks > 0 ? page->breaks - 1u : 0;
	uint32_t restless = page->restless > 0 ? page->restless - 1u : 0;
	uint32_t most = breaks > restless ? breaks : restless;

	return 1u << (most > engine->caution ? most : engine->caution);
}

/* The choice */

/* A page that waits was calm for one more pass; returns whether that is enough. */
static bool calm_pass_counts(struct engine *engine, uint32_t number)
{
	struct page *page = &engine->table[number];

	if (page->looks < LOOKS_MAX)
		page->looks = (page->looks + 1u) & 0x1fu;
	return page->looks >= page_calm_needed(engine, number);
}

static bool page_is_due(struct engine *engine, uint32_t number, bool written)
{
	const struct page *page = &engine->table[number];

	if (written) /* a shared page is not any more, and the broker is to know soon */
		return page->state == PAGE_SHARED ||
		       has_turn(engine, number, restless_passes(page));
	return calm_pass_counts(engine, number);
}

/* Which pages of those that wait, or are written, have their turn. */
static uint64_t listed_pages_due(struct engine *engine, uint32_t word, uint64_t listed)
{
	uint64_t due = 0;

	while (listed != 0) {
		uint32_t bit = (uint32_t)__builtin_ctzll(listed);
		uint32_t number = word * WORD_PAGES + bit;

		listed &= listed - 1;
		if (page_is_due(engine, number, bit_is_set(engine->due.written, number)))
			due |= UINT64_C(1) << bit;
	}
	return due;
}

static void word_choose(struct engine *engine, uint32_t word, uint64_t valid, uint64_t *ret_chosen,
			uint64_t *ret_unsure)
{
	struct due *due = &engine->due;
	uint64_t listed = (due->waiting[word] | due->written[word]) & valid, unlisted = 0;

	if (!due->tracked) {
		*ret_chosen = *ret_unsure = valid;
	} else {
		if (page_has_its_sweep(engine, word * WORD_PAGES))
			unlisted = valid & ~listed;
		*ret_chosen = listed_pages_due(engine, word, listed) | unlisted;
		*ret_unsure = *ret_chosen & (due->written[word] | unlisted);
	}
	due->waiting[word] &= ~*ret_chosen;
	due->written[word] &= ~*ret_chosen;
}

bool due_choose(struct engine *engine, uint32_t first, uint32_t count)
{
	struct due *due = &engine->due;
	uint64_t any = 0;

	for (uint32_t i = 0; i * WORD_PAGES < count; i++) {
		uint32_t left = count - i * WORD_PAGES;
		uint64_t valid = left < WORD_PAGES ? (UINT64_C(1) << left) - 1 : UINT64_MAX;

		word_choose(engine, first / WORD_PAGES + i, valid, &due->chosen[i],
			    &due->unsure[i]);
		any |= due->chosen[i];
	}
	return any != 0;
}

void due_put_back(struct engine *engine, uint32_t first, uint32_t count)
{
	struct due *due = &engine->due;

	for (uint32_t i = 0; i * WORD_PAGES < count; i++) {
		due->waiting[first / WORD_PAGES + i] |= due->chosen[i] & ~due->unsure[i];
		due->written[first / WORD_PAGES + i] |= due->unsure[i];
	}
}
