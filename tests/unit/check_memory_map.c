/* SPDX-License-Identifier: Apache-2.0 */
/* check_memory_map.c - cells and the sets of them, against a count of every pair of pages */
#include "tests/unit/suite.h"

#include <stdio.h>

#include "cli/memory_map.h"

static struct memory_map *map;
static struct fail why;

static struct census census(uint64_t store, uint32_t pages)
{
	struct census made = { .store = store, .pages = pages };

	made.entries = calloc(pages, sizeof(*made.entries));
	ck_assert_ptr_nonnull(made.entries);
	return made;
}

static void shared(struct census *of, uint32_t page, uint32_t frame)
{
	of->entries[page] = census_entry(CENSUS_SHARED, frame);
}

static void build(struct census *censuses, size_t count)
{
	ck_assert_int_eq(memory_map_build(censuses, count, &map, &why), 0);
}

static void done(struct census *censuses, size_t count)
{
	memory_map_free(map);
	for (size_t i = 0; i < count; i++)
		census_done(&censuses[i]);
}

static bool set_has(uint32_t set, uint32_t cell)
{
	for (; set; set = map->sets[set].parent)
		if (map->sets[set].cell == cell)
			return true;
	return false;
}

/* Frames that are in both cells, by the map. */
static uint32_t common(uint32_t a, uint32_t b)
{
	uint32_t frames = 0;

	for (uint32_t set = 1; set < map->set_count; set++)
		if (set_has(set, a) && set_has(set, b))
			frames += map->sets[set].frames;
	return frames;
}

START_TEST(a_cell_counts_its_pages_by_kind)
{
	struct census censuses[] = { census(1, 40) };

	shared(&censuses[0], 3, 7);
	censuses[0].entries[17] = census_entry(CENSUS_UNIQUE, 0);
	build(censuses, 1);
	ck_assert_uint_eq(map->cell_pages, 16);
	ck_assert_uint_eq(map->cell_count, 3);
	ck_assert_uint_eq(map->cells[0].kinds[CENSUS_SHARED], 1);
	ck_assert_uint_eq(map->cells[0].kinds[CENSUS_UNUSED], 15);
	ck_assert_uint_eq(map->cells[1].kinds[CENSUS_UNIQUE], 1);
	ck_assert_uint_eq(map->cells[2].kinds[CENSUS_UNUSED], 8); /* the rest of the guest */
	ck_assert_uint_eq(map->set_count, 1);			  /* nobody else has frame 7 */
	done(censuses, 1);
}
END_TEST

START_TEST(cells_with_the_same_frames_are_in_one_set)
{
	struct census censuses[] = { census(1, 32), census(1, 32), census(1, 32) };

	shared(&censuses[0], 0, 5);
	shared(&censuses[0], 1, 6);
	shared(&censuses[1], 16, 5);
	shared(&censuses[1], 17, 6);
	shared(&censuses[1], 18, 6); /* twice in one cell is once */
	shared(&censuses[2], 0, 6);
	build(censuses, 3);
	ck_assert_uint_eq(map->firsts[1], 2);
	ck_assert_uint_eq(common(0, 3), 2);
	ck_assert_uint_eq(common(0, 4), 1);
	ck_assert_uint_eq(common(3, 4), 1);
	ck_assert_uint_eq(common(0, 1), 0);
	ck_assert(!map->is_cut);
	done(censuses, 3);
}
END_TEST

START_TEST(frames_of_different_stores_have_nothing_in_common)
{
	struct census censuses[] = { census(1, 16), census(2, 16), census(1, 16), census(2, 16) };

	for (size_t i = 0; i < 4; i++)
		shared(&censuses[i], 2, 9);
	build(censuses, 4);
	ck_assert_uint_eq(common(0, 2), 1);
	ck_assert_uint_eq(common(1, 3), 1);
	ck_assert_uint_eq(common(0, 1), 0);
	ck_assert_uint_eq(common(2, 3), 0);
	done(censuses, 4);
}
END_TEST

START_TEST(a_frame_that_one_guest_has_twice_links_its_cells)
{
	struct census censuses[] = { census(1, 32) };

	shared(&censuses[0], 0, 3);
	shared(&censuses[0], 31, 3);
	build(censuses, 1);
	ck_assert_uint_eq(common(0, 1), 1);
	done(censuses, 1);
}
END_TEST

/* Any mixture agrees with what each pair of cells really has in common. */
START_TEST(random_memory_agrees_with_a_plain_count)
{
	enum { GUESTS = 4, PAGES = 128, FRAMES = 40, CELLS = GUESTS * PAGES / 16 };
	static bool has[CELLS][FRAMES];
	struct census censuses[GUESTS];

	memset(has, 0, sizeof(has));
	srand((unsigned int)_i);
	for (uint32_t i = 0; i < GUESTS; i++) {
		censuses[i] = census(1, PAGES);
		for (uint32_t page = 0; page < PAGES; page++) {
			uint32_t frame = (uint32_t)rand() % FRAMES;

			if (rand() % 3 == 0)
				continue;
			shared(&censuses[i], page, frame);
			has[(i * PAGES + page) / 16][frame] = true;
		}
	}
	build(censuses, GUESTS);
	ck_assert_uint_eq(map->cell_count, CELLS);
	for (uint32_t a = 0; a < CELLS; a++)
		for (uint32_t b = a + 1; b < CELLS; b++) {
			uint32_t expected = 0;

			for (uint32_t frame = 0; frame < FRAMES; frame++)
				expected += has[a][frame] && has[b][frame];
			ck_assert_uint_eq(common(a, b), expected);
		}
	done(censuses, GUESTS);
}
END_TEST

