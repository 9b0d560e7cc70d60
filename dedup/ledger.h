/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h - how often one guest refers to each frame
 *
 * The broker keeps one ledger a guest. It is what makes a guest's release
 * believable, and what gives its references back when it dies. One thread.
 * Memory: 2 bytes a frame, in blocks that exist only where the guest holds some.
 */
#ifndef DEDUP_LEDGER_H
#define DEDUP_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

struct ledger {
	struct ledger_block **blocks;
	uint32_t block_count;
	uint64_t held; /* sum over all frames */
	size_t memory_bytes;
};

void ledger_init(struct ledger *ledger);
void ledger_done(struct ledger *ledger);

/*
 * Both return how often this guest refers to the frame from now on.
 * -EMLINK: as often as the ledger can count already.
 */
CHECKED int ledger_add(struct ledger *ledger, uint32_t frame);
/* -ENOENT: this guest does not refer to the frame. */
CHECKED int ledger_drop(struct ledger *ledger, uint32_t frame);

bool ledger_has(const struct ledger *ledger, uint32_t frame);

/* Calls fn for each frame that this guest refers to, in rising order. */
typedef void ledger_fn(void *context, uint32_t frame, uint32_t count);
void ledger_each(const struct ledger *ledger, ledger_fn *fn, void *context);

#endif
