/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_map.c - guests' memory in cells, and which cells hold the same frames
 *
 * The sets are found in one walk over all pages. Each frame knows the set of the cells in
 * which it was seen so far; when it is seen in another one, it moves to that set's child for
 * this cell. A set has one child for a cell, and since cells are walked in order it is the
 * last one that was made: no search is needed. Frames of different stores have nothing to do
 * with each other, so that the walk is done for each store.
 *
 * Where memory is so mixed up that there would be too many sets, cells are made larger, until
 * each guest is one. Then what does not fit is left out.
 */
#include "cli/memory_map.h"

#include <errno.h>
#include <string.h>

/* While sets are made. */
struct walk {
	struct map_set *sets; /* MAP_SETS_MAX */
	uint32_t *children;   /* of each set, the last that was made; 0: none */
	uint32_t count;
	uint32_t *set_of; /* of each frame of a store */
	bool is_full;
};

static uint32_t cells_of(const struct census *census, uint32_t cell_pages)
{
	return (census->pages + cell_pages - 1) / cell_pages;
}

static uint64_t cells_of_all(const struct census *censuses, size_t count, uint32_t cell_pages)
{
	uint64_t cells = 0;

	for (size_t i = 0; i < count; i++)
		cells += cells_of(&censuses[i], cell_pages);
	return cells;
}

/* The child of this set for this cell, made where there is none; 0: no room. */
static uint32_t set_child(struct walk *walk, uint32_t set, uint32_t cell)
{
	uint32_t child = walk->children[set];

	if (child && walk->sets[child].cell == cell)
		return child;
	if (walk->count == MAP_SETS_MAX) {
		walk->is_full = true;
		return 0;
	}
	child = walk->count++;
	walk->sets[child] = (struct map_set){ .parent = set, .cell = cell };
	walk->children[child] = 0;
	walk->children[set] = child;
	return child;
}

/* A frame is seen in a cell. */
static void frame_see(struct walk *walk, uint32_t frame, uint32_t cell)
{
	uint32_t set = walk->set_of[frame], child;

	if (set && walk->sets[set].cell == cell)
		return; /* a second time */
	child = set_child(walk, set, cell);
	if (!child)
		return;
	walk->sets[set].frames -= set > 0;
	walk->sets[child].frames++;
	walk->set_of[frame] = child;
}

static void census_walk(struct walk *walk, const struct census *census, uint32_t first_cell,
			uint32_t cell_pages)
{
	for (uint32_t i = 0; i < census->pages; i++)
		if (census_kind(census->entries[i]) == CENSUS_SHARED)
			frame_see(walk, census_frame(census->entries[i]),
				  first_cell + i / cell_pages);
}

static uint32_t frames_end(const struct census *census)
{
	uint32_t end = 0;

	for (uint32_t i = 0; i < census->pages; i++)
		if (census_kind(census->entries[i]) == CENSUS_SHARED &&
		    census_frame(census->entries[i]) >= end)
			end = census_frame(census->entries[i]) + 1;
	return end;
}

/* Whether a guest before this one maps frames of the same store. */
static bool store_was_walked(const struct census *censuses, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (censuses[i].store == censuses[index].store)
			return true;
	return false;
}

/* All guests of the store of this one, which is the first. */
static int store_walk(struct walk *walk, const struct memory_map *map,
		      const struct census *censuses, size_t first)
{
	uint32_t end = 0;

	for (size_t i = first; i < map->guest_count; i++)
		if (censuses[i].store == censuses[first].store && frames_end(&censuses[i]) > end)
			end = frames_end(&censuses[i]);
	walk->set_of = calloc((size_t)end + 1, sizeof(*walk->set_of));
	if (!walk->set_of)
		return -ENOMEM;
	for (size_t i = first; i < map->guest_count; i++)
		if (censuses[i].store == censuses[first].store)
			census_walk(walk, &censuses[i], map->firsts[i], map->cell_pages);
	free(walk->set_of);
	return 0;
}

