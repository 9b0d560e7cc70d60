/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge.c - brings equal pages to one frame
 *
 * Theory of operation
 *
 * A merge takes runs: neighbouring pages whose frames are neighbours too. A run costs
 * one mapping however long it is. Runs whose pages lie side by side are held together, as
 * a stretch, since a write-protection and a wake cost as much for one run as for ten; so
 * the lists that engine.c hands over, sorted by page, are cut into stretches as long as
 * they come. STRETCH_PAGES_MAX and STRETCH_RUNS_MAX bound how long a writer can be kept
 * waiting. A stretch never spans two mappings: kernels before 6.3 refuse to protect such
 * a range. Where one is refused all the same, its halves are tried.
 *
 *	look -> hold -> compare every byte -> share the equal runs
 *	                                   -> unhold and release the others -> wake all
 *
 * Nothing between hold and wake waits for a peer, and every path ends in the wake.
 *
 * Mappings are a budget (mappings.c), whose last part is kept for the runs that give back
 * most.
 *
 * A page that a device has pinned can't be held: it is left alone, and its turn comes
 * again in a later pass.
 */
#include "dedup/engine_state.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/probe.h"
#include "base/race.h"

/*
 * A run that was let in can still fall apart into parts that each add two, and so can a
 * zero page in the middle of a run: this is the last word.
 */
static bool part_fits(struct engine *engine, uint32_t first, uint32_t count)
{
	if (mappings_without(engine, first, count) + 2 <= engine->tally.mappings_limit)
		return true;
	budget_decline(engine, first, count);
	return false;
}

/* Holding */

static void pages_set_state(struct engine *engine, uint32_t first, uint32_t count,
			    enum page_state state)
{
	for (uint32_t i = 0; i < count; i++)
		page_set_state(engine, first + i, state);
}

static bool stretch_hold(struct engine *engine, uint32_t first, uint32_t count)
{
	int rc;

	PROBE2(hold, first, count);
	rc = engine->config.memory->hold(engine->config.memory_context, first, count,
					 engine->table[first].frame_plus != 0);
	if (rc < 0) {
		if (rc != -EBUSY)
			engine->tally.hold_fails_total++;
		else if (count == 1)
			engine->tally.pinned_total++;
		return false;
	}
	pages_set_state(engine, first, count, PAGE_HELD);
	return true;
}

/* HELD -> PRIVATE transition: not equal after all, or not mappable. */
static void part_unhold(struct engine *engine, uint32_t first, uint32_t count)
{
	engine->config.memory->unhold(engine->config.memory_context, first, count,
				      engine->table[first].frame_plus != 0);
	for (uint32_t i = 0; i < count; i++) {
		engine->table[first + i].mark = 0;
		engine->table[first + i].looks = 0;
		page_set_state(engine, first + i, PAGE_PRIVATE);
	}
}

static void stretch_wake(struct engine *engine, uint32_t first, uint32_t count)
{
	engine->config.memory->wake(engine->config.memory_context, first, count);
	PROBE2(wake, first, count);
}

/* Sharing */

/* HELD -> SHARED transition. Returns whether it came about. */
static bool run_share(struct engine *engine, uint32_t first, uint32_t count, uint32_t frame)
{
	if (!part_fits(engine, first, count))
		return false;
	if (engine->config.memory->share(engine->config.memory_context, first, count, frame) < 0) {
		engine->tally.hold_fails_total++;
		return false;
	}
	pages_set_mapping(engine, first, count, frame + 1);
	pages_set_state(engine, first, count, PAGE_SHARED);
	return true;
}

/* Pages that are held together, and what they are to become. */
struct stretch {
	const struct merge *merges;
	uint32_t count;
	const uint8_t *frames[STRETCH_PAGES_MAX]; /* the bytes of each page's frame */
	bool shared[STRETCH_PAGES_MAX];
};

static bool page_equals_frame(const struct engine *engine, const struct stretch *stretch,
			      uint32_t i)
{
	RACES_WITH_GUEST;

	return memcmp(page_bytes(engine, stretch->merges[i].page), stretch->frames[i],
		      PAGE_BYTES) == 0;
}

/*
 * A look while nobody waits: the comparison under the hold, which decides, then finds the bytes in
 * the processor's caches. Returns whether there is anything to share, as it is now.
 */
static bool stretch_is_worth_it(const struct engine *engine, const struct stretch *stretch)
{
	bool any = false;

	for (uint32_t i = 0; i < stretch->count; i++)
		any |= page_equals_frame(engine, stretch, i);
	return any;
}

