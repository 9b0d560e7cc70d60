/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - two guests' memories and a broker's half, on the real kernel, in one process
 *
 * Memory is mapped, held and shared by vmm/gmem_remap.c; the store is the broker's;
 * only the socket between them is left out.
 */
#ifndef TESTS_MODEL_HOST_H
#define TESTS_MODEL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/store.h"
#include "dedup/engine.h"
#include "vmm/gmem_remap.h"

#define HOST_GUESTS 2
#define HOST_PAGES  768u
#define SKIPPED	    77 /* the exit status that automake takes for it */

struct host_guest {
	struct host *host;
	uint8_t *base;
	struct remap remap;
	struct engine *engine;
	uint32_t client;
	struct link_offer offers[4 * HOST_PAGES];
	uint32_t offer_count;
};

struct host {
	struct store store;
	struct catalog *catalog;
	struct digest_secret secret;
	struct host_guest guests[HOST_GUESTS];
};

/* Ends the program with SKIPPED where this user or kernel can't hold pages. */
struct host *host_create(bool plain_kernel);
void host_free(struct host *host);

static inline uint8_t *host_page(const struct host_guest *guest, uint32_t page)
{
	return guest->base + (size_t)page * PAGE_BYTES;
}

/* Mappings that the guest's memory is cut into, by the kernel's word. */
uint64_t host_mappings(const struct host_guest *guest);

#endif
