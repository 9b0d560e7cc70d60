/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore.c - makes memory of the guest's own of pages that lie over a store
 *
 * Theory of operation
 *
 * A page that broke has memory of its own, but it lies in a mapping of the store all the
 * same. Two things come of that, and both end when its bytes are moved to anonymous memory,
 * which joins that around it (memory_ops.restore):
 *
 *	old stores	a store lives as long as anybody maps any of it. When its broker has
 *			died, the pages over it get frames of the new one's store; those that
 *			got none for so many passes, since nobody else has them any more, or
 *			because they change, are restored.
 *	the budget	a mapping counts whatever is in it. While runs wait for mappings, those
 *			with no shared page in them are given back; and then, where there
 *			is no room at all, the poorest, to make room for better ones.
 *
 * That comes at the end of a pass, in steps that each do so much and no more. A mapping is
 * as good as the pages that are shared in it. What is evicted is less than half as good as
 * what was declined, and no more mappings are evicted than runs that good were declined; the room
 * is kept for these in the passes that follow (budget_shortest_run). So each exchange brings
 * something, and there is no going back and forth. How many mappings there are of each kind is
 * counted on the way, so that the next time the poorest come first.
 *
 * Pages keep their states: what they wait for, they go on waiting for. Only those that were
 * shared become PRIVATE, and their frames are released once nobody can see them.
 */
#include <assert.h>
#include <errno.h>

#include "base/probe.h"
#include "base/race.h"
#include "dedup/engine_state.h"

/* A page may have to be calm for 16 passes before it is asked about, and then wait for a twin. */
#define OLD_STORE_PASSES 20u
/* In one step: a millisecond, about. */
#define STEP_PAGES    256u
#define STEP_SCAN     65536u
#define EVICTIONS_MAX 1024u

/* -- what is to be restored -- */

static uint32_t store_with_fewest_pages(const struct engine *engine)
{
	uint32_t number = 0;

	for (uint32_t i = 1; i < PAGE_STORES; i++)
		if (engine->store_pages[i] < engine->store_pages[number])
			number = i;
	return number;
}

/* A bit for each store; where no number is left for a new one, some store has to go. */
static uint32_t stores_to_leave(const struct engine *engine)
{
	uint32_t stores = 0;

	if (!engine_can_link(engine))
		return 1u << store_with_fewest_pages(engine);
	if (!engine->linked || engine->tally.passes - engine->linked_pass < OLD_STORE_PASSES)
		return 0;
	for (uint32_t i = 0; i < PAGE_STORES; i++)
		if (i != engine->store && engine->store_pages[i] > 0)
			stores |= 1u << i;
	return stores;
}

/* As in worth_class(), of the best runs that wait; 0: none. */
static uint32_t best_declined(const struct engine *engine)
{
	uint32_t worth = WORTH_CLASSES - 1;

	while (worth > 0 && engine->declined_runs[worth] == 0)
		worth--;
	return worth;
}

/* Where nothing is left: how poor a mapping must be to be evicted, and how many of them. */
static void evictions_plan(struct engine *engine)
{
	struct restore *restore = &engine->restore;
	uint32_t best = best_declined(engine), found = 0;

	if (best < 3 || !budget_is_used_up(engine))
		return;
	restore->evictions = engine->declined_runs[best];
	if (restore->evictions > EVICTIONS_MAX)
		restore->evictions = EVICTIONS_MAX;
	while (restore->poorest < best - 2 && found < restore->evictions)
		found += restore->worths[++restore->poorest];
	engine->floor = 1u << (best - 1);
	engine->floor_passes = FLOOR_PASSES;
}

bool restore_begin(struct engine *engine)
{
	struct restore *restore = &engine->restore;

	if (restore->is_refused || !engine->config.memory->restore)
		return false;
	restore->next = restore->poorest = restore->evictions = restore->freed = 0;
	restore->stores = stores_to_leave(engine);
	restore->weeds = engine->tally.declined > 0;
	if (restore->weeds)
		evictions_plan(engine);
	for (uint32_t i = 0; i < WORTH_CLASSES; i++)
		restore->worths[i] = engine->declined_runs[i] = 0;
	restore->is_under_way = restore->stores != 0 || restore->weeds;
	return restore->is_under_way;
}

/* -- restoring -- */

/* What takes time is done before anybody waits: frames are read in. */
static void stretch_touch(const struct engine *engine, uint32_t first, uint32_t count)
{
	RACES_WITH_GUEST;

	for (uint32_t i = first; i < first + count; i++)
		(void)*(const volatile uint8_t *)page_bytes(engine, i);
}