/* How many pages from the i-th on are equal to neighbouring frames, or are not equal. */
static uint32_t part_length(const struct engine *engine, const struct stretch *stretch, uint32_t i,
			    bool equal)
{
	uint32_t frame = stretch->merges[i].frame, n = 1;

	/* who looks at the frame's number first compares no page twice */
	while (i + n < stretch->count && (!equal || stretch->merges[i + n].frame == frame + n) &&
	       page_equals_frame(engine, stretch, i + n) == equal)
		n++;
	return n;
}

/*
 * The held pages against their frames' bytes: each run of equal pages is shared, each
 * stretch of others let go. The releases wait until all of it is woken.
 */
static void stretch_compare(struct engine *engine, struct stretch *stretch)
{
	for (uint32_t i = 0, n; i < stretch->count; i += n) {
		uint32_t first = stretch->merges[i].page;
		bool equal = page_equals_frame(engine, stretch, i), shared = false;

		n = part_length(engine, stretch, i, equal);
		if (equal)
			shared = run_share(engine, first, n, stretch->merges[i].frame);
		else
			engine->tally.unequal_total += n;
		if (!shared)
			part_unhold(engine, first, n);
		for (uint32_t j = 0; j < n; j++)
			stretch->shared[i + j] = shared;
	}
}

static void stretch_give_up(struct engine *engine, const struct merge *merges, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		/* a link lost meanwhile made them so already */
		if (engine->table[merges[i].page].state != PAGE_PRIVATE)
			page_set_state(engine, merges[i].page, PAGE_PRIVATE);
		engine_release(engine, merges[i].frame);
	}
}

/* Nobody had to wait to find out. */
static void stretch_is_unequal(struct engine *engine, const struct merge *merges, uint32_t count)
{
	engine->tally.unequal_total += count;
	for (uint32_t i = 0; i < count; i++) {
		engine->table[merges[i].page].mark = 0;
		engine->table[merges[i].page].looks = 0;
	}
	stretch_give_up(engine, merges, count);
}

static uint32_t run_length(const struct engine *engine, const struct merge *run, uint32_t limit)
{
	uint32_t n = 1;

	if (limit > STRETCH_PAGES_MAX)
		limit = STRETCH_PAGES_MAX;
	while (n < limit && run[n].page == run->page + n && run[n].frame == run->frame + n &&
	       !page_starts_mapping(engine, run[n].page))
		n++;
	return n;
}

static bool stretch_find_frames(struct engine *engine, struct stretch *stretch)
{
	const struct engine_config *config = &engine->config;

	for (uint32_t i = 0, n; i < stretch->count; i += n) {
		const struct merge *run = stretch->merges + i;
		const uint8_t *bytes;

		n = run_length(engine, run, stretch->count - i);
		bytes = config->memory->frames(config->memory_context, run->frame, n);
		if (!bytes)
			return false;
		for (uint32_t j = 0; j < n; j++)
			stretch->frames[i + j] = bytes + (size_t)j * PAGE_BYTES;
	}
	return true;
}

static void merge_stretch(struct engine *engine, const struct merge *merges, uint32_t count)
{
	struct stretch stretch = { .merges = merges, .count = count };

	/* the frames are read first: what takes time is done before anybody waits */
	if (!stretch_find_frames(engine, &stretch)) {
		stretch_give_up(engine, merges, count);
		return;
	}
	if (!stretch_is_worth_it(engine, &stretch)) {
		stretch_is_unequal(engine, merges, count);
		return;
	}
	if (!stretch_hold(engine, merges->page, count)) {
		if (count > 1) { /* the kernel may have cut the memory finer than we know */
			merge_stretch(engine, merges, count / 2);
			merge_stretch(engine, merges + count / 2, count - count / 2);
		} else {
			stretch_give_up(engine, merges, count);
		}
		return;
	}
	stretch_compare(engine, &stretch);
	stretch_wake(engine, merges->page, count);
	for (uint32_t i = 0; i < count; i++)
		if (!stretch.shared[i])
			engine_release(engine, merges[i].frame);
}

/* Not now: the pages wait, and are asked about again in a later pass. */
static void run_decline(struct engine *engine, const struct merge *run, uint32_t count)
{
	budget_decline(engine, run->page, count);
	engine->declined_runs[worth_class(count)]++;
	for (uint32_t i = 0; i < count; i++) {
		if (engine->table[run[i].page].state == PAGE_PUBLISHED)
			page_set_state(engine, run[i].page, PAGE_PROBED);
		engine_release(engine, run[i].frame);
	}
}

