/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.c - how often one guest refers to each frame */
#include "dedup/ledger.h"

#include <errno.h>
#include <string.h>

#define BLOCK_FRAMES 1024u

struct ledger_block {
	uint32_t frames; /* with a count above 0 */
	uint16_t counts[BLOCK_FRAMES];
};

void ledger_init(struct ledger *ledger)
{
	memset(ledger, 0, sizeof(*ledger));
}

void ledger_done(struct ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->block_count; i++)
		free(ledger->blocks[i]);
	free(ledger->blocks);
	ledger_init(ledger);
}

static struct ledger_block *ledger_block(const struct ledger *ledger, uint32_t frame)
{
	uint32_t index = frame / BLOCK_FRAMES;

	return index < ledger->block_count ? ledger->blocks[index] : NULL;
}

static int ledger_grow(struct ledger *ledger, uint32_t index)
{
	uint32_t count = ledger->block_count ? ledger->block_count : 16;
	struct ledger_block **blocks;

	if (index >= ledger->block_count) {
		while (count <= index)
			count *= 2;
		blocks = realloc(ledger->blocks, count * sizeof(struct ledger_block *));
		if (!blocks)
			return -ENOMEM;
		memset(blocks + ledger->block_count, 0,
		       (count - ledger->block_count) * sizeof(struct ledger_block *));
		ledger->memory_bytes +=
			(count - ledger->block_count) * sizeof(struct ledger_block *);
		ledger->blocks = blocks;
		ledger->block_count = count;
	}
	if (!ledger->blocks[index]) {
		ledger->blocks[index] = calloc(1, sizeof(struct ledger_block));
		if (!ledger->blocks[index])
			return -ENOMEM;
		ledger->memory_bytes += sizeof(struct ledger_block);
	}
	return 0;
}

int ledger_add(struct ledger *ledger, uint32_t frame)
{
	struct ledger_block *block;
	uint16_t *count;
	int rc = ledger_grow(ledger, frame / BLOCK_FRAMES);

	if (rc < 0)
		return rc;
	block = ledger_block(ledger, frame);
	count = &block->counts[frame % BLOCK_FRAMES];
	if (*count == UINT16_MAX)
		return -EMLINK;
	if ((*count)++ == 0)
		block->frames++;
	ledger->held++;
	return *count;
}

int ledger_drop(struct ledger *ledger, uint32_t frame)
{
	struct ledger_block *block = ledger_block(ledger, frame);
	uint16_t *count = block ? &block->counts[frame % BLOCK_FRAMES] : NULL;

	if (!count || *count == 0)
		return -ENOENT;
	ledger->held--;
	if (--(*count) > 0)
		return *count;
	if (--block->frames == 0) {
		ledger->blocks[frame / BLOCK_FRAMES] = NULL;
		ledger->memory_bytes -= sizeof(*block);
		free(block);
	}
	return 0;
}

bool ledger_has(const struct ledger *ledger, uint32_t frame)
{
	const struct ledger_block *block = ledger_block(ledger, frame);

	return block && block->counts[frame % BLOCK_FRAMES] > 0;
}

void ledger_each(const struct ledger *ledger, ledger_fn *fn, void *context)
{
	for (uint32_t i = 0; i < ledger->block_count; i++) {
		const struct ledger_block *block = ledger->blocks[i];

		for (uint32_t j = 0; block && j < BLOCK_FRAMES; j++)
			if (block->counts[j] > 0)
				fn(context, i * BLOCK_FRAMES + j, block->counts[j]);
	}
}
