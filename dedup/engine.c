/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.c - finds the pages of one guest that others have too
 *
 * Theory of operation
 *
 * A pass goes over all of guest RAM in windows; engine_step() does one. For each
 * window the engine
 *
 *	looks		what backs each page now? A shared page that has memory of its
 *			own was written to: BROKEN, and its frame is released.
 *	reads		the guest's own pages. All zero: handed back at once. The same
 *			digest as at the last look: CALM, a candidate. Another digest:
 *			the guest is at work there, leave it alone.
 *	probes		all candidates of the window in one message. The answer for each
 *			is a frame, or "a twin has it", or "you are the first".
 *	publishes	the bytes of those with a twin, which gives them frames too.
 *	merges		pages with frames (merge.c): hold, compare, share.
 *
 * The first one to show a digest is not asked again: when a twin publishes, the
 * broker offers it the frame. So in a calm guest each page is asked about once.
 * Offers can come to nothing (the page has changed, mappings are short), so every
 * page that waits is asked about again once in REPROBE_PASSES. Between that, a page
 * that waits and never changes is read less and less often.
 *
 * Nothing here trusts a digest: a frame takes a page's place only in merge.c, after
 * all its bytes were compared while nobody could write. So a wrong answer, a stale
 * offer or a lying peer costs time, and never a byte.
 */
#include "dedup/engine_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define REPROBE_PASSES 64u /* asked about again, where all is well */
#define REST_MAX       8u  /* passes, of which one reads a page that waits; divides the above */
#define LOOKS_MAX      16u
#define BREAKS_MAX     4u /* 1 << this: LOOKS_MAX at the most */

int engine_create(const struct engine_config *config, struct engine **ret_engine)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return -ENOMEM;
	engine->table = calloc(config->pages, sizeof(*engine->table));
	if (!engine->table) {
		free(engine);
		return -ENOMEM;
	}
	engine->config = *config;
	engine->tally.states[PAGE_PRIVATE] = config->pages;
	engine->tally.mappings = 1;
	engine->tally.mappings_limit = config->mappings_limit;
	engine->tally.memory_bytes =
		sizeof(*engine) + (uint64_t)config->pages * sizeof(*engine->table);
	*ret_engine = engine;
	return 0;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	free(engine->table);
	free(engine);
}

void page_set_state(struct engine *engine, uint32_t number, enum page_state state)
{
	struct page *page = &engine->table[number];

	assert(page_transition_is_valid(page->state, state));
	log_debug("page %u: %s -> %s", number, page_state_name(page->state),
		  page_state_name(state));
	engine->tally.states[page->state]--;
	engine->tally.states[state]++;
	if (state == PAGE_SHARED)
		engine->tally.merges_total++;
	else if (state == PAGE_BROKEN)
		engine->tally.breaks_total++;
	else if (state == PAGE_ZERO)
		engine->tally.zeroes_total++;
	page->state = (uint8_t)state;
}

/* The link */

/*
 * Whatever was waiting for the broker waits no longer. Shared pages stay shared: the
 * mappings keep the store's memory alive.
 */
static void link_lost(struct engine *engine)
{
	engine->linked = false;
	engine->release_count = 0;
	for (uint32_t i = 0; i < engine->config.pages; i++) {
		enum page_state state = engine->table[i].state;

		if (state == PAGE_CALM || state == PAGE_PROBED || state == PAGE_TWIN ||
		    state == PAGE_PUBLISHED)
			page_set_state(engine, i, PAGE_PRIVATE);
	}
}

void engine_link_up(struct engine *engine, const struct digest_secret *secret)
{
	engine->secret = *secret;
	engine->linked = true;
	engine->store++;
	for (uint32_t i = 0; i < engine->config.pages; i++) {
		struct page *page = &engine->table[i];

		if (page->state == PAGE_SHARED)
			page_set_state(engine, i, PAGE_PRIVATE);
		page->digest_low = 0; /* by another secret */
	}
}

bool engine_link_is_up(const struct engine *engine)
{
	return engine->linked;
}

static void releases_send(struct engine *engine)
{
	uint32_t count = engine->release_count;

	engine->release_count = 0;
	if (count > 0 && engine->linked &&
	    engine->config.link->release(engine->config.link_context, engine->releases, count) < 0)
		link_lost(engine);
}

void engine_release(struct engine *engine, uint32_t frame)
{
	if (!engine->linked)
		return; /* the ledger that counted it is gone */
	engine->releases[engine->release_count++] = frame;
	if (engine->release_count == RELEASE_MAX)
		releases_send(engine);
}

/* Looking */

static void page_break(struct engine *engine, uint32_t number)
{
	struct page *page = &engine->table[number];

	page_set_state(engine, number, PAGE_BROKEN);
	engine_release(engine, page->frame_plus - 1);
	page_set_state(engine, number, PAGE_PRIVATE);
	page->digest_low = 0;
	if (page->breaks < BREAKS_MAX)
		page->breaks++;
}