/* Runs side by side that are let in: as many whole ones as are held together. */
static uint32_t stretch_length(const struct engine *engine, const struct merge *merges,
			       uint32_t limit)
{
	uint32_t length = 0, shortest = budget_shortest_run(engine);

	for (uint32_t runs = 0, n; length < limit && runs < STRETCH_RUNS_MAX; length += n, runs++) {
		const struct merge *run = merges + length;

		n = run_length(engine, run, limit - length);
		if (n < shortest || length + n > STRETCH_PAGES_MAX)
			break;
		if (length > 0 &&
		    (run->page != merges->page + length || page_starts_mapping(engine, run->page)))
			break;
	}
	return length;
}

void merge_runs(struct engine *engine)
{
	const struct merge *merges = engine->merges;

	/* a release on the way can find the link lost, and with it all that waits here */
	for (uint32_t i = 0, n; i < engine->merge_count && engine->linked; i += n) {
		n = stretch_length(engine, merges + i, engine->merge_count - i);
		if (n > 0) {
			merge_stretch(engine, merges + i, n);
		} else {
			n = run_length(engine, merges + i, engine->merge_count - i);
			run_decline(engine, merges + i, n);
		}
	}
	engine->merge_count = 0;
}

/* Zero pages */

/* HELD -> ZERO transition, for a stretch that is zero now that nobody can write. */
static void part_discard(struct engine *engine, uint32_t first, uint32_t count)
{
	int over_store = engine->table[first].frame_plus != 0;

	if (over_store && !part_fits(engine, first, count)) {
		part_unhold(engine, first, count);
		return;
	}
	if (engine->config.memory->discard(engine->config.memory_context, first, count,
					   over_store) < 0) {
		engine->tally.hold_fails_total++;
		part_unhold(engine, first, count);
		return;
	}
	pages_set_mapping(engine, first, count, 0);
	for (uint32_t i = 0; i < count; i++)
		engine->table[first + i].mark = 0;
	pages_set_state(engine, first, count, PAGE_ZERO);
}

static void zero_stretch(struct engine *engine, uint32_t first, uint32_t count)
{
	if (!stretch_hold(engine, first, count)) {
		if (count > 1) { /* as in merge_stretch() */
			zero_stretch(engine, first, count / 2);
			zero_stretch(engine, first + count / 2, count - count / 2);
		}
		return;
	}
	for (uint32_t i = 0, n; i < count; i += n) {
		bool zero = page_is_zero(page_bytes(engine, first + i));

		for (n = 1; i + n < count; n++)
			if (page_is_zero(page_bytes(engine, first + i + n)) != zero)
				break;
		if (zero)
			part_discard(engine, first + i, n);
		else
			part_unhold(engine, first + i, n);
	}
	stretch_wake(engine, first, count);
}

void merge_zeroes(struct engine *engine)
{
	for (uint32_t i = 0, n; i < engine->zero_count; i += n) {
		uint32_t first = engine->zeroes[i];

		n = 1;
		while (n < STRETCH_PAGES_MAX && i + n < engine->zero_count &&
		       engine->zeroes[i + n] == first + n &&
		       !page_starts_mapping(engine, first + n))
			n++;
		zero_stretch(engine, first, n);
	}
	engine->zero_count = 0;
}

/* Invariants */

void engine_check(const struct engine *engine)
{
	uint64_t states[PAGE_STATES] = { 0 }, mappings = 1, declined = 0;
	uint32_t stores[PAGE_STORES] = { 0 };

	for (uint32_t i = 0; i < engine->config.pages; i++) {
		const struct page *page = &engine->table[i];

		states[page->state]++;
		mappings += page_starts_mapping(engine, i);
		stores[page->store] += page->frame_plus != 0;
		declined += bit_is_set(engine->declined, i);
		assert(!bit_is_set(engine->declined, i) || page->state == PAGE_PRIVATE ||
		       page->state == PAGE_PROBED);
		assert(page->state != PAGE_SHARED || page->frame_plus != 0);
		assert(page->state != PAGE_ZERO || page->frame_plus == 0);
		assert(page->state != PAGE_RETURNED || page->frame_plus == 0);
		assert(page->state != PAGE_RETURNED || page->mark == 0);
		assert(page->state != PAGE_SHARED || page->store == engine->store);
	}
	assert(memcmp(states, engine->tally.states, sizeof(states)) == 0);
	assert(mappings == engine->tally.mappings);
	assert(memcmp(stores, engine->store_pages, sizeof(stores)) == 0);
	assert(declined == engine->tally.declined);
	huge_check(engine);
	census_check(engine);
	assert(states[PAGE_HELD] == 0 && states[PAGE_BROKEN] == 0 && states[PAGE_TWIN] == 0);
}
