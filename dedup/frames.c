/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.c - which frames of a store are in use, and which come next
 *
 * A bitmap of used frames and a cursor. Frames are taken at the cursor, which
 * moves on: a freed frame is used again only once the cursor has come round, so
 * the free space gathers behind it into runs. The cursor wraps at the highest
 * frame ever used before the store grows past it, but only where enough is free
 * there to be worth the search.
 *
 * A page that broke and is published anew wishes for the frame that it had, or for the
 * neighbour of its neighbour's: then it rejoins the run that it was part of. The cursor stays
 * where it is meanwhile, unless it was there.
 */
#include "dedup/frames.h"

#include <errno.h>
#include <string.h>

#define WORD_BITS 64u
/* Below one free frame in this many, looking for it costs more than a new one. */
#define WRAP_SHARE 8u

struct frames {
	uint32_t limit;
	uint32_t known; /* frames that the arrays below cover */
	uint32_t used;
	uint32_t cursor;
	uint32_t highest; /* one past the highest frame ever used */
	uint64_t *bitmap;
	struct frame *table;
};

int frames_create(uint32_t limit, struct frames **ret_frames)
{
	struct frames *frames = calloc(1, sizeof(*frames));

	if (!frames)
		return -ENOMEM;
	/* the two highest numbers mean something else on the wire */
	frames->limit = limit < FRAME_NONE - WORD_BITS ? limit : FRAME_NONE - WORD_BITS;
	*ret_frames = frames;
	return 0;
}

void frames_free(struct frames *frames)
{
	if (!frames)
		return;
	free(frames->bitmap);
	free(frames->table);
	free(frames);
}

static bool frame_is_used(const struct frames *frames, uint32_t frame)
{
	return frames->bitmap[frame / WORD_BITS] >> (frame % WORD_BITS) & 1;
}

/* Makes the arrays cover `frame`. */
static int frames_grow(struct frames *frames, uint32_t frame)
{
	uint32_t known = frames->known ? frames->known : 4096;
	uint64_t *bitmap;
	struct frame *table;

	if (frame < frames->known)
		return 0;
	while (known <= frame)
		known = known > UINT32_MAX / 2 ? FRAME_NONE - FRAME_NONE % WORD_BITS : known * 2;
	bitmap = realloc(frames->bitmap, known / 8);
	if (!bitmap)
		return -ENOMEM;
	frames->bitmap = bitmap;
	table = realloc(frames->table, (size_t)known * sizeof(*table));
	if (!table)
		return -ENOMEM;
	frames->table = table;
	memset(bitmap + frames->known / WORD_BITS, 0, (known - frames->known) / 8);
	memset(table + frames->known, 0, (size_t)(known - frames->known) * sizeof(*table));
	frames->known = known;
	return 0;
}

/* The first free frame in [from, to), or `to`; full words are passed over whole. */
static uint32_t next_free(const struct frames *frames, uint32_t from, uint32_t to)
{
	while (from < to) {
		uint64_t free_bits = ~frames->bitmap[from / WORD_BITS] >> (from % WORD_BITS);

		if (free_bits != 0) {
			from += (uint32_t)__builtin_ctzll(free_bits);
			return from < to ? from : to;
		}
		from += WORD_BITS - from % WORD_BITS;
	}
	return to;
}

/* The next frame: behind the cursor, or at the end of the store. */
static int frames_find(struct frames *frames, uint32_t *ret_first)
{
	uint32_t first = next_free(frames, frames->cursor, frames->highest);

	if (first == frames->highest &&
	    (frames->highest - frames->used > frames->highest / WRAP_SHARE ||
	     frames->highest == frames->limit))
		first = next_free(frames, 0, frames->highest);
	if (first >= frames->limit)
		return -ENOSPC;
	*ret_first = first;
	return frames_grow(frames, first);
}

static bool wish_is_free(const struct frames *frames, uint32_t wish)
{
	return wish < frames->limit && (wish == frames->highest ||
					(wish < frames->highest && !frame_is_used(frames, wish)));
}

int frames_take(struct frames *frames, uint32_t wish, uint32_t *ret_frame)
{
	bool is_granted = wish_is_free(frames, wish);
	uint32_t frame = wish;
	int rc = is_granted ? frames_grow(frames, wish) : frames_find(frames, &frame);

	if (rc < 0)
		return rc;
	frames->bitmap[frame / WORD_BITS] |= UINT64_C(1) << (frame % WORD_BITS);
	frames->table[frame] = (struct frame){ 0 };
	frames->used++;
	if (!is_granted || frame == frames->cursor)
		frames->cursor = frame + 1;
	if (frame >= frames->highest)
		frames->highest = frame + 1;
	*ret_frame = frame;
	return 0;
}

void frames_give_back(struct frames *frames, uint32_t frame)
{
	frames->bitmap[frame / WORD_BITS] &= ~(UINT64_C(1) << (frame % WORD_BITS));
	frames->table[frame] = (struct frame){ 0 };
	frames->used--;
}

struct frame *frames_get(struct frames *frames, uint32_t frame)
{
	if (frame >= frames->highest || !frame_is_used(frames, frame))
		return NULL;
	return &frames->table[frame];
}

uint32_t frames_in_use(const struct frames *frames)
{
	return frames->used;
}

uint32_t frames_top(const struct frames *frames)
{
	return frames->highest;
}

size_t frames_memory_bytes(const struct frames *frames)
{
	return frames->known / 8 + (size_t)frames->known * sizeof(struct frame);
}
