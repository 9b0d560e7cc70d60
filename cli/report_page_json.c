/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_page_json.c - what the script of the page draws
 *
 *	report	 as `stats --json` has it
 *	history	 { guests, domains }: of each its name and points, [ms, bytes ...], whose figures
 *		 are those of wire/control.h and wire/broker.h; the time counts from the first
 *		 point of all, and the last point is that of the report
 *	map	 memory_map.h: guests with their runs of equal cells, [cells, kind, pages ...],
 *		 and the sets of cells, each property a list
 */
#include <string.h>

#include "base/clock.h"
#include "cli/report_json.h"
#include "cli/report_page.h"
#include "vmm/gmem.h"

static const struct {
	const char *key, *title, *meaning;
} kinds[CENSUS_KINDS] = {
	[CENSUS_UNUSED] = { "unused", "unused", "never written to" },
	[CENSUS_ZERO] = { "zero", "zero", "was all zero, and handed back" },
	[CENSUS_RETURNED] = { "returned", "returned", "given away by the guest" },
	[CENSUS_SHARED] = { "shared", "shared", "from a frame of the store" },
	[CENSUS_UNIQUE] = { "unique", "unique", "calm, and nobody has an equal page" },
	[CENSUS_CHANGING] = { "changing", "changing", "written to lately, or not looked at yet" },
	[CENSUS_HUGE] = { "huge", "huge", "in huge pages that are kept whole" },
	[CENSUS_PINNED] = { "pinned", "pinned", "a device's data is on its way to it" },
};

