/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - how the engine talks to its domain's catalog
 *
 * vmm/broker_link.c implements this over the broker's socket; the model test calls
 * a catalog in the same process. Any error means that the link is lost: the engine
 * asks nothing more until engine_link_up(). All calls come from the engine's thread,
 * and may wait for the broker.
 */
#ifndef DEDUP_LINK_H
#define DEDUP_LINK_H

#include <stdint.h>

#include "dedup/catalog.h"

#define PROBE_MAX   2048u /* items of one probe */
#define PUBLISH_MAX 64u	  /* pages of one publication */
#define RELEASE_MAX 2048u

struct link_offer {
	uint32_t page;
	uint32_t frame;
	uint64_t digest_low; /* of the claim that became a frame */
};

struct link_ops {
	int (*probe)(void *context, const struct catalog_item *items, uint32_t count,
		     uint32_t *ret_answers);
	/* pages[i]: where the bytes of items[i] are; they may change meanwhile. */
	int (*publish)(void *context, const struct catalog_item *items, const void *const *pages,
		       uint32_t count, uint32_t *ret_answers);
	int (*release)(void *context, const uint32_t *frames, uint32_t count);
	/* Up to max offers that have come, without waiting. Returns how many. */
	int (*offers)(void *context, struct link_offer *ret_offers, uint32_t max);
};

#endif
