/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - what the engine needs to be able to do with guest memory
 *
 * The engine knows neither userfaultfd nor pagemap nor mmap; whoever owns the
 * memory implements this (vmm/gmem_share.c for a guest, the model test for its
 * reference memory). Pages are numbers from 0; ranges are [first, first + count).
 * Every call comes from the engine's one thread. Errors are -errno.
 *
 * Rules that the engine keeps: it holds a range before it shares or discards in it,
 * unholds what it did neither to, and then wakes the whole range, on every path. It
 * calls nothing that can wait for a peer while it holds.
 */
#ifndef DEDUP_MEMORY_H
#define DEDUP_MEMORY_H

#include <stdint.h>

enum look {
	LOOK_NONE,  /* no page here now: never touched, discarded, or a frame not yet read */
	LOOK_OWN,   /* memory of the guest's own */
	LOOK_SWAP,  /* memory of the guest's own, swapped out */
	LOOK_OTHER, /* somebody else's: a frame of the store, or the kernel's zero page */
};

struct memory_ops {
	/* What backs each page now; ret_looks has room for count. */
	int (*look)(void *context, uint32_t first, uint32_t count, uint8_t *ret_looks);

	/*
	 * After success nobody can write to the range: writers wait until the wake.
	 * After failure nothing is held. The range lies in one mapping as the engine
	 * counts mappings; over_store: that mapping is one of the store.
	 */
	int (*hold)(void *context, uint32_t first, uint32_t count, int over_store);

	/* Copies the frames' bytes. */
	int (*read_frames)(void *context, uint32_t frame, uint32_t count, void *ret_bytes);

	/*
	 * Puts frames where pages are; the pages are held and equal. After failure the
	 * pages are as before, and still held.
	 */
	int (*share)(void *context, uint32_t first, uint32_t count, uint32_t frame);

	/*
	 * Gives the memory of held pages back; they read as zero from now on. After
	 * failure as with share.
	 */
	int (*discard)(void *context, uint32_t first, uint32_t count, int over_store);

	/* These pages stay what they are, and writable. */
	void (*unhold)(void *context, uint32_t first, uint32_t count, int over_store);

	/* Lets all writers of the range try again. */
	void (*wake)(void *context, uint32_t first, uint32_t count);
};

#endif
