/* SPDX-License-Identifier: Apache-2.0 */
/* claims.c - which entry of the catalog each of a client's pages has a claim on */
#include "dedup/claims.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define BLOCK_PAGES   64u
#define CHAPTER_SIZE  512u
#define CHAPTER_PAGES (BLOCK_PAGES * CHAPTER_SIZE)

struct claim_block {
	uint32_t used;
	uint32_t entries[BLOCK_PAGES];
};

struct claim_chapter {
	uint32_t used;
	struct claim_block *blocks[CHAPTER_SIZE]; /* NULL: no claim in it */
};

int claims_init(struct claims *claims, uint32_t pages)
{
	*claims = (struct claims){ .chapter_count = pages / CHAPTER_PAGES + 1 };
	claims->chapters = calloc(claims->chapter_count, sizeof(struct claim_chapter *));
	if (!claims->chapters)
		return -ENOMEM;
	claims->memory_bytes = claims->chapter_count * sizeof(struct claim_chapter *);
	return 0;
}

void claims_done(struct claims *claims)
{
	for (uint32_t i = 0; i < claims->chapter_count; i++) {
		struct claim_chapter *chapter = claims->chapters[i];

		for (uint32_t j = 0; chapter && j < CHAPTER_SIZE; j++)
			free(chapter->blocks[j]);
		free(chapter);
	}
	free(claims->chapters);
	*claims = (struct claims){ 0 };
}

static struct claim_chapter **chapter_of(const struct claims *claims, uint32_t page)
{
	return &claims->chapters[page / CHAPTER_PAGES];
}

static struct claim_block **block_of(struct claim_chapter *chapter, uint32_t page)
{
	return &chapter->blocks[page / BLOCK_PAGES % CHAPTER_SIZE];
}

uint32_t claims_get(const struct claims *claims, uint32_t page)
{
	struct claim_chapter *chapter = *chapter_of(claims, page);
	const struct claim_block *block = chapter ? *block_of(chapter, page) : NULL;

	return block ? block->entries[page % BLOCK_PAGES] : CLAIM_NONE;
}

static struct claim_chapter *chapter_get(struct claims *claims, uint32_t page)
{
	struct claim_chapter **chapter = chapter_of(claims, page);

	if (!*chapter) {
		*chapter = calloc(1, sizeof(**chapter));
		if (*chapter)
			claims->memory_bytes += sizeof(**chapter);
	}
	return *chapter;
}

static void chapter_tidy(struct claims *claims, struct claim_chapter **chapter)
{
	if ((*chapter)->used > 0)
		return;
	free(*chapter);
	*chapter = NULL;
	claims->memory_bytes -= sizeof(**chapter);
}

static struct claim_block *block_get(struct claims *claims, struct claim_chapter *chapter,
				     uint32_t page)
{
	struct claim_block **block = block_of(chapter, page);

	if (*block)
		return *block;
	*block = malloc(sizeof(**block));
	if (!*block)
		return NULL;
	(*block)->used = 0;
	memset((*block)->entries, 0xff, sizeof((*block)->entries)); /* CLAIM_NONE */
	chapter->used++;
	claims->memory_bytes += sizeof(**block);
	return *block;
}

int claims_add(struct claims *claims, uint32_t page, uint32_t entry)
{
	struct claim_chapter *chapter = chapter_get(claims, page);
	struct claim_block *block = chapter ? block_get(claims, chapter, page) : NULL;

	if (!block) {
		if (chapter)
			chapter_tidy(claims, chapter_of(claims, page));
		return -ENOMEM;
	}
	assert(block->entries[page % BLOCK_PAGES] == CLAIM_NONE);
	block->entries[page % BLOCK_PAGES] = entry;
	block->used++;
	claims->count++;
	return 0;
}

void claims_drop(struct claims *claims, uint32_t page)
{
	struct claim_chapter **chapter = chapter_of(claims, page);
	struct claim_block **block = block_of(*chapter, page);

	assert((*block)->entries[page % BLOCK_PAGES] != CLAIM_NONE);
	(*block)->entries[page % BLOCK_PAGES] = CLAIM_NONE;
	claims->count--;
	if (--(*block)->used > 0)
		return;
	free(*block);
	*block = NULL;
	claims->memory_bytes -= sizeof(**block);
	(*chapter)->used--;
	chapter_tidy(claims, chapter);
}

/* With the last claim of a block, which fn may drop, goes the block. */
static void block_each(const struct claims *claims, uint32_t first, claims_fn *fn, void *context)
{
	for (uint32_t page = first; page < first + BLOCK_PAGES; page++) {
		uint32_t entry = claims_get(claims, page);

		if (entry != CLAIM_NONE)
			fn(context, page, entry);
	}
}

void claims_each(const struct claims *claims, claims_fn *fn, void *context)
{
	for (uint32_t i = 0; i < claims->chapter_count; i++)
		for (uint32_t j = 0; claims->chapters[i] && j < CHAPTER_SIZE; j++)
			if (claims->chapters[i]->blocks[j])
				block_each(claims, i * CHAPTER_PAGES + j * BLOCK_PAGES, fn,
					   context);
}
