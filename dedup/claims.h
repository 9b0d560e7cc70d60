/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims.h - which entry of the catalog each of a client's pages has a claim on
 *
 * Most pages become shared, and have none. Memory: 4 bytes a page, in blocks and chapters
 * of blocks that exist only where there are claims. What a client declares but never uses
 * costs 8 bytes for 128 MiB of RAM, and hardly any time to go through. One thread.
 */
#ifndef DEDUP_CLAIMS_H
#define DEDUP_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

#define CLAIM_NONE UINT32_MAX

struct claims {
	struct claim_chapter **chapters; /* NULL: no claim in it */
	uint32_t chapter_count;
	uint64_t count;
	size_t memory_bytes;
};

/* pages: that a client has at most. -ENOMEM. */
CHECKED int claims_init(struct claims *claims, uint32_t pages);
void claims_done(struct claims *claims);

/* The entry, or CLAIM_NONE. */
uint32_t claims_get(const struct claims *claims, uint32_t page);

/* The page has none until now. -ENOMEM. */
CHECKED int claims_add(struct claims *claims, uint32_t page, uint32_t entry);
/* It has one. */
void claims_drop(struct claims *claims, uint32_t page);

/* Calls fn for each page that has one, in rising order; fn may drop it. */
typedef void claims_fn(void *context, uint32_t page, uint32_t entry);
void claims_each(const struct claims *claims, claims_fn *fn, void *context);

#endif
