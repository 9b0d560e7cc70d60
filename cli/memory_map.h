/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_map.h - guests' memory in cells, and which cells hold the same frames
 *
 * A cell stands for a fixed number of pages that lie side by side, the same number for all
 * guests, so that a map of any fleet has a bounded size. Cells are numbered through all
 * guests.
 *
 * Which cells hold the same frames is kept as sets of cells: all frames that are mapped in
 * exactly the cells of a set belong to it. A set is its parent and one more cell, whose number
 * is higher than all before. With guests that are alike, a set is shared by most of a cell's
 * frames.
 */
#ifndef CLI_MEMORY_MAP_H
#define CLI_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "cli/census.h"

#define MAP_CELL_PAGES_MIN 16u
#define MAP_CELLS_MAX	   65536u  /* of all guests, where each has one at least */
#define MAP_SETS_MAX	   131072u /* by this many it is bounded how long the page gets */

struct map_cell {
	uint32_t kinds[CENSUS_KINDS]; /* pages of each */
};

struct map_set {
	uint32_t parent; /* whose number is lower; 0: none */
	uint32_t cell;
	uint32_t frames; /* mapped in the cells of this set, and in no others */
};

struct memory_map {
	uint32_t cell_pages; /* a power of two; the last cell of a guest may have fewer */
	struct map_cell *cells;
	uint32_t cell_count;
	uint32_t *firsts; /* of each guest, its first cell; and one behind the last */
	size_t guest_count;
	struct map_set
		*sets; /* set 0 is the empty one; those of one cell and no child are left out */
	uint32_t set_count;
	bool is_cut; /* there were more sets: frames are missing in some */
};

/* Nothing of the censuses is kept. */
CHECKED int memory_map_build(const struct census *censuses, size_t count,
			     struct memory_map **ret_map, struct fail *why);
void memory_map_free(struct memory_map *map); /* NULL is fine */

#endif
