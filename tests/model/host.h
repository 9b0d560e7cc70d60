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
#ifndef HOST_PAGES /* benchmarks have more */
#define HOST_PAGES 768u
#endif
#define HOST_HUGE_GAIN 16u /* engine_config.huge_gain */
#define SKIPPED	       77  /* the exit status that automake takes for it */

struct host_guest {
	struct host *host;
	uint8_t *base;
	struct pins pins;
	struct spare spare;
	struct remap remap;
	struct engine *engine;
	uint32_t client;
	struct link_offer offers[4 * HOST_PAGES];
	uint32_t offer_count;
	uint32_t broker; /* to which it is linked */
};

struct host {
	struct store store;
	struct catalog *catalog;
	struct digest_secret secret;
	struct host_guest guests[HOST_GUESTS];
	uint32_t broker; /* the n-th */
	bool is_plain;	 /* does without what Linux 6.1 does not have */
};

/* Of guests that are created from now on: remap_ops, or what wraps them. */
extern const struct memory_ops *host_memory_ops;

/* Ends the program with SKIPPED where this user or kernel can't hold pages. */
struct host *host_create(bool plain_kernel);
void host_free(struct host *host);

static inline uint8_t *host_page(const struct host_guest *guest, uint32_t page)
{
	return guest->base + (size_t)page * PAGE_BYTES;
}

void host_fill(const struct host_guest *guest, uint32_t page, int value);
void host_frame_fill(struct host *host, uint32_t frame, int value);
enum look host_look(struct host_guest *guest, uint32_t page);
/* The broker dies, and another one takes its place. */
void host_change_broker(struct host *host);
/* Makes anonymous pages map frames, filled with 1, 2 ..., with nobody writing meanwhile. */
void host_map_frames(struct host_guest *guest, uint32_t first, uint32_t count, uint32_t frame);

/* Mappings that the guest's memory is cut into, by the kernel's word. */
uint64_t host_mappings(const struct host_guest *guest);

/* What a test program's main() consists of. */
struct host_test {
	const char *name;
	void (*run)(struct host *host);
};
#define HOST_TEST(name)                                                                            \
	{                                                                                          \
#name, name                                                                        \
	}

/* Each with a host of its own; one that takes longer than so many seconds ends the program. */
void host_run_tests(const struct host_test *tests, size_t count, bool plain_kernel,
		    unsigned int seconds);
/* All of them as this kernel is, then as Linux 6.1 would be. */
void host_run_all_kernels(const struct host_test *tests, size_t count, unsigned int seconds);

#endif