static int stores_walk(struct walk *walk, const struct memory_map *map,
		       const struct census *censuses)
{
	int rc = 0;

	walk->count = 1;
	walk->children[0] = 0;
	walk->sets[0] = (struct map_set){ 0 };
	walk->is_full = false;
	for (size_t i = 0; rc == 0 && i < map->guest_count; i++)
		if (!store_was_walked(censuses, i))
			rc = store_walk(walk, map, censuses, i);
	return rc;
}

/* Keeps the sets that lead to another cell; numbers of parents stay below their children's. */
static int sets_keep(struct memory_map *map, struct walk *walk)
{
	uint32_t *numbers = walk->children; /* new ones; a child is not asked for any more */
	uint32_t count = 1;

	map->sets = calloc(walk->count, sizeof(*map->sets));
	if (!map->sets)
		return -ENOMEM;
	for (uint32_t i = 1; i < walk->count; i++) {
		struct map_set set = walk->sets[i];

		if (set.parent == 0 && walk->children[i] == 0)
			continue;
		set.parent = set.parent ? numbers[set.parent] : 0;
		numbers[i] = count;
		map->sets[count++] = set;
	}
	map->set_count = count;
	map->is_cut = walk->is_full;
	return 0;
}

static int walk_init(struct walk *walk)
{
	walk->sets = malloc(MAP_SETS_MAX * sizeof(*walk->sets));
	walk->children = malloc(MAP_SETS_MAX * sizeof(*walk->children));
	return walk->sets && walk->children ? 0 : -ENOMEM;
}

static void cells_number(struct memory_map *map, const struct census *censuses)
{
	map->cell_count = 0;
	for (size_t i = 0; i < map->guest_count; i++) {
		map->firsts[i] = map->cell_count;
		map->cell_count += cells_of(&censuses[i], map->cell_pages);
	}
	map->firsts[map->guest_count] = map->cell_count;
}

/* Cells as small as the sets of them allow. */
static int sets_make(struct memory_map *map, const struct census *censuses)
{
	struct walk walk = { 0 };
	int rc = walk_init(&walk);

	map->cell_pages = MAP_CELL_PAGES_MIN;
	while (cells_of_all(censuses, map->guest_count, map->cell_pages) > MAP_CELLS_MAX &&
	       cells_of_all(censuses, map->guest_count, map->cell_pages) > map->guest_count)
		map->cell_pages *= 2;
	while (rc == 0) {
		cells_number(map, censuses);
		rc = stores_walk(&walk, map, censuses);
		if (!walk.is_full || map->cell_count <= map->guest_count)
			break;
		map->cell_pages *= 2;
	}
	if (rc == 0)
		rc = sets_keep(map, &walk);
	free(walk.sets);
	free(walk.children);
	return rc;
}

static int cells_make(struct memory_map *map, const struct census *censuses)
{
	map->cells = calloc(map->cell_count + 1, sizeof(*map->cells));
	if (!map->cells)
		return -ENOMEM;
	for (size_t i = 0; i < map->guest_count; i++)
		for (uint32_t j = 0; j < censuses[i].pages; j++)
			map->cells[map->firsts[i] + j / map->cell_pages]
				.kinds[census_kind(censuses[i].entries[j])]++;
	return 0;
}

int memory_map_build(const struct census *censuses, size_t count, struct memory_map **ret_map,
		     struct fail *why)
{
	struct memory_map *map = calloc(1, sizeof(*map));
	int rc = -ENOMEM;

	if (map) {
		map->guest_count = count;
		map->firsts = calloc(count + 1, sizeof(*map->firsts));
	}
	if (map && map->firsts)
		rc = sets_make(map, censuses);
	if (rc == 0)
		rc = cells_make(map, censuses);
	if (rc < 0) {
		memory_map_free(map);
		return fail_errno(why, -rc, "cannot make the map of memory");
	}
	*ret_map = map;
	return 0;
}

void memory_map_free(struct memory_map *map)
{
	if (!map)
		return;
	free(map->cells);
	free(map->firsts);
	free(map->sets);
	free(map);
}
