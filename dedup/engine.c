/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.c - finds the pages of one guest that others have too
 *
 * Theory of operation
 *
 * A pass goes over all of guest RAM in windows; engine_step() does one in which there is
 * something to do. For each window the engine
 *
 *	chooses		what can have changed, or waits for its next look (due.c).
 *	looks		what backs each page now? A shared page that has memory of its
 *			own was written to: BROKEN, and its frame is released.
 *	reads		the guest's own pages. All zero: handed back at once. Not written
 *			to for long enough, or the same digest as at the last look: CALM, a
 *			candidate. Else the guest is at work there, leave it alone.
 *	probes		all candidates of the window in one message. The answer for each
 *			is a frame, or "a twin has it", or "you are the first".
 *	publishes	the bytes of those with a twin, which gives them frames too.
 *	merges		pages with frames (merge.c): hold, compare, share.
 *
 * The first one to show a digest is not asked again: when a twin publishes, the
 * broker offers it the frame. So in a calm guest each page is asked about once.
 * Offers can come to nothing (the page has changed, mappings are short), so every
 * page that waits is asked about again when its turn comes to be swept (due.c).
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

#include "base/probe.h"

/* So few pages that nobody asked about, between others, are looked at with them in one call. */
#define LOOK_GAP 8u

/* Eight calm passes until a page that there was no room for is asked about again. */
#define RESTLESS_EXHAUSTED 4u

/* As much of the table as one page of the host's holds. */
#define TABLE_PART_PAGES (PAGE_BYTES / (uint32_t)sizeof(struct page))

int engine_create(const struct engine_config *config, struct engine **ret_engine)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	uint32_t words = (config->pages + WORD_PAGES - 1) / WORD_PAGES;

	if (!engine)
		return -ENOMEM;
	engine->table = calloc(config->pages, sizeof(*engine->table));
	engine->populated = calloc(words, sizeof(*engine->populated));
	engine->declined = calloc(words, sizeof(*engine->declined));
	engine->table_used = calloc(words / TABLE_PART_PAGES + 1, sizeof(*engine->table_used));
	if (due_init(&engine->due, config->pages) < 0 || !engine->table || !engine->populated ||
	    !engine->declined || !engine->table_used) {
		engine_free(engine);
		return -ENOMEM;
	}
	engine->config = *config;
	if (huge_create(engine) < 0) {
		engine_free(engine);
		return -ENOMEM;
	}
	engine->tally.states[PAGE_PRIVATE] = config->pages;
	engine->tally.mappings = 1;
	engine->tally.mappings_limit = config->mappings_limit;
	engine->tally.memory_bytes +=
		sizeof(*engine) + (words / TABLE_PART_PAGES + 1) * sizeof(*engine->table_used) +
		words * (sizeof(*engine->populated) + sizeof(*engine->declined)) +
		due_memory_bytes(&engine->due);
	*ret_engine = engine;
	return 0;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	due_done(&engine->due);
	huge_free(engine);
	free(engine->populated);
	free(engine->declined);
	free(engine->table_used);
	free(engine->table);
	free(engine);
}

/* The table takes up memory only where pages were ever of interest. */
static void table_use(struct engine *engine, uint32_t number)
{
	uint32_t part = number / TABLE_PART_PAGES;

	if (bit_is_set(engine->table_used, part))
		return;
	bit_put(engine->table_used, part, true);
	engine->tally.memory_bytes += TABLE_PART_PAGES * sizeof(*engine->table);
}

/* Exact from look to look: what is shared, or given back, is not the guest's own any more. */
void page_set_populated(struct engine *engine, uint32_t number, bool populated)
{
	engine->tally.populated += populated;
	engine->tally.populated -= bit_is_set(engine->populated, number);
	bit_put(engine->populated, number, populated);
	if (populated)
		table_use(engine, number);
}