/* What the look alone tells: no byte of the page is read. */
static void page_account(struct engine *engine, uint32_t number, enum look look)
{
	struct page *page = &engine->table[number];

	if (look != LOOK_OWN && look != LOOK_SWAP) {
		/* over a store whose broker is gone: nobody else's ledger has it */
		if (page->state != PAGE_SHARED && page->frame_plus != 0)
			engine->populated++;
		return;
	}
	engine->populated++;
	if (page->state == PAGE_SHARED)
		page_break(engine, number);
	else if (page->state == PAGE_ZERO)
		page_set_state(engine, number, PAGE_PRIVATE);
}

/* Whether there is something to read that could be shared. */
static bool page_is_readable(const struct engine *engine, uint32_t number, enum look look)
{
	const struct page *page = &engine->table[number];
	bool over_old_store = page->frame_plus != 0 && page->store != engine->store;

	if (page->state == PAGE_SHARED || page->state == PAGE_ZERO)
		return false;
	return look == LOOK_OWN || (over_old_store && look != LOOK_SWAP);
}

/* Once in so many passes; neighbours take turns, so that every pass costs the same. */
static bool page_has_its_turn(const struct engine *engine, uint32_t number, uint32_t passes)
{
	return (engine->tally.passes + number) % passes == 0;
}

/*
 * A page that waits, and was the same each time it was read, is read less and less
 * often: it is most likely one of a kind. Returns whether to pass it over now.
 */
static bool page_rests(const struct engine *engine, uint32_t number)
{
	const struct page *page = &engine->table[number];
	uint32_t passes = page->looks < REST_MAX ? page->looks : REST_MAX;

	return page->state == PAGE_PROBED && !page_has_its_turn(engine, number, passes);
}

static void page_propose(struct engine *engine, uint32_t number, struct digest digest)
{
	struct catalog_item *item = &engine->items[engine->item_count++];

	item->page = number;
	item->digest = digest;
}

/*
 * Whether the page is worth asking about now. A page that broke before has to prove
 * itself: twice as long after each time, since a merge that does not last costs the
 * guest a fault and everybody time.
 */
static bool page_is_candidate(struct engine *engine, uint32_t number, uint64_t digest_low)
{
	struct page *page = &engine->table[number];

	if (digest_low != page->digest_low) {
		page->digest_low = digest_low;
		page->looks = 0;
		engine->tally.changes_total++;
		if (page->state != PAGE_PRIVATE)
			page_set_state(engine, number, PAGE_PRIVATE);
		return false;
	}
	if (page->looks < LOOKS_MAX)
		page->looks++;
	if (page->state == PAGE_PROBED)
		return page_has_its_turn(engine, number, REPROBE_PASSES);
	return page->looks >=
	       1u << (page->breaks > engine->caution ? page->breaks : engine->caution);
}

/* PRIVATE -> CALM transition, and what undoes it. */
static void page_read(struct engine *engine, uint32_t number)
{
	struct page *page = &engine->table[number];
	const uint8_t *bytes = page_bytes(engine, number);
	struct digest digest;

	if (page_rests(engine, number))
		return;
	if (page_is_zero(bytes)) {
		engine->zeroes[engine->zero_count++] = number;
		return;
	}
	if (!engine->linked)
		return;
	digest = digest_page(bytes, &engine->secret);
	if (!page_is_candidate(engine, number, digest.low))
		return;
	if (page->state != PAGE_CALM)
		page_set_state(engine, number, PAGE_CALM);
	page_propose(engine, number, digest);
}

static int window_look(struct engine *engine, uint32_t first, uint32_t count)
{
	int rc = engine->config.memory->look(engine->config.memory_context, first, count,
					     engine->looks);

	for (uint32_t i = 0; rc == 0 && i < count; i++)
		page_account(engine, first + i, engine->looks[i]);
	return rc;
}

static void window_read(struct engine *engine, uint32_t first, uint32_t count)
{
	engine->item_count = engine->zero_count = engine->merge_count = 0;
	for (uint32_t i = 0; i < count; i++)
		if (page_is_readable(engine, first + i, engine->looks[i]))
			page_read(engine, first + i);
}

/* Asking */

/* TWIN -> PUBLISHED transition, for up to PUBLISH_MAX candidates. */
static int publish_batch(struct engine *engine, const uint32_t *picks, uint32_t count)
{
	struct catalog_item items[PUBLISH_MAX];
	const void *pages[PUBLISH_MAX];
	uint32_t answers[PUBLISH_MAX];
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		items[i] = engine->items[picks[i]];
		pages[i] = page_bytes(engine, items[i].page);
		page_set_state(engine, items[i].page, PAGE_PUBLISHED);
	}
	rc = engine->config.link->publish(engine->config.link_context, items, pages, count,
					  answers);
	for (uint32_t i = 0; rc == 0 && i < count; i++)
		engine->answers[picks[i]] = answers[i];
	return rc;
}

