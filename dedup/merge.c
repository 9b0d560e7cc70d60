/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge.c - brings equal pages to one frame
 *
 * Theory of operation
 *
 * A merge takes a run: neighbouring pages whose frames are neighbours too. A run
 * costs one mapping, one write-protection and one notification of KVM however long
 * it is, so the lists that engine.c hands over, sorted by page, are cut into runs as
 * long as they come, up to RUN_MAX, which bounds how long a writer can be kept
 * waiting. A run never spans two mappings: kernels before 6.3 refuse to protect such
 * a range. Where one is refused all the same, its halves are tried.
 *
 *	hold -> compare every byte -> share the equal stretches
 *	                           -> unhold and release the others -> wake all
 *
 * Nothing between hold and wake waits for a peer, and every path ends in the wake.
 *
 * Mappings are a budget. The engine keeps count of the ones that guest RAM is cut
 * into: a boundary lies wherever two neighbouring pages are not mapped from
 * neighbouring places. As the budget is used up, a run must be longer to be let in,
 * so that the last mappings go to the runs that give back most.
 */
#include "dedup/engine_state.h"

#include <assert.h>
#include <string.h>

/* Mappings */

/* What one mapping has in common: nothing, or the store and the distance to it. */
static int64_t page_mapping(const struct page *page, uint32_t number)
{
	int64_t distance = (int64_t)page->frame_plus - (int64_t)number;

	if (page->frame_plus == 0)
		return INT64_MAX;
	return distance * 256 + page->store;
}

static bool page_starts_mapping(const struct engine *engine, uint32_t number)
{
	return number > 0 && number < engine->config.pages &&
	       page_mapping(&engine->table[number], number) !=
		       page_mapping(&engine->table[number - 1], number - 1);
}

/* Boundaries before, in and behind the range. */
static uint64_t boundaries(const struct engine *engine, uint32_t first, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = first; i <= first + count; i++)
		sum += page_starts_mapping(engine, i);
	return sum;
}

/* frame_plus 0: anonymous memory from now on. */
static void pages_set_mapping(struct engine *engine, uint32_t first, uint32_t count,
			      uint32_t frame_plus)
{
	engine->tally.mappings -= boundaries(engine, first, count);
	for (uint32_t i = 0; i < count; i++) {
		struct page *page = &engine->table[first + i];

		page->frame_plus = frame_plus == 0 ? 0 : frame_plus + i;
		page->store = frame_plus == 0 ? 0 : engine->store;
	}
	engine->tally.mappings += boundaries(engine, first, count);
}

/* The shortest run that is let in at this use of the budget. */
static uint32_t shortest_welcome_run(const struct engine *engine)
{
	static const struct {
		uint32_t percent_used;
		uint32_t shortest;
	} steps[] = { { 50, 1 }, { 75, 2 }, { 90, 4 }, { 97, 16 } };
	/* a run in the middle of a mapping adds two */
	uint64_t used = engine->tally.mappings + 2, limit = engine->tally.mappings_limit;

	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++)
		if (used * 100 <= limit * steps[i].percent_used)
			return steps[i].shortest;
	return used <= limit ? RUN_MAX : RUN_MAX + 1;
}

/*
 * A run that was let in can still fall apart into stretches that each add two, and so
 * can a zero page in the middle of a run: this is the last word.
 */
static bool stretch_fits(struct engine *engine, uint32_t first, uint32_t count)
{
	uint64_t without = engine->tally.mappings - boundaries(engine, first, count);

	if (without + 2 <= engine->tally.mappings_limit)
		return true;
	engine->tally.declined_total += count;
	return false;
}

/* Holding */

static void pages_set_state(struct engine *engine, uint32_t first, uint32_t count,
			    enum page_state state)
{
	for (uint32_t i = 0; i < count; i++)
		page_set_state(engine, first + i, state);
}