/* Any -> the same transition, but SHARED -> PRIVATE. */
static void page_restored(struct engine *engine, uint32_t number)
{
	uint32_t frame_plus = engine->table[number].frame_plus;

	if (engine->table[number].state == PAGE_SHARED) {
		page_set_state(engine, number, PAGE_PRIVATE);
		engine_release(engine, frame_plus - 1);
	}
	page_set_populated(engine, number, true);
	engine->tally.restored_total++;
}

static int part_restore(struct engine *engine, uint32_t first, uint32_t count)
{
	const struct memory_ops *memory = engine->config.memory;
	void *context = engine->config.memory_context;
	int rc;

	stretch_touch(engine, first, count);
	PROBE2(hold, first, count);
	rc = memory->hold(context, first, count, 1);
	if (rc < 0)
		return rc;
	rc = memory->restore(context, first, count);
	if (rc < 0)
		memory->unhold(context, first, count, 1);
	memory->wake(context, first, count);
	PROBE2(wake, first, count);
	if (rc == -ENOTSUP)
		engine->restore.is_refused = true;
	return rc;
}

static void stretch_restore(struct engine *engine, uint32_t first, uint32_t count)
{
	int rc = -ENOMEM;

	if (engine->restore.is_refused)
		return;
	if (mappings_if_all_anonymous(engine, first, count) <= engine->tally.mappings_limit)
		rc = part_restore(engine, first, count);
	if (rc == 0) {
		for (uint32_t i = first; i < first + count; i++)
			page_restored(engine, i);
		pages_set_mapping(engine, first, count, 0);
	} else if (count > 1) { /* a page of it is pinned, or the kernel has cut it finer */
		stretch_restore(engine, first, count / 2);
		stretch_restore(engine, first + count / 2, count - count / 2);
	} else if (rc == -EBUSY) {
		engine->tally.pinned_total++;
	} else {
		engine->tally.hold_fails_total++;
	}
}

static uint32_t mapping_end(const struct engine *engine, uint32_t first, uint32_t limit)
{
	uint32_t end = first + 1;

	while (end < limit && !page_starts_mapping(engine, end))
		end++;
	return end;
}

static uint32_t worth_of(const struct engine *engine, uint32_t first, uint32_t end)
{
	uint32_t worth = 0;

	for (uint32_t i = first; i < end; i++)
		worth += engine->table[i].state == PAGE_SHARED;
	return worth;
}

/* Whether the mapping, which is over the store of now, is to go. */
static bool mapping_is_weed(struct engine *engine, uint32_t first, uint32_t end)
{
	struct restore *restore = &engine->restore;
	uint32_t worth = worth_class(worth_of(engine, first, end));

	if (worth == 0)
		return true;
	if (worth <= restore->poorest && restore->evictions > 0) {
		restore->evictions--;
		engine->tally.evicted_total++;
		return true;
	}
	restore->worths[worth]++;
	return false;
}

/* Restores as much of [first, end) as the step has room for. Returns where it goes on. */
static uint32_t range_restore(struct engine *engine, uint32_t first, uint32_t end, uint32_t *room)
{
	while (*room > 0 && first < end) {
		uint32_t count = end - first < STRETCH_PAGES_MAX ? end - first : STRETCH_PAGES_MAX;

		stretch_restore(engine, first, count);
		*room -= count < *room ? count : *room;
		first += count;
	}
	return first;
}

/* What begins at restore->next: goes past it, or restores some of it. */
static void place_restore(struct engine *engine, uint32_t *room)
{
	struct restore *restore = &engine->restore;
	const struct page *page = &engine->table[restore->next];
	uint32_t first = restore->next, pages = engine->config.pages;
	bool leaves = page->frame_plus != 0 && (restore->stores >> page->store & 1);
	uint64_t before = engine->tally.mappings;

	if (leaves) {
		uint32_t most = pages - first < *room ? pages : first + *room;

		restore->next =
			range_restore(engine, first, mapping_end(engine, first, most), room);
		return;
	}
	restore->next = mapping_end(engine, first, pages);
	if (!restore->weeds || page->frame_plus == 0 ||
	    !mapping_is_weed(engine, first, restore->next))
		return;
	/* one that is not done with in this step goes on to be as poor */
	restore->next = range_restore(engine, first, restore->next, room);
	restore->freed += (uint32_t)(before > engine->tally.mappings);
}

int restore_step(struct engine *engine)
{
	struct restore *restore = &engine->restore;
	uint32_t room = STEP_PAGES, start = restore->next;

	while (room > 0 && restore->next < engine->config.pages &&
	       restore->next - start < STEP_SCAN)
		place_restore(engine, &room);
	if (restore->next < engine->config.pages && !restore->is_refused)
		return 0;
	restore->is_under_way = false;
	if (restore->freed > 0)
		budget_ask_again(engine);
	return 1;
}
