/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_remap.h - holds, shares, restores and discards pages of guest memory, on a real kernel
 *
 * Implements memory_ops of dedup/memory.h for a mapping of private anonymous
 * memory. One thread, but for remap_init() and remap_done().
 */
#ifndef VMM_GMEM_REMAP_H
#define VMM_GMEM_REMAP_H

#include "base/fail.h"
#include "dedup/memory.h"
#include "vmm/gmem_dirty.h"
#include "vmm/gmem_pins.h"
#include "vmm/spare.h"
#include "vmm/uffd.h"

struct remap {
	unsigned char *base;	  /* borrowed */
	struct pins *pins;	  /* of these pages; borrowed */
	struct gmem_dirty *dirty; /* of these pages; borrowed; NULL: their writes are not tracked */
	struct uffd uffd;
	const struct gmem_huge *huge; /* of these pages; borrowed; NULL: there are no huge ones */
	struct spare *spare;	      /* for these pages; borrowed; NULL: nothing is restored */
	int pagemap_fd;
	int store_fd;		     /* the broker's, read-only; owned; -1: no store yet */
	const unsigned char *frames; /* all of the store, to compare with; NULL: none */
	uint32_t frame_count;
	uint32_t frames_read; /* since none of them was in the page tables */
};

extern const struct memory_ops remap_ops; /* context: struct remap */

/* plain_kernel: do without what Linux 6.1 does not have, for tests. */
CHECKED int remap_init(struct remap *remap, void *base, struct pins *pins, bool plain_kernel,
		       struct fail *why);
/* Pages that are shared or broken stay as they are. */
void remap_done(struct remap *remap);

/* Takes over the descriptor of the store that frames belong to from now on. */
void remap_set_store(struct remap *remap, int store_fd);

#endif
