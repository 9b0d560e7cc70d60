/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - what the engine needs to be able to do with guest memory
 *
 * The engine knows neither userfaultfd nor pagemap nor mmap; whoever owns the
 * memory implements this (vmm/gmem_remap.c for a guest, the model test for its
 * reference memory). Pages are numbers from 0; ranges are [first, first + count).
 * Every call comes from the engine's one thread. Errors are -errno.
 *
 * Rules that the engine keeps: it holds a range before it shares, discards or restores in it,
 * unholds what it did none of these to, and then wakes the whole range, on every path. It
 * calls nothing that can wait for a peer while it holds. It drops only what it does not
 * hold.
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
	 * Sets a bit (the lowest of the first word: page 0) for each page that was written to
	 * since it was last watched, by whomever; the other bits stay. The first success,
	 * and the first after a failure, sets all. begin: start to keep track, where that is
	 * not done yet; else that is -EAGAIN. -ENOTSUP: nobody can tell. NULL: the same.
	 */
	int (*written)(void *context, int begin, uint64_t *bits);

	/*
	 * Writes from now on count anew for those of the pages whose bits are set; the lowest
	 * bit of the first word is `first`, which is a multiple of 64, as count is but at the
	 * memory's end. After failure nothing is known of any page.
	 */
	int (*watch)(void *context, uint32_t first, uint32_t count, const uint64_t *bits);

	/*
	 * After success nobody can write to the range: writers wait until the wake.
	 * After failure nothing is held; -EBUSY: some page is pinned, since a device's
	 * data is on its way into the memory it has now. The range lies in one mapping as the
	 * engine counts mappings; over_store: that mapping is one of the store.
	 */
	int (*hold)(void *context, uint32_t first, uint32_t count, int over_store);

	/*
	 * Where the frames' bytes can be read, count pages in a row, until the next pass; they
	 * don't change while the engine has a reference. All of them have been read once, so
	 * that reading them takes no time while something is held. NULL: there are no such frames.
	 */
	const uint8_t *(*frames)(void *context, uint32_t frame, uint32_t count);

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

	/*
	 * Makes anonymous memory of held pages that are mapped from one store, with the bytes
	 * they have; nobody sees others meanwhile. After failure as with share. -ENOTSUP: that
	 * can't be done here. NULL: the same.
	 */
	int (*restore)(void *context, uint32_t first, uint32_t count);

	/*
	 * Gives the memory of pages back that nobody holds, whatever is in them; a write
	 * at the same time is lost or stays. They read as zero from now on. over_store:
	 * some of them are mapped from a store, else none. Returns how many pages from
	 * the first on that was done to: fewer where one is pinned. -EBUSY: the first is.
	 * After failure all are as before.
	 */
	int (*drop)(void *context, uint32_t first, uint32_t count, int over_store);

	/*
	 * Whether the page, which is the first of HUGE_PAGES with memory, begins a huge one.
	 * -errno: the kernel does not tell.
	 */
	int (*is_huge)(void *context, uint32_t first);

	/*
	 * The huge page that this one, which has memory, is or was part of becomes small ones,
	 * so that each can be given back alone. Their bytes stay; those that are zero may
	 * have no memory any more. -errno: it is as before. -EBUSY: a page of it is pinned.
	 */
	int (*split)(void *context, uint32_t page);

	/* These pages stay what they are, and writable. */
	void (*unhold)(void *context, uint32_t first, uint32_t count, int over_store);

	/* Lets all writers of the range try again. */
	void (*wake)(void *context, uint32_t first, uint32_t count);
};

#endif