static int publish_twins(struct engine *engine)
{
	uint32_t picks[PUBLISH_MAX], count = 0;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < engine->item_count; i++) {
		if (engine->answers[i] == CATALOG_TWIN) {
			page_set_state(engine, engine->items[i].page, PAGE_TWIN);
			picks[count++] = i;
		}
		if (count == PUBLISH_MAX || (count > 0 && i + 1 == engine->item_count)) {
			rc = publish_batch(engine, picks, count);
			count = 0;
		}
	}
	return rc;
}

/* What the broker said in the end decides where each candidate goes. */
static void answers_sort(struct engine *engine)
{
	for (uint32_t i = 0; i < engine->item_count; i++) {
		uint32_t page = engine->items[i].page, answer = engine->answers[i];

		if (answer <= CATALOG_FRAME_MAX)
			engine->merges[engine->merge_count++] =
				(struct merge){ .page = page, .frame = answer };
		else if (answer == CATALOG_REFUSED || answer == CATALOG_TWIN)
			page_set_state(engine, page, PAGE_PRIVATE);
		else if (engine->table[page].state == PAGE_PUBLISHED)
			page_set_state(engine, page, PAGE_PROBED);
	}
}

static void candidates_ask(struct engine *engine)
{
	const struct link_ops *link = engine->config.link;
	int rc;

	if (engine->item_count == 0 || !engine->linked)
		return;
	rc = link->probe(engine->config.link_context, engine->items, engine->item_count,
			 engine->answers);
	if (rc == 0) {
		for (uint32_t i = 0; i < engine->item_count; i++)
			page_set_state(engine, engine->items[i].page, PAGE_PROBED);
		rc = publish_twins(engine);
	}
	if (rc < 0) {
		link_lost(engine);
		return;
	}
	answers_sort(engine);
	merge_runs(engine);
}

/* Offers */

static int offer_order(const void *a, const void *b)
{
	const struct link_offer *x = a, *y = b;

	return x->page < y->page ? -1 : x->page > y->page;
}

static bool offer_is_wanted(const struct engine *engine, const struct link_offer *offer)
{
	return engine->table[offer->page].state == PAGE_PROBED &&
	       engine->table[offer->page].digest_low == offer->digest_low;
}

/* The broker sorts out pages beyond the end, but it is a peer all the same. */
static void offers_sort(struct engine *engine, uint32_t count)
{
	engine->merge_count = 0;
	qsort(engine->offers, count, sizeof(*engine->offers), offer_order);
	for (uint32_t i = 0; i < count; i++) {
		const struct link_offer *offer = &engine->offers[i];
		uint32_t last = engine->merge_count - 1;

		if (offer->page >= engine->config.pages || !offer_is_wanted(engine, offer) ||
		    (engine->merge_count > 0 && engine->merges[last].page == offer->page))
			engine_release(engine, offer->frame);
		else
			engine->merges[engine->merge_count++] =
				(struct merge){ .page = offer->page, .frame = offer->frame };
	}
}

void engine_take_offers(struct engine *engine)
{
	int count = OFFERS_MAX;

	while (engine->linked && count == OFFERS_MAX) {
		count = engine->config.link->offers(engine->config.link_context, engine->offers,
						    OFFERS_MAX);
		if (count < 0) {
			link_lost(engine);
			return;
		}
		offers_sort(engine, (uint32_t)count);
		merge_runs(engine);
	}
	releases_send(engine);
}

/* Passes */

void engine_set_caution(struct engine *engine, uint32_t caution)
{
	engine->caution = caution < BREAKS_MAX ? caution : BREAKS_MAX;
}

static uint32_t window_size(const struct engine *engine, uint32_t first)
{
	uint32_t left = engine->config.pages - first;

	return left < WINDOW_PAGES ? left : WINDOW_PAGES;
}

/* Moves on to the next window; returns 1 where the pass is over. */
static int window_next(struct engine *engine, uint32_t count)
{
	engine->next += count;
	if (engine->next < engine->config.pages)
		return 0;
	engine->next = 0;
	engine->tally.populated = engine->populated;
	engine->populated = 0;
	engine->tally.passes++;
	return 1;
}

int engine_step(struct engine *engine)
{
	uint32_t first = engine->next, count = window_size(engine, first);
	int rc = window_look(engine, first, count);

	if (rc < 0)
		return rc;
	window_read(engine, first, count);
	merge_zeroes(engine);
	candidates_ask(engine);
	engine_take_offers(engine);
	return window_next(engine, count);
}

int engine_refresh(struct engine *engine)
{
	uint64_t populated = engine->populated; /* of the pass under way: keep it */
	uint32_t count;
	int rc = 0;

	engine->populated = 0;
	for (uint32_t first = 0; rc == 0 && first < engine->config.pages; first += count) {
		count = window_size(engine, first);
		rc = window_look(engine, first, count);
	}
	if (rc == 0)
		engine->tally.populated = engine->populated;
	engine->populated = populated;
	releases_send(engine);
	return rc;
}

struct tally engine_tally(const struct engine *engine)
{
	return engine->tally;
}

struct page engine_page(const struct engine *engine, uint32_t page)
{
	return engine->table[page];
}
