/* SPDX-License-Identifier: Apache-2.0 */
/* census.c - what each page of a guest is at one moment */
#include "dedup/census.h"

#include <assert.h>
#include <stdlib.h>

#include "dedup/engine_state.h"

/* With memory of the guest's own. */
static enum census_kind populated_kind(const struct engine *engine, uint32_t number)
{
	enum page_state state = engine->table[number].state;
	const struct huge *huge = number / HUGE_PAGES < engine->huge_count
					  ? &engine->huge[number / HUGE_PAGES]
					  : NULL;

	if (huge && (huge->state == HUGE_WHOLE || huge->state == HUGE_DUE))
		return CENSUS_HUGE;
	return state == PAGE_PRIVATE || state == PAGE_CALM ? CENSUS_CHANGING : CENSUS_UNIQUE;
}

static uint32_t page_entry(const struct engine *engine, uint32_t number)
{
	const struct page *page = &engine->table[number];

	if (page->state == PAGE_SHARED)
		return census_entry(CENSUS_SHARED, page->frame_plus - 1);
	if (page->state == PAGE_ZERO)
		return census_entry(CENSUS_ZERO, 0);
	if (page->state == PAGE_RETURNED)
		return census_entry(CENSUS_RETURNED, 0);
	if (!bit_is_set(engine->populated, number))
		return census_entry(CENSUS_UNUSED, 0);
	return census_entry(populated_kind(engine, number), 0);
}

void engine_census(const struct engine *engine, uint32_t *ret_entries)
{
	for (uint32_t i = 0; i < engine->config.pages; i++)
		ret_entries[i] = page_entry(engine, i);
}

void census_check(const struct engine *engine)
{
	const struct tally *tally = &engine->tally;
	uint64_t kinds[CENSUS_KINDS] = { 0 };
	uint32_t *entries = malloc(engine->config.pages * sizeof(*entries));

	assert(entries);
	engine_census(engine, entries);
	for (uint32_t i = 0; i < engine->config.pages; i++)
		kinds[census_kind(entries[i])]++;
	free(entries);
	assert(kinds[CENSUS_SHARED] == tally->states[PAGE_SHARED]);
	assert(kinds[CENSUS_ZERO] == tally->states[PAGE_ZERO]);
	assert(kinds[CENSUS_RETURNED] == tally->states[PAGE_RETURNED]);
	assert(kinds[CENSUS_UNIQUE] + kinds[CENSUS_CHANGING] + kinds[CENSUS_HUGE] ==
	       tally->populated);
	assert(kinds[CENSUS_PINNED] == 0);
}
