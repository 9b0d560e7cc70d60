/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discard.c - gives back the memory of pages that the guest gave away
 *
 * Theory of operation
 *
 * Nobody cares any more what is in these pages, so there is nothing to compare, and
 * nobody needs to be held: a writer that comes at the same moment writes to the old
 * memory, and loses that, or to the new. So a stretch is dropped in one operation,
 * whatever its pages are, and however many mappings they lie in. The frames below them
 * are released when the guest can see them no longer, not before.
 *
 * An operation covers STRETCH_MAX pages, since devices that want to pin one of them
 * wait that long, and page faults may, too. A pinned page is passed over and stays what
 * it is; so is a stretch where the operation fails, or that would need mappings when
 * none are left.
 *
 * Dropping a stretch can only fail before it has done anything, and only the success
 * changes the table; so there is no state in between.
 */
#include <errno.h>

#include "dedup/engine_state.h"

#define STRETCH_MAX 512u

static bool stretch_is_over_store(const struct engine *engine, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		if (engine->table[i].frame_plus != 0)
			return true;
	return false;
}

/* Any state -> RETURNED transition. */
static void page_return(struct engine *engine, uint32_t number)
{
	struct page *page = &engine->table[number];

	if (page->state == PAGE_SHARED)
		engine_release(engine, page->frame_plus - 1);
	page->mark = 0;
	page->looks = page->breaks = page->restless = 0; /* what they tell is of other contents */
	if (page->state != PAGE_RETURNED)
		page_set_state(engine, number, PAGE_RETURNED);
}

/* Returns how many pages from the first on are done with, or -errno for the first. */
static int stretch_drop(struct engine *engine, uint32_t first, uint32_t count)
{
	bool over_store = stretch_is_over_store(engine, first, count);
	int n;

	if (over_store &&
	    mappings_if_anonymous(engine, first, count) > engine->tally.mappings_limit) {
		engine->tally.declined_total += count;
		return -ENOMEM;
	}
	n = engine->config.memory->drop(engine->config.memory_context, first, count, over_store);
	if (n < 0)
		return n;
	for (uint32_t i = 0; i < (uint32_t)n; i++)
		page_return(engine, first + i);
	pages_set_mapping(engine, first, (uint32_t)n, 0);
	huge_dropped(engine, first, (uint32_t)n);
	engine->tally.discarded_total += (uint32_t)n;
	return n;
}

int engine_discard(struct engine *engine, uint32_t first, uint32_t count, uint32_t *ret_returned)
{
	uint32_t end = first + count, size;
	int error = 0;

	*ret_returned = 0;
	if (first > engine->config.pages || count > engine->config.pages - first)
		return -EFAULT;
	for (uint32_t at = first; at < end; at += size) {
		int n;

		size = end - at < STRETCH_MAX ? end - at : STRETCH_MAX;
		n = stretch_drop(engine, at, size);
		if (n >= 0) {
			size = (uint32_t)n;
			*ret_returned += size;
		} else if (n == -EBUSY) {
			size = 1;
			engine->tally.pinned_total++;
		} else if (error == 0) {
			error = n;
		}
	}
	return error;
}
