/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mappings.c - how many mappings guest RAM is cut into
 *
 * The kernel allows a process only so many. The engine keeps count of its own: one
 * begins wherever a page is not mapped from the place next to that of the page before
 * it. Anonymous memory is one place; the kernel joins neighbours of it.
 *
 * So mappings are a budget, and the best runs are to come first. As the budget is used
 * up, a run must be longer to be let in; shorter ones are declined, and wait. Once a pass
 * has merged hardly anything, all longer ones are in: then the demand goes down a step, and all
 * that wait are asked about again, until everything is shared or the budget is used up. From
 * then on a poor mapping can be given back for a better run (restore.c), whose length is the
 * least for as long as that takes.
 */
#include "base/auto.h"
#include "dedup/engine_state.h"

/* What one mapping has in common: nothing, or the store and the distance to it. */
static int64_t page_mapping(const struct page *page, uint32_t number)
{
	int64_t distance = (int64_t)page->frame_plus - (int64_t)number;

	if (page->frame_plus == 0)
		return INT64_MAX;
	return distance * PAGE_STORES + page->store;
}

bool page_starts_mapping(const struct engine *engine, uint32_t number)
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

uint64_t mappings_without(const struct engine *engine, uint32_t first, uint32_t count)
{
	return engine->tally.mappings - boundaries(engine, first, count);
}

uint64_t mappings_if_anonymous(const struct engine *engine, uint32_t first, uint32_t count)
{
	uint64_t sum = engine->tally.mappings - page_starts_mapping(engine, first), most = 0;

	sum += first > 0 && engine->table[first - 1].frame_plus != 0;
	for (uint32_t end = first + 1; end <= first + count; end++) {
		bool more = end < engine->config.pages && engine->table[end].frame_plus != 0;

		sum -= page_starts_mapping(engine, end);
		most = sum + more > most ? sum + more : most;
	}
	return most;
}

uint64_t mappings_if_all_anonymous(const struct engine *engine, uint32_t first, uint32_t count)
{
	uint32_t end = first + count;

	return mappings_without(engine, first, count) +
	       (first > 0 && engine->table[first - 1].frame_plus != 0) +
	       (end < engine->config.pages && engine->table[end].frame_plus != 0);
}

void pages_set_mapping(struct engine *engine, uint32_t first, uint32_t count, uint32_t frame_plus)
{
	engine->tally.mappings -= boundaries(engine, first, count);
	for (uint32_t i = 0; i < count; i++) {
		struct page *page = &engine->table[first + i];

		engine->store_pages[page->store] -= page->frame_plus != 0;
		engine->store_pages[engine->store] += frame_plus != 0;
		page->frame_plus = (frame_plus == 0 ? 0 : frame_plus + i) & 0x0fffffffu;
		page->store = (frame_plus == 0 ? 0u : engine->store) & 0xfu;
	}
	engine->tally.mappings += boundaries(engine, first, count);
}

/* The budget */

/* The shortest run that is let in at this use of the budget, from step to step. */
static const struct {
	uint32_t percent_used;
	uint32_t shortest;
} steps[] = { { 50, 1 }, { 75, 2 }, { 90, 4 }, { 97, 16 }, { 100, STRETCH_PAGES_MAX } };

/* Less than one page for so many that wait: nothing better comes. */
#define WORTHWHILE_SHARE 8u

static uint32_t budget_step(const struct engine *engine)
{
	/* a run in the middle of a mapping adds two */
	uint64_t used = engine->tally.mappings + 2, limit = engine->tally.mappings_limit;
	uint32_t step = 0;

	while (step < ARRAY_SIZE(steps) && used * 100 > limit * steps[step].percent_used)
		step++;
	return step;
}

bool budget_is_used_up(const struct engine *engine)
{
	return budget_step(engine) == ARRAY_SIZE(steps);
}

uint32_t budget_shortest_run(const struct engine *engine)
{
	uint32_t step = budget_step(engine);

	if (step == ARRAY_SIZE(steps))
		return STRETCH_PAGES_MAX + 1;
	if (engine->floor > 0)
		return engine->floor;
	return step > engine->relaxed ? steps[step - engine->relaxed].shortest : 1;
}

void page_set_declined(struct engine *engine, uint32_t number, bool declined)
{
	engine->tally.declined += declined;
	engine->tally.declined -= bit_is_set(engine->declined, number);
	bit_put(engine->declined, number, declined);
}

void budget_decline(struct engine *engine, uint32_t first, uint32_t count)
{
	engine->tally.declined_total += count;
	for (uint32_t i = first; i < first + count; i++)
		page_set_declined(engine, i, true);
}

uint32_t worth_class(uint32_t pages)
{
	uint32_t worth = 0;

	while (pages >> worth != 0 && worth + 1 < WORTH_CLASSES)
		worth++;
	return worth;
}

void budget_ask_again(struct engine *engine)
{
	for (uint32_t i = bits_next(engine->declined, 0, engine->config.pages);
	     i < engine->config.pages;
	     i = bits_next(engine->declined, i + 1, engine->config.pages)) {
		page_set_declined(engine, i, false);
		if (engine->table[i].state == PAGE_PROBED)
			page_set_state(engine, i, PAGE_PRIVATE);
	}
}

void budget_pass_over(struct engine *engine)
{
	uint64_t merged = engine->tally.merges_total - engine->merges_before;

	if (engine->floor_passes > 0 && --engine->floor_passes == 0)
		engine->floor = 0;
	engine->merges_before = engine->tally.merges_total;
	if (budget_step(engine) == 0)
		engine->relaxed = 0;
	if (engine->tally.declined <= merged * WORTHWHILE_SHARE || !engine->linked ||
	    budget_shortest_run(engine) > STRETCH_PAGES_MAX ||
	    engine->relaxed + 1 >= ARRAY_SIZE(steps))
		return;
	engine->relaxed++;
	budget_ask_again(engine);
}