static bool run_hold(struct engine *engine, uint32_t first, uint32_t count)
{
	int rc = engine->config.memory->hold(engine->config.memory_context, first, count,
					     engine->table[first].frame_plus != 0);

	if (rc < 0) {
		engine->tally.hold_fails_total++;
		return false;
	}
	pages_set_state(engine, first, count, PAGE_HELD);
	return true;
}

/* HELD -> PRIVATE transition: not equal after all, or not mappable. */
static void run_unhold(struct engine *engine, uint32_t first, uint32_t count)
{
	engine->config.memory->unhold(engine->config.memory_context, first, count,
				      engine->table[first].frame_plus != 0);
	for (uint32_t i = 0; i < count; i++) {
		engine->table[first + i].digest_low = 0;
		page_set_state(engine, first + i, PAGE_PRIVATE);
	}
}

static void run_wake(struct engine *engine, uint32_t first, uint32_t count)
{
	engine->config.memory->wake(engine->config.memory_context, first, count);
}

/* Sharing */

static void frames_release(struct engine *engine, uint32_t frame, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		engine_release(engine, frame + i);
}

/* HELD -> SHARED transition. Returns whether it came about. */
static bool stretch_share(struct engine *engine, uint32_t first, uint32_t count, uint32_t frame)
{
	if (!stretch_fits(engine, first, count))
		return false;
	if (engine->config.memory->share(engine->config.memory_context, first, count, frame) < 0) {
		engine->tally.hold_fails_total++;
		return false;
	}
	pages_set_mapping(engine, first, count, frame + 1);
	pages_set_state(engine, first, count, PAGE_SHARED);
	return true;
}

static bool page_equals_copy(const struct engine *engine, uint32_t page, uint32_t index)
{
	return memcmp(page_bytes(engine, page), engine->bytes + (size_t)index * PAGE_BYTES,
		      PAGE_BYTES) == 0;
}

/*
 * The held pages against their frames' bytes: each stretch of equal pages is shared,
 * each stretch of others let go. The releases wait until the run is woken.
 */
static void run_compare(struct engine *engine, uint32_t first, uint32_t count, uint32_t frame,
			bool *ret_shared)
{
	for (uint32_t i = 0, n; i < count; i += n) {
		bool equal = page_equals_copy(engine, first + i, i), shared = false;

		for (n = 1; i + n < count; n++)
			if (page_equals_copy(engine, first + i + n, i + n) != equal)
				break;
		if (equal)
			shared = stretch_share(engine, first + i, n, frame + i);
		else
			engine->tally.unequal_total += n;
		if (!shared)
			run_unhold(engine, first + i, n);
		for (uint32_t j = 0; j < n; j++)
			ret_shared[i + j] = shared;
	}
}

static void run_give_up(struct engine *engine, uint32_t first, uint32_t count, uint32_t frame)
{
	for (uint32_t i = 0; i < count; i++) /* a link lost meanwhile made them so already */
		if (engine->table[first + i].state != PAGE_PRIVATE)
			page_set_state(engine, first + i, PAGE_PRIVATE);
	frames_release(engine, frame, count);
}

static void merge_run(struct engine *engine, uint32_t first, uint32_t count, uint32_t frame)
{
	const struct memory_ops *memory = engine->config.memory;
	bool shared[RUN_MAX] = { false };

	/* the frames are read first: what takes time is done before anybody waits */
	if (memory->read_frames(engine->config.memory_context, frame, count, engine->bytes) < 0) {
		run_give_up(engine, first, count, frame);
		return;
	}
	if (!run_hold(engine, first, count)) {
		if (count > 1) { /* the kernel may have cut the memory finer than we know */
			merge_run(engine, first, count / 2, frame);
			merge_run(engine, first + count / 2, count - count / 2, frame + count / 2);
		} else {
			run_give_up(engine, first, count, frame);
		}
		return;
	}
	run_compare(engine, first, count, frame, shared);
	run_wake(engine, first, count);
	for (uint32_t i = 0; i < count; i++)
		if (!shared[i])
			engine_release(engine, frame + i);
}