/* A page that becomes PRIVATE waits for its next look; in all other states it waits for nothing. */
void page_set_state(struct engine *engine, uint32_t number, enum page_state state)
{
	struct page *page = &engine->table[number];
	enum page_state before = page->state;

	assert(page_transition_is_valid(before, state));
	log_debug("page %u: %s -> %s", number, page_state_name(before), page_state_name(state));
	PROBE3(page_state, number, before, state);
	table_use(engine, number);
	engine->tally.states[before]--;
	engine->tally.states[state]++;
	if (state == PAGE_SHARED)
		engine->tally.merges_total++;
	else if (state == PAGE_BROKEN)
		engine->tally.breaks_total++;
	else if (state == PAGE_ZERO)
		engine->tally.zeroes_total++;
	if (state == PAGE_SHARED || state == PAGE_ZERO || state == PAGE_RETURNED)
		page_set_populated(engine, number, false);
	if (state != PAGE_PRIVATE && state != PAGE_PROBED && state != PAGE_HELD)
		page_set_declined(engine, number, false);
	bit_put(engine->due.waiting, number, state == PAGE_PRIVATE);
	page->state = (uint32_t)state & 0xfu;
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

/* The next number that no page is mapped from; PAGE_STORES: all are in use. */
static uint32_t store_number(const struct engine *engine)
{
	for (uint32_t i = 1; i <= PAGE_STORES; i++) {
		uint32_t number = (engine->store + i) % PAGE_STORES;

		if (engine->store_pages[number] == 0)
			return number;
	}
	return PAGE_STORES;
}

bool engine_can_link(const struct engine *engine)
{
	return engine->linked || store_number(engine) < PAGE_STORES;
}

void engine_link_up(struct engine *engine, const struct digest_secret *secret)
{
	uint32_t number = store_number(engine);

	assert(number < PAGE_STORES);
	engine->secret = *secret;
	engine->linked = true;
	engine->store = (uint8_t)number;
	engine->linked_pass = engine->tally.passes;
	engine->restore.is_under_way = false; /* begun for other stores */
	for (uint32_t i = 0; i < engine->config.pages; i++) {
		struct page *page = &engine->table[i];

		if (page->state == PAGE_SHARED)
			page_set_state(engine, i, PAGE_PRIVATE);
		if (page->mark != 0) /* by another secret */
			page->mark = 0;
	}
	due_set_all(&engine->due);
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
	page->mark = 0;
	if (page->breaks < BREAKS_MAX)
		page->breaks = (page->breaks + 1u) & 0x7u;
}

/* A write to a page that had no memory can have given it to all around it, as one huge page. */
static void huge_neighbours_wait(struct engine *engine, uint32_t number)
{
	uint32_t first = number / HUGE_PAGES * HUGE_PAGES / WORD_PAGES;

	for (uint32_t i = 0; engine->huge && i < HUGE_PAGES / WORD_PAGES; i++)
		if (first + i < engine->due.words)
			engine->due.waiting[first + i] |= ~engine->populated[first + i];
}

/* What the look alone tells: no byte of the page is read. */
static void page_account(struct engine *engine, uint32_t number, enum look look)
{
	struct page *page = &engine->table[number];

	if (look != LOOK_OWN && look != LOOK_SWAP) {
		/* over a store whose broker is gone: nobody else's ledger has it */
		page_set_populated(engine, number,
				   page->state != PAGE_SHARED && page->frame_plus != 0);
		return;
	}
	if (page->state == PAGE_SHARED)
		page_break(engine, number);
	else if (page->state == PAGE_ZERO || page->state == PAGE_RETURNED)
		page_set_state(engine, number, PAGE_PRIVATE);
	if (!bit_is_set(engine->populated, number))
		huge_neighbours_wait(engine, number);
	page_set_populated(engine, number, true);
}

/* Whether there is something to read that could be shared. */
static bool page_is_readable(const struct engine *engine, uint32_t number, enum look look)
{
	const struct page *page = &engine->table[number];
	bool over_old_store = page->frame_plus != 0 && page->store != engine->store;

	if (page->state == PAGE_SHARED || page->state == PAGE_ZERO || page->state == PAGE_RETURNED)
		return false;
	return look == LOOK_OWN || (over_old_store && look != LOOK_SWAP);
}

static void page_propose(struct engine *engine, uint32_t number, struct digest digest)
{
	struct catalog_item *item = &engine->items[engine->item_count++];

	*item = (struct catalog_item){ .page = number, .digest = digest };
}

static void page_changed(struct engine *engine, uint32_t number, uint32_t mark)
{
	struct page *page = &engine->table[number];

	page->mark = mark & 0x1ffffu;
	page->looks = 0;
	if (page->restless < RESTLESS_MAX)
		page->restless = (page->restless + 1u) & 0x7u;
	engine->tally.changes_total++;
	huge_forget(engine, number);
	page_set_declined(engine, number, false);
	if (page->state != PAGE_PRIVATE)
		page_set_state(engine, number, PAGE_PRIVATE);
	bit_put(engine->due.waiting, number, true);
}

/* Whether a page that may have changed is worth asking about now. */
static bool page_is_candidate(struct engine *engine, uint32_t number, uint32_t mark)
{
	struct page *page = &engine->table[number];

	if (mark != page->mark) {
		page_changed(engine, number, mark);
		return false;
	}
	if (page->looks < LOOKS_MAX)
		page->looks = (page->looks + 1u) & 0x1fu;
	if (page->state == PAGE_PROBED)
		return page_has_its_sweep(engine, number);
	if (page->looks >= page_calm_needed(engine, number))
		return true;
	bit_put(engine->due.waiting, number, true);
	return false;
}

/*
 * PRIVATE -> CALM transition, and what undoes it. unsure: the bytes may be others than at
 * the last look; else they are the same, and have been for long enough.
 */
static void page_read(struct engine *engine, uint32_t number, bool unsure)
{
	struct page *page = &engine->table[number];
	const uint8_t *bytes = page_bytes(engine, number);
	struct digest digest;

	if (page_is_zero(bytes)) {
		if (huge_keeps(engine, number))
			return;
		engine->zeroes[engine->zero_count++] = number;
		bit_put(engine->due.waiting, number, true); /* until it is ZERO */
		return;
	}
	if (unsure && engine->due.tracked && page->mark == 0) {
		page_changed(engine, number, 0);
		return;
	}
	if (!engine->linked) { /* all pages wait once it is */
		page->looks = unsure ? 0 : page->looks;
		return;
	}
	digest = digest_page(bytes, &engine->secret);
	if (!unsure)
		page->mark = page_mark(digest.low) & 0x1ffffu;
	if (!page_is_candidate(engine, number, page_mark(digest.low)))
		return;
	page->restless = 0;
	if (page->state != PAGE_CALM)
		page_set_state(engine, number, PAGE_CALM);
	page_propose(engine, number, digest);
}

/* Looks at pages [at, end) of the window. */
static int span_look(struct engine *engine, uint32_t first, uint32_t at, uint32_t end)
{
	return engine->config.memory->look(engine->config.memory_context, first + at, end - at,
					   engine->looks + at);
}

/*
 * Looks at the pages of `bits`: in spans, since a call costs about as much as some pages
 * that are looked at in vain. Returns 0 or -errno.
 */
static int window_look(struct engine *engine, uint32_t first, uint32_t count, const uint64_t *bits)
{
	uint32_t at = bits_next(bits, 0, count), end, next;
	int rc = 0;

	for (; rc == 0 && at < count; at = next) {
		end = at + 1;
		next = bits_next(bits, end, count);
		while (next < count && next - end < LOOK_GAP) {
			end = next + 1;
			next = bits_next(bits, end, count);
		}
		rc = span_look(engine, first, at, end);
		for (uint32_t i = at; rc == 0 && i < end; i++)
			if (bit_is_set(bits, i))
				page_account(engine, first + i, engine->looks[i]);
	}
	return rc;
}

/* Writes to what is read now count anew: from here on, since a later one must not be missed. */
static void window_watch(struct engine *engine, uint32_t first, uint32_t count)
{
	struct due *due = &engine->due;

	if (due->tracked && engine->config.memory->watch(engine->config.memory_context, first,
							 count, due->unsure) < 0)
		due->tracked = false;
}

/*
 * Nothing is read in from swap to be shared. Until somebody else does that the page stays on the
 * list that it was chosen from, and is looked at less and less often.
 */
static void page_stay_listed(struct engine *engine, uint32_t number, bool unsure)
{
	struct page *page = &engine->table[number];

	if (page->restless < RESTLESS_MAX)
		page->restless = (page->restless + 1u) & 0x7u;
	if (!unsure)
		page->looks = 0;
	bit_put(unsure ? engine->due.written : engine->due.waiting, number, true);
}

static void window_read(struct engine *engine, uint32_t first, uint32_t count)
{
	const struct due *due = &engine->due;

	engine->item_count = engine->zero_count = engine->merge_count = 0;
	for (uint32_t i = bits_next(due->chosen, 0, count); i < count;
	     i = bits_next(due->chosen, i + 1, count)) {
		bool unsure = bit_is_set(due->unsure, i);

		if (engine->looks[i] == LOOK_SWAP && due->tracked)
			page_stay_listed(engine, first + i, unsure);
		else if (page_is_readable(engine, first + i, engine->looks[i]) &&
			 page_has_its_read(engine, first + i))
			page_read(engine, first + i, unsure);
	}
}

/* Asking */

static bool lies_over_store(const struct engine *engine, uint32_t number)
{
	return engine->table[number].frame_plus != 0 &&
	       engine->table[number].store == engine->store;
}

/*
 * 1 + the frame with which the page would be part of the mapping that it lies in, or of one
 * beside it; 0: there is none. before: the item that is published ahead of this one, or NULL.
 */
static uint32_t page_wish(const struct engine *engine, uint32_t number,
			  const struct catalog_item *before)
{
	const struct page *page = &engine->table[number];

	if (lies_over_store(engine, number))
		return page->frame_plus;
	if (before && before->page + 1 == number && before->wish_plus != 0)
		return before->wish_plus + 1;
	if (number > 0 && lies_over_store(engine, number - 1))
		return page[-1].frame_plus + 1u;
	if (number + 1 < engine->config.pages && lies_over_store(engine, number + 1))
		return page[1].frame_plus - 1u;
	return 0;
}

/* TWIN -> PUBLISHED transition, for up to PUBLISH_MAX candidates. */
static int publish_batch(struct engine *engine, const uint32_t *picks, uint32_t count)
{
	struct catalog_item items[PUBLISH_MAX];
	const void *pages[PUBLISH_MAX];
	uint32_t answers[PUBLISH_MAX];
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		items[i] = engine->items[picks[i]];
		items[i].wish_plus = page_wish(engine, items[i].page, i > 0 ? &items[i - 1] : NULL);
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

/*
 * PROBED or PUBLISHED -> PRIVATE transition: the broker has no room, or no more for this guest,
 * and will offer nothing. The next question waits, as that about a page that changed a lot.
 */
static void page_postpone(struct engine *engine, uint32_t number)
{
	struct page *page = &engine->table[number];

	page->looks = 0;
	page->restless = RESTLESS_EXHAUSTED;
	page_set_state(engine, number, PAGE_PRIVATE);
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
		else if (answer == CATALOG_EXHAUSTED)
			page_postpone(engine, page);
		else if (engine->table[page].state == PAGE_PUBLISHED)
			page_set_state(engine, page, PAGE_PROBED);
	}
}

/* Frames and twins for what stays part of a huge page come to nothing for now. */
static void answers_keep_huge(struct engine *engine)
{
	for (uint32_t i = 0; i < engine->item_count; i++) {
		uint32_t answer = engine->answers[i];

		if ((answer > CATALOG_FRAME_MAX && answer != CATALOG_TWIN) ||
		    !huge_keeps(engine, engine->items[i].page))
			continue;
		engine->answers[i] = CATALOG_ABSENT;
		if (answer <= CATALOG_FRAME_MAX)
			engine_release(engine, answer);
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
		answers_keep_huge(engine);
		if (!engine->linked)
			return;
		rc = publish_twins(engine);
	}
	if (rc < 0) {
		link_lost(engine);
		return;
	}
	answers_sort(engine);
	merge_runs(engine);
}

void pages_ask(struct engine *engine, const uint32_t *pages, uint32_t count)
{
	if (!engine->linked)
		return;
	engine->item_count = engine->merge_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct digest digest = digest_page(page_bytes(engine, pages[i]), &engine->secret);
		struct page *page = &engine->table[pages[i]];

		page->mark = page_mark(digest.low) & 0x1ffffu;
		if (page->state != PAGE_CALM)
			page_set_state(engine, pages[i], PAGE_CALM);
		page_propose(engine, pages[i], digest);
	}
	candidates_ask(engine);
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
	       engine->table[offer->page].mark == page_mark(offer->digest_low);
}

