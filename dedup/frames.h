/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.h - which frames of a store are in use, and which come next
 *
 * A frame is a page-sized slot of the store, named by its number. Frames taken one
 * after the other are neighbours as long as the free space allows, because
 * neighbours in a guest that get neighbouring frames cost one mapping together.
 *
 * One thread. Memory: one bit a frame ever used, and 12 bytes a frame for its
 * references and its catalog entry.
 */
#ifndef DEDUP_FRAMES_H
#define DEDUP_FRAMES_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"

#define FRAME_NONE   UINT32_MAX
#define FRAME_NOBODY UINT16_MAX

struct frame {
	uint32_t references; /* 0: free */
	uint32_t entry;	     /* in the catalog */
	uint16_t sharers;    /* guests that the references are from */
	uint16_t publisher;  /* whom the frame is charged to, or FRAME_NOBODY */
};

struct frames;

CHECKED int frames_create(uint32_t limit, struct frames **ret_frames);
void frames_free(struct frames *frames); /* NULL is fine */

/*
 * Takes a free frame: the one that is wished for, where that is free and makes the store
 * larger by no more than itself; any number may come here, FRAME_NONE is no wish. Else the
 * one behind the last that was taken without a wish, wherever that is free. It
 * starts with no reference and must get one before it can be given back.
 * -ENOSPC: the store is full.
 */
CHECKED int frames_take(struct frames *frames, uint32_t wish, uint32_t *ret_frame);
void frames_give_back(struct frames *frames, uint32_t frame);

/* NULL where the frame is not in use: numbers come from peers. */
struct frame *frames_get(struct frames *frames, uint32_t frame);

uint32_t frames_in_use(const struct frames *frames);
/* One past the highest frame ever used. */
uint32_t frames_top(const struct frames *frames);
size_t frames_memory_bytes(const struct frames *frames);

#endif
