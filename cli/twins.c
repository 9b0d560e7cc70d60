/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twins.c - which pages of a sample are almost the same as others
 *
 * Theory of operation
 *
 * Two pages that differ in at most 16 words have at least 16 of their 32 chunks of 128
 * bytes in common, each at its place. So a table finds the pages of the sample by their
 * chunks: a slot has part of a chunk's hash, in which the chunk's place is, and the page.
 * A page that is compared asks for each of its chunks, and the bytes of all pages that
 * come up are compared.
 *
 * A chunk that many pages have (padding, tables of a program that runs often) tells
 * little: only the first CHUNK_PAGES_MAX pages are in the table with it. Nothing is looked
 * for further than SLOTS_MAX slots, whatever hashes collide.
 */
#include "cli/twins.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "dedup/digest.h"

#define CHUNK_BYTES	128u
#define CHUNKS		(PAGE_BYTES / CHUNK_BYTES)
#define CHUNK_PAGES_MAX 8u
#define SLOTS_MAX	64u
#define UNKNOWN		(TWIN_WORDS_MAX + 1)

struct slot {
	uint32_t tag;
	uint32_t page_plus; /* 1 + its place in the sample; 0: empty */
};

struct sample {
	uint64_t seen;	     /* twins.compared when it was compared last */
	uint8_t differences; /* from the closest; UNKNOWN: there is none yet */
	uint8_t cause;	     /* enum twin_cause, of these */
};

struct twins {
	uint32_t max, count;
	uint64_t compared;
	uint8_t *bytes; /* of the sample */
	struct sample *samples;
	struct slot *slots;
	uint32_t slot_mask;
};

int twins_create(uint32_t sample_max, struct twins **ret_twins)
{
	struct twins *twins = calloc(1, sizeof(*twins));
	uint32_t slots = CHUNKS;

	assert(sample_max <= UINT32_MAX / CHUNKS / 4);
	while (slots < sample_max * CHUNKS * 2)
		slots *= 2;
	if (!twins)
		return -ENOMEM;
	twins->max = sample_max;
	twins->slot_mask = slots - 1;
	twins->bytes = malloc((size_t)sample_max * PAGE_BYTES + 1);
	twins->samples = calloc(sample_max + 1, sizeof(*twins->samples));
	twins->slots = calloc(slots, sizeof(*twins->slots));
	if (!twins->bytes || !twins->samples || !twins->slots) {
		twins_free(twins);
		return -ENOMEM;
	}
	*ret_twins = twins;
	return 0;
}

void twins_free(struct twins *twins)
{
	if (!twins)
		return;
	free(twins->bytes);
	free(twins->samples);
	free(twins->slots);
	free(twins);
}

/* All the same word: says nothing about what the page is. */
static bool chunk_is_plain(const uint8_t *chunk)
{
	return memcmp(chunk, chunk + sizeof(uint64_t), CHUNK_BYTES - sizeof(uint64_t)) == 0;
}

static uint64_t chunk_hash(const uint8_t *chunk, uint32_t place)
{
	return XXH3_64bits_withSeed(chunk, CHUNK_BYTES, place);
}

static uint32_t hash_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

static struct slot *slot_of(struct twins *twins, uint64_t hash, uint32_t step)
{
	return &twins->slots[((uint32_t)hash + step) & twins->slot_mask];
}

static void chunk_add(struct twins *twins, uint64_t hash, uint32_t page)
{
	uint32_t alike = 0;

	for (uint32_t step = 0; step < SLOTS_MAX && alike < CHUNK_PAGES_MAX; step++) {
		struct slot *slot = slot_of(twins, hash, step);

		if (slot->page_plus == 0) {
			*slot = (struct slot){ hash_tag(hash), page + 1 };
			return;
		}
		alike += slot->tag == hash_tag(hash);
	}
}

void twins_add(struct twins *twins, const uint8_t *page)
{
	assert(twins->count < twins->max);
	memcpy(twins->bytes + (size_t)twins->count * PAGE_BYTES, page, PAGE_BYTES);
	twins->samples[twins->count].differences = UNKNOWN;
	for (uint32_t place = 0; place < CHUNKS; place++) {
		const uint8_t *chunk = page + place * CHUNK_BYTES;

		if (!chunk_is_plain(chunk))
			chunk_add(twins, chunk_hash(chunk, place), twins->count);
	}
	twins->count++;
}

/* Each pair once, however many chunks they have in common. */
static void pair_compare(struct twins *twins, uint32_t number, const uint8_t *page)
{
	const uint8_t *bytes = twins->bytes + (size_t)number * PAGE_BYTES;
	struct sample *sample = &twins->samples[number];
	unsigned int differences;

	if (sample->seen == twins->compared || sample->differences == 0)
		return;
	sample->seen = twins->compared;
	differences = twin_differences(bytes, page, sample->differences - 1u);
	if (differences >= sample->differences)
		return;
	sample->differences = (uint8_t)differences;
	sample->cause = differences > 0 ? (uint8_t)twin_cause(bytes, page) : 0;
}

static void chunk_compare(struct twins *twins, uint64_t hash, const uint8_t *page)
{
	for (uint32_t step = 0; step < SLOTS_MAX; step++) {
		const struct slot *slot = slot_of(twins, hash, step);

		if (slot->page_plus == 0)
			return;
		if (slot->tag == hash_tag(hash))
			pair_compare(twins, slot->page_plus - 1, page);
	}
}

void twins_compare(struct twins *twins, const uint8_t *page)
{
	twins->compared++;
	for (uint32_t place = 0; place < CHUNKS; place++) {
		const uint8_t *chunk = page + place * CHUNK_BYTES;

		if (!chunk_is_plain(chunk))
			chunk_compare(twins, chunk_hash(chunk, place), page);
	}
}

struct twins_count twins_count(const struct twins *twins)
{
	struct twins_count count = { .sample = twins->count, .compared = twins->compared };

	for (uint32_t i = 0; i < twins->count; i++) {
		const struct sample *sample = &twins->samples[i];

		if (sample->differences == 0)
			count.equal++;
		else if (sample->differences < UNKNOWN)
			count.near[sample->cause]++;
	}
	return count;
}

uint64_t twins_near(const struct twins_count *count)
{
	uint64_t near = 0;

	for (size_t i = 0; i < TWIN_CAUSES; i++)
		near += count->near[i];
	return near;
}