/* NULL where memory runs out, here and below. */
static json_t *numbers_json(const uint64_t *numbers, size_t count)
{
	json_t *array = json_array();
	int failed = 0;

	for (size_t i = 0; i < count; i++)
		failed |= json_array_append_new(array, json_integer((json_int_t)numbers[i]));
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

/* History */

static json_t *point_json(const struct history_point *point, size_t figures, uint64_t origin_ns)
{
	uint64_t numbers[1 + HISTORY_FIGURES] = { (point->time_ns - origin_ns) / NS_PER_MS };

	memcpy(numbers + 1, point->figures, figures * sizeof(*numbers));
	return numbers_json(numbers, 1 + figures);
}

/* last: where the curve has got to by now. */
static json_t *points_json(const struct history *history, const struct history_point *last,
			   size_t figures, uint64_t origin_ns)
{
	json_t *array = json_array();
	int failed = 0;

	for (uint32_t i = 0; i < history->count && history->points[i].time_ns < last->time_ns; i++)
		failed |= json_array_append_new(
			array, point_json(&history->points[i], figures, origin_ns));
	failed |= json_array_append_new(array, point_json(last, figures, origin_ns));
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *guest_history_json(const struct report_page *page, size_t index, uint64_t origin_ns)
{
	const struct control_report *figures = &page->report->guests[index].figures;
	struct history_point last = {
		.time_ns = page->made_ns,
		.figures = {
			[CONTROL_HISTORY_POPULATED] = figures->populated_bytes,
			[CONTROL_HISTORY_SHARED] = figures->shared_bytes,
			[CONTROL_HISTORY_ZERO] = figures->zero_bytes,
			[CONTROL_HISTORY_RETURNED] = figures->returned_bytes,
		},
	};

	return json_pack("{ss ss so}", "name", figures->name, "domain", figures->domain, "points",
			 points_json(&page->guest_histories[index], &last, CONTROL_HISTORY_FIGURES,
				     origin_ns));
}

static json_t *domain_history_json(const struct report_page *page, size_t index, uint64_t origin_ns)
{
	const struct report_domain *domain = &page->report->domains[index];
	struct history_point last = {
		.time_ns = page->made_ns,
		.figures = {
			[BROKER_HISTORY_FRAMES] = domain->frames * GMEM_PAGE_SIZE,
			[BROKER_HISTORY_MAPPED] = domain->shared_mappings * GMEM_PAGE_SIZE,
		},
	};

	return json_pack("{ss so}", "name", domain->name, "points",
			 points_json(&page->domain_histories[index], &last, BROKER_HISTORY_FIGURES,
				     origin_ns));
}

static uint64_t earliest(const struct history *histories, size_t count, uint64_t than_ns)
{
	for (size_t i = 0; i < count; i++)
		if (histories[i].count > 0 && histories[i].points[0].time_ns < than_ns)
			than_ns = histories[i].points[0].time_ns;
	return than_ns;
}

static json_t *history_json(const struct report_page *page)
{
	const struct report *report = page->report;
	json_t *guests = json_array(), *domains = json_array();
	uint64_t origin_ns = earliest(page->guest_histories, report->guest_count, page->made_ns);
	int failed = 0;

	origin_ns = earliest(page->domain_histories, report->domain_count, origin_ns);
	for (size_t i = 0; i < report->guest_count; i++)
		failed |= json_array_append_new(guests, guest_history_json(page, i, origin_ns));
	for (size_t i = 0; i < report->domain_count; i++)
		failed |= json_array_append_new(domains, domain_history_json(page, i, origin_ns));
	if (!failed)
		return json_pack("{so so}", "guests", guests, "domains", domains);
	json_decref(guests);
	json_decref(domains);
	return NULL;
}

/* The map */

static json_t *kinds_json(void)
{
	json_t *array = json_array();
	int failed = 0;

	for (size_t i = 0; i < CENSUS_KINDS; i++)
		failed |= json_array_append_new(array, json_pack("{ss ss ss}", "key", kinds[i].key,
								 "title", kinds[i].title, "meaning",
								 kinds[i].meaning));
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *run_json(const struct map_cell *cell, uint64_t cells)
{
	uint64_t numbers[1 + 2 * CENSUS_KINDS] = { cells };
	size_t count = 1;

	for (size_t i = 0; i < CENSUS_KINDS; i++)
		if (cell->kinds[i] > 0) {
			numbers[count++] = i;
			numbers[count++] = cell->kinds[i];
		}
	return numbers_json(numbers, count);
}

static json_t *runs_json(const struct memory_map *map, uint32_t first, uint32_t end)
{
	json_t *array = json_array();
	int failed = 0;

	for (uint32_t i = first, next; i < end; i = next) {
		for (next = i + 1; next < end; next++)
			if (memcmp(&map->cells[i], &map->cells[next], sizeof(map->cells[i])) != 0)
				break;
		failed |= json_array_append_new(array, run_json(&map->cells[i], next - i));
	}
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *map_guest_json(const struct report_page *page, size_t index)
{
	const struct memory_map *map = page->map;
	const struct control_report *figures =
		&page->report->guests[page->map_guests[index]].figures;
	uint32_t first = map->firsts[index], end = map->firsts[index + 1];
	uint64_t pages = 0;

	for (uint32_t i = first; i < end; i++)
		for (size_t j = 0; j < CENSUS_KINDS; j++)
			pages += map->cells[i].kinds[j];
	return json_pack("{ss ss sI sI so}", "name", figures->name, "domain", figures->domain,
			 "first", (json_int_t)first, "pages", (json_int_t)pages, "runs",
			 runs_json(map, first, end));
}

static json_t *sets_json(const struct memory_map *map)
{
	json_t *parents = json_array(), *cells = json_array(), *frames = json_array();
	int failed = 0;

	for (uint32_t i = 0; i < map->set_count; i++) {
		failed |= json_array_append_new(parents, json_integer(map->sets[i].parent));
		failed |= json_array_append_new(cells, json_integer(map->sets[i].cell));
		failed |= json_array_append_new(frames, json_integer(map->sets[i].frames));
	}
	if (!failed)
		return json_pack("{so so so}", "parent", parents, "cell", cells, "frames", frames);
	json_decref(parents);
	json_decref(cells);
	json_decref(frames);
	return NULL;
}

static json_t *map_json(const struct report_page *page)
{
	const struct memory_map *map = page->map;
	json_t *guests = json_array();
	int failed = 0;

	for (size_t i = 0; i < map->guest_count; i++)
		failed |= json_array_append_new(guests, map_guest_json(page, i));
	if (failed) {
		json_decref(guests);
		return NULL;
	}
	return json_pack("{sI sI sI sI sb so so so}", "page_bytes", (json_int_t)GMEM_PAGE_SIZE,
			 "cell_pages", (json_int_t)map->cell_pages, "hole_start",
			 (json_int_t)GMEM_HOLE_START, "hole_end", (json_int_t)GMEM_HOLE_END,
			 "is_cut", map->is_cut, "kinds", kinds_json(), "guests", guests, "sets",
			 sets_json(map));
}

json_t *report_page_json(const struct report_page *page)
{
	return json_pack("{so so so}", "report", report_json(page->report), "history",
			 history_json(page), "map", map_json(page));
}