/* The broker sorts out pages beyond the end, but it is a peer all the same. */
static void offers_sort(struct engine *engine, uint32_t count)
{
	engine->merge_count = 0;
	qsort(engine->offers, count, sizeof(*engine->offers), offer_order);
	for (uint32_t i = 0; i < count; i++) {
		const struct link_offer *offer = &engine->offers[i];
		uint32_t last = engine->merge_count - 1;

		if (offer->page >= engine->config.pages || offer->frame > CATALOG_FRAME_MAX ||
		    !offer_is_wanted(engine, offer) || huge_keeps(engine, offer->page) ||
		    (engine->merge_count > 0 && engine->merges[last].page == offer->page))
			engine_release(engine, offer->frame);
		else
			engine->merges[engine->merge_count++] =
				(struct merge){ .page = offer->page, .frame = offer->frame };
	}
}

bool engine_take_offers(struct engine *engine)
{
	int count = 0;

	if (engine->linked)
		count = engine->config.link->offers(engine->config.link_context, engine->offers,
						    OFFERS_AT_ONCE);
	if (count < 0) {
		link_lost(engine);
		return false;
	}
	offers_sort(engine, (uint32_t)count);
	merge_runs(engine);
	huge_settle(engine);
	releases_send(engine);
	return count == OFFERS_AT_ONCE && engine->linked;
}