/* Not now: the pages wait, and are asked about again in a later pass. */
static void run_decline(struct engine *engine, uint32_t first, uint32_t count, uint32_t frame)
{
	engine->tally.declined_total += count;
	for (uint32_t i = 0; i < count; i++)
		if (engine->table[first + i].state == PAGE_PUBLISHED)
			page_set_state(engine, first + i, PAGE_PROBED);
	frames_release(engine, frame, count);
}

static uint32_t run_length(const struct engine *engine, uint32_t index)
{
	const struct merge *first = &engine->merges[index];
	uint32_t n = 1;

	while (n < RUN_MAX && index + n < engine->merge_count && first[n].page == first->page + n &&
	       first[n].frame == first->frame + n && !page_starts_mapping(engine, first[n].page))
		n++;
	return n;
}

void merge_runs(struct engine *engine)
{
	/* a release on the way can find the link lost, and with it all that waits here */
	for (uint32_t i = 0, n; i < engine->merge_count && engine->linked; i += n) {
		struct merge first = engine->merges[i];

		n = run_length(engine, i);
		if (n < shortest_welcome_run(engine))
			run_decline(engine, first.page, n, first.frame);
		else
			merge_run(engine, first.page, n, first.frame);
	}
	engine->merge_count = 0;
}

/* Zero pages */

/* HELD -> ZERO transition, for a stretch that is zero now that nobody can write. */
static void stretch_discard(struct engine *engine, uint32_t first, uint32_t count)
{
	int over_store = engine->table[first].frame_plus != 0;

	if (over_store && !stretch_fits(engine, first, count)) {
		run_unhold(engine, first, count);
		return;
	}
	if (engine->config.memory->discard(engine->config.memory_context, first, count,
					   over_store) < 0) {
		engine->tally.hold_fails_total++;
		run_unhold(engine, first, count);
		return;
	}
	pages_set_mapping(engine, first, count, 0);
	for (uint32_t i = 0; i < count; i++)
		engine->table[first + i].digest_low = 0;
	pages_set_state(engine, first, count, PAGE_ZERO);
}

static void zero_run(struct engine *engine, uint32_t first, uint32_t count)
{
	if (!run_hold(engine, first, count)) {
		if (count > 1) { /* as in merge_run() */
			zero_run(engine, first, count / 2);
			zero_run(engine, first + count / 2, count - count / 2);
		}
		return;
	}
	for (uint32_t i = 0, n; i < count; i += n) {
		bool zero = page_is_zero(page_bytes(engine, first + i));

		for (n = 1; i + n < count; n++)
			if (page_is_zero(page_bytes(engine, first + i + n)) != zero)
				break;
		if (zero)
			stretch_discard(engine, first + i, n);
		else
			run_unhold(engine, first + i, n);
	}
	run_wake(engine, first, count);
}

void merge_zeroes(struct engine *engine)
{
	for (uint32_t i = 0, n; i < engine->zero_count; i += n) {
		uint32_t first = engine->zeroes[i];

		n = 1;
		while (n < RUN_MAX && i + n < engine->zero_count &&
		       engine->zeroes[i + n] == first + n &&
		       !page_starts_mapping(engine, first + n))
			n++;
		zero_run(engine, first, n);
	}
	engine->zero_count = 0;
}

/* Invariants */

void engine_check(const struct engine *engine)
{
	uint64_t states[PAGE_STATES] = { 0 }, mappings = 1;

	for (uint32_t i = 0; i < engine->config.pages; i++) {
		const struct page *page = &engine->table[i];

		states[page->state]++;
		mappings += page_starts_mapping(engine, i);
		assert(page->state != PAGE_SHARED || page->frame_plus != 0);
		assert(page->state != PAGE_ZERO || page->frame_plus == 0);
		assert(page->state != PAGE_SHARED || page->store == engine->store);
	}
	assert(memcmp(states, engine->tally.states, sizeof(states)) == 0);
	assert(mappings == engine->tally.mappings);
	assert(states[PAGE_HELD] == 0 && states[PAGE_BROKEN] == 0 && states[PAGE_TWIN] == 0);
}
