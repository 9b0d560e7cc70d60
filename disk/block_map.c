/* SPDX-License-Identifier: Apache-2.0 */
/* block_map.c - one bit for each block: is it in the overlay? */
#include "disk/block_map.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#define WORD_BITS 64u

static size_t map_bytes(const struct block_map *map)
{
	return (size_t)((map->blocks + WORD_BITS - 1) / WORD_BITS) * sizeof(uint64_t);
}

int block_map_init(struct block_map *map, uint64_t blocks)
{
	void *words;

	map->blocks = blocks;
	words = mmap(NULL, map_bytes(map), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (words == MAP_FAILED)
		return -ENOMEM;
	/* a huge page for the first bit that is set would be the whole memory of a small guest */
	madvise(words, map_bytes(map), MADV_NOHUGEPAGE);
	map->words = words;
	return 0;
}

void block_map_done(struct block_map *map)
{
	if (map->words)
		munmap(map->words, map_bytes(map));
	map->words = NULL;
}

bool block_map_has(const struct block_map *map, uint64_t block)
{
	return (map->words[block / WORD_BITS] >> block % WORD_BITS & 1) != 0;
}

void block_map_set(struct block_map *map, uint64_t first, uint64_t count)
{
	for (uint64_t block = first; block < first + count;) {
		uint64_t bit = block % WORD_BITS, left = first + count - block;
		uint64_t bits = left < WORD_BITS - bit ? left : WORD_BITS - bit;
		uint64_t mask = bits == WORD_BITS ? UINT64_MAX : ((UINT64_C(1) << bits) - 1) << bit;

		map->words[block / WORD_BITS] |= mask;
		block += bits;
	}
}

uint64_t block_map_run(const struct block_map *map, uint64_t first, uint64_t limit)
{
	uint64_t same = block_map_has(map, first) ? UINT64_MAX : 0, block = first;

	while (block < first + limit) {
		uint64_t bit = block % WORD_BITS;
		uint64_t others = (map->words[block / WORD_BITS] ^ same) >> bit;

		if (others) {
			block += (uint64_t)__builtin_ctzll(others);
			break;
		}
		block += WORD_BITS - bit;
	}
	return block - first < limit ? block - first : limit;
}