START_TEST(parents_come_before_their_children)
{
	struct census censuses[] = { census(1, 64), census(1, 64), census(1, 64) };

	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t page = 0; page < 64; page++)
			shared(&censuses[i], page, (page * 7 + i * (page % 3)) % 64);
	build(censuses, 3);
	for (uint32_t set = 1; set < map->set_count; set++) {
		ck_assert_uint_lt(map->sets[set].parent, set);
		if (map->sets[set].parent)
			ck_assert_uint_gt(map->sets[set].cell,
					  map->sets[map->sets[set].parent].cell);
	}
	done(censuses, 3);
}
END_TEST

/* 20 guests of 2 GiB that are alike, and in another order each. */
START_TEST(a_fleet_fits_and_no_frame_is_lost)
{
	enum { GUESTS = 20, PAGES = 1 << 19 };
	struct census censuses[GUESTS];
	uint64_t frames = 0;

	for (uint32_t i = 0; i < GUESTS; i++) {
		censuses[i] = census(1, PAGES);
		for (uint32_t page = 0; page < PAGES; page++)
			shared(&censuses[i], page, (page + i * 777) % PAGES);
	}
	build(censuses, GUESTS);
	ck_assert_uint_le(map->cell_count, MAP_CELLS_MAX);
	ck_assert_uint_le(map->set_count, MAP_SETS_MAX);
	ck_assert(!map->is_cut);
	for (uint32_t set = 1; set < map->set_count; set++)
		frames += map->sets[set].frames;
	ck_assert_uint_eq(frames, PAGES);
	done(censuses, GUESTS);
}
END_TEST

/* The high bits are those that look random. */
static uint64_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state;
}

/* No two frames in the same cells: more sets than there may be, until cells are large. */
START_TEST(memory_without_order_gets_larger_cells)
{
	enum { GUESTS = 6, PAGES = 1 << 16 };
	struct census censuses[GUESTS];
	uint64_t state = 1;

	for (uint32_t i = 0; i < GUESTS; i++) {
		censuses[i] = census(1, PAGES);
		for (uint32_t page = 0; page < PAGES; page++)
			shared(&censuses[i], page, (uint32_t)(random_next(&state) >> 48) % PAGES);
	}
	build(censuses, GUESTS);
	ck_assert_uint_gt(map->cell_pages, MAP_CELL_PAGES_MIN);
	ck_assert_uint_le(map->set_count, MAP_SETS_MAX);
	ck_assert(!map->is_cut);
	ck_assert_uint_gt(common(0, map->firsts[1]), 0);
	done(censuses, GUESTS);
}
END_TEST

/* More guests than there may be subsets of: what does not fit is left out, and said. */
START_TEST(what_does_not_fit_is_left_out)
{
	enum { GUESTS = 24, PAGES = 1 << 18 };
	struct census censuses[GUESTS];
	uint64_t state = 1;

	for (uint32_t i = 0; i < GUESTS; i++) {
		censuses[i] = census(1, PAGES);
		for (uint32_t page = 0; page < PAGES; page++)
			if (random_next(&state) >> 63)
				shared(&censuses[i], page, page);
	}
	build(censuses, GUESTS);
	ck_assert(map->is_cut);
	ck_assert_uint_eq(map->cell_count, GUESTS);
	ck_assert_uint_le(map->set_count, MAP_SETS_MAX);
	done(censuses, GUESTS);
}
END_TEST

START_TEST(nobody_has_an_empty_map)
{
	build(NULL, 0);
	ck_assert_uint_eq(map->cell_count, 0);
	ck_assert_uint_eq(map->set_count, 1);
	memory_map_free(map);
	memory_map_free(NULL);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_cell_counts_its_pages_by_kind },
	{ "core", &cells_with_the_same_frames_are_in_one_set },
	{ "core", &frames_of_different_stores_have_nothing_in_common },
	{ "core", &a_frame_that_one_guest_has_twice_links_its_cells },
	{ "core", &random_memory_agrees_with_a_plain_count, 20 },
	{ "core", &parents_come_before_their_children },
	{ "limits", &a_fleet_fits_and_no_frame_is_lost },
	{ "limits", &memory_without_order_gets_larger_cells },
	{ "limits", &what_does_not_fit_is_left_out },
	{ "limits", &nobody_has_an_empty_map },
};

SUITE_MAIN("memory_map", tests)