/* Passes */

void engine_set_caution(struct engine *engine, uint32_t caution)
{
	engine->caution = caution < CAUTION_MAX ? caution : CAUTION_MAX;
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
	engine->tally.passes++;
	budget_pass_over(engine);
	return 1;
}

/* Windows in which nothing is due cost no step. Returns whether there is another one. */
static bool window_find(struct engine *engine)
{
	if (engine->next == 0)
		due_fetch(engine);
	while (!due_choose(engine, engine->next, window_size(engine, engine->next)))
		if (window_next(engine, window_size(engine, engine->next)) != 0)
			return false;
	return true;
}

/* A pass ends in restoring, which has steps of its own. */
static int pass_end(struct engine *engine)
{
	return restore_begin(engine) ? 0 : 1;
}

int engine_step(struct engine *engine)
{
	uint32_t first, count;
	int rc;

	if (engine->restore.is_under_way) {
		rc = restore_step(engine);
		engine_take_offers(engine);
		return rc;
	}
	if (!window_find(engine)) {
		engine_take_offers(engine);
		return pass_end(engine);
	}
	first = engine->next;
	count = window_size(engine, first);
	window_watch(engine, first, count);
	rc = window_look(engine, first, count, engine->due.chosen);
	if (rc == 0 && huge_prepare(engine, first, count))
		rc = window_look(engine, first, count, engine->due.chosen);
	if (rc < 0) {
		due_put_back(engine, first, count);
		releases_send(engine); /* of pages that were looked at before it failed */
		return rc;
	}
	window_read(engine, first, count);
	merge_zeroes(engine);
	candidates_ask(engine);
	engine_take_offers(engine);
	return window_next(engine, count) != 0 ? pass_end(engine) : 0;
}

int engine_refresh(struct engine *engine)
{
	bool all = !due_fetch_again(engine);
	const struct due *due = &engine->due;
	uint64_t bits[WINDOW_WORDS];
	uint32_t count;
	int rc = 0;

	for (uint32_t first = 0; rc == 0 && first < engine->config.pages; first += count) {
		count = window_size(engine, first);
		for (uint32_t i = 0; i * WORD_PAGES < count; i++)
			bits[i] = all ? UINT64_MAX
				      : due->waiting[first / WORD_PAGES + i] |
						  due->written[first / WORD_PAGES + i];
		rc = window_look(engine, first, count, bits);
	}
	releases_send(engine);
	return rc;
}

struct tally engine_tally(const struct engine *engine)
{
	struct tally tally = engine->tally;

	for (uint32_t i = 0; i < PAGE_STORES; i++)
		tally.old_store += i != engine->store ? engine->store_pages[i] : 0;
	return tally;
}

struct page engine_page(const struct engine *engine, uint32_t page)
{
	return engine->table[page];
}
