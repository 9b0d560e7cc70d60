/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explanation.c - where a guest's memory is, and what keeps it apart from its neighbours'
 *
 * Whether a frame is shared with somebody shows in what the others say of their pages: so
 * a guest that did not answer, or has another store since its broker died, is nobody.
 */
#include "cli/explanation.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dedup/due.h"

#define PART(key, field, title, meaning)                                                           \
	{                                                                                          \
		key, title, meaning, offsetof(struct explanation, field)                           \
	}

const struct explanation_part explanation_parts[EXPLANATION_PARTS] = {
	PART("shared_between_bytes", between, "shared between", "a neighbour has it too"),
	PART("shared_within_bytes", within, "shared within", "several times in this guest only"),
	PART("shared_alone_bytes", alone, "shared alone", "in the store, for nobody else by now"),
	PART("zero_bytes", kinds[CENSUS_ZERO], "zero", "was all zero, and handed back"),
	PART("returned_bytes", kinds[CENSUS_RETURNED], "returned",
	     "given away by the balloon, or reported as free"),
	PART("unused_bytes", kinds[CENSUS_UNUSED], "unused", "never written to"),
	PART("unique_bytes", kinds[CENSUS_UNIQUE], "unique", "calm, and nobody has an equal page"),
	PART("changing_bytes", kinds[CENSUS_CHANGING], "changing",
	     "written to lately, or not looked at for long enough"),
	PART("huge_bytes", kinds[CENSUS_HUGE], "huge", "in huge pages that are kept whole"),
	PART("pinned_bytes", kinds[CENSUS_PINNED], "pinned", "a device's data is on its way to it"),
};

const struct explanation_part twins_parts[TWINS_PARTS] = {
	PART("equal_bytes", twins.equal, "equal", "will be shared, or waits for mappings"),
	PART("kernel_addresses_bytes", twins.near[TWIN_KERNEL], "addresses of kernels",
	     "equal if all guests ran with nokaslr"),
	PART("program_addresses_bytes", twins.near[TWIN_PROGRAM], "addresses of programs",
	     "equal if all ran with nokaslr and norandmaps"),
	PART("other_differences_bytes", twins.near[TWIN_OTHER], "something else",
	     "up to 16 words that don't look like addresses"),
};

/* Sets of frames: a bit for each up to the highest that the guest maps. */
struct frames_of {
	uint32_t limit; /* one past that */
	size_t words;
	uint64_t *guest, *twice; /* mapped by the guest, and that more than once */
	uint64_t *others;	 /* mapped by any of them */
	uint64_t *one;		 /* by the neighbour at hand */
};

static bool is_shared(uint32_t entry)
{
	return census_kind(entry) == CENSUS_SHARED;
}

static int frames_init(struct frames_of *frames, const struct census *guest)
{
	for (uint32_t i = 0; i < guest->pages; i++)
		if (is_shared(guest->entries[i]) &&
		    census_frame(guest->entries[i]) >= frames->limit)
			frames->limit = census_frame(guest->entries[i]) + 1;
	frames->words = frames->limit / WORD_PAGES + 1;
	frames->guest = calloc(frames->words * 4, sizeof(uint64_t));
	if (!frames->guest)
		return -ENOMEM;
	frames->twice = frames->guest + frames->words;
	frames->others = frames->twice + frames->words;
	frames->one = frames->others + frames->words;
	return 0;
}

static void guest_count(struct explanation *explanation, const struct census *guest,
			struct frames_of *frames)
{
	for (uint32_t i = 0; i < guest->pages; i++) {
		uint32_t entry = guest->entries[i], frame = census_frame(entry);

		explanation->kinds[census_kind(entry)]++;
		if (!is_shared(entry))
			continue;
		if (bit_is_set(frames->guest, frame))
			bit_put(frames->twice, frame, true);
		bit_put(frames->guest, frame, true);
	}
}

/* The guest's pages whose frame is in the set. */
static uint64_t pages_in(const struct census *guest, const uint64_t *set)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < guest->pages; i++)
		count += is_shared(guest->entries[i]) &&
			 bit_is_set(set, census_frame(guest->entries[i]));
	return count;
}

static void neighbour_count(struct neighbour *neighbour, const struct census *guest,
			    const struct census *other, struct frames_of *frames)
{
	memcpy(neighbour->name, other->name, sizeof(neighbour->name));
	if (other->store != guest->store)
		return;
	memset(frames->one, 0, frames->words * sizeof(*frames->one));
	for (uint32_t i = 0; i < other->pages; i++) {
		uint32_t frame = census_frame(other->entries[i]);

		if (!is_shared(other->entries[i]) || frame >= frames->limit)
			continue;
		bit_put(frames->one, frame, true);
		bit_put(frames->others, frame, true);
	}
	neighbour->common = pages_in(guest, frames->one);
}

static void shared_count(struct explanation *explanation, const struct census *guest,
			 const struct frames_of *frames)
{
	for (uint32_t i = 0; i < guest->pages; i++) {
		uint32_t entry = guest->entries[i], frame = census_frame(entry);

		if (!is_shared(entry))
			continue;
		if (bit_is_set(frames->others, frame))
			explanation->between++;
		else if (bit_is_set(frames->twice, frame))
			explanation->within++;
		else
			explanation->alone++;
	}
}

static int neighbour_order(const void *a, const void *b)
{
	const struct neighbour *x = a, *y = b;

	if (x->common != y->common)
		return x->common > y->common ? -1 : 1;
	return strcmp(x->name, y->name);
}

int explanation_build(const struct census *guest, const char *domain, const struct census *others,
		      size_t count, struct explanation **ret_explanation, struct fail *why)
{
	struct explanation *explanation = calloc(1, sizeof(*explanation));
	struct frames_of frames = { 0 };

	if (explanation)
		explanation->neighbours = calloc(count + 1, sizeof(*explanation->neighbours));
	if (!explanation || !explanation->neighbours || frames_init(&frames, guest) < 0) {
		explanation_free(explanation);
		return fail_errno(why, ENOMEM, "cannot explain guest '%s'", guest->name);
	}
	memcpy(explanation->name, guest->name, sizeof(explanation->name));
	strncpy(explanation->domain, domain, sizeof(explanation->domain) - 1);
	explanation->pages = guest->pages;
	guest_count(explanation, guest, &frames);
	for (size_t i = 0; i < count; i++)
		neighbour_count(&explanation->neighbours[i], guest, &others[i], &frames);
	explanation->neighbour_count = count;
	shared_count(explanation, guest, &frames);
	qsort(explanation->neighbours, count, sizeof(*explanation->neighbours), neighbour_order);
	free(frames.guest);
	*ret_explanation = explanation;
	return 0;
}

void explanation_free(struct explanation *explanation)
{
	if (!explanation)
		return;
	free(explanation->neighbours);
	free(explanation);
}

uint64_t explanation_estimate(const struct explanation *explanation, uint64_t of_sample)
{
	uint64_t sample = explanation->twins.sample;

	return sample > 0 ? explanation->kinds[CENSUS_UNIQUE] * of_sample / sample : 0;
}
