/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_map.h - one bit for each block: is it in the overlay?
 *
 * 32 KiB of memory for each GiB of disk, and only where there are bits that are set.
 */
#ifndef DISK_BLOCK_MAP_H
#define DISK_BLOCK_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"

struct block_map {
	uint64_t *words;
	uint64_t blocks;
};

/* -ENOMEM. */
CHECKED int block_map_init(struct block_map *map, uint64_t blocks);
void block_map_done(struct block_map *map); /* also when zeroed */

/* Blocks are below map->blocks. */
bool block_map_has(const struct block_map *map, uint64_t block);
void block_map_set(struct block_map *map, uint64_t first, uint64_t count);

/* How many from `first` on, up to `limit`, are in it, or not in it, as the first is. */
uint64_t block_map_run(const struct block_map *map, uint64_t first, uint64_t limit);

#endif
