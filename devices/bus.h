/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus.h - which device answers at a port or an address
 *
 * A bus is filled while the machine is put together and only read afterwards, so
 * that vCPU threads need no lock for it. Any address and any size is fine: what
 * nobody owns reads as ones and swallows writes, byte by byte, and an access
 * that is wider than a device takes reaches it in parts.
 */
#ifndef DEVICES_BUS_H
#define DEVICES_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

#define BUS_MAX_REGIONS 32

/*
 * Called on vCPU threads, several at once: a device brings its own lock. offset
 * counts from the region's start; size: 1, 2, 4 or 8 and no more than the width.
 */
struct bus_ops {
	uint64_t (*read)(void *context, uint64_t offset, unsigned int size);
	void (*write)(void *context, uint64_t offset, uint64_t value, unsigned int size);
};

struct bus_region {
	uint64_t start;
	uint64_t length;
	unsigned int width; /* widest access: 1, 2, 4 or 8 bytes */
	const struct bus_ops *ops;
	void *context;
};

struct bus {
	struct bus_region regions[BUS_MAX_REGIONS]; /* sorted, without overlap */
	size_t count;
};

void bus_init(struct bus *bus);

/* -EINVAL: no such region can be; -EEXIST: overlaps another; -ENOSPC: too many. */
CHECKED int bus_add(struct bus *bus, const struct bus_region *region);

/* size: 1 to 8 bytes, little-endian. */
void bus_access(const struct bus *bus, uint64_t address, bool is_write, void *bytes,
		unsigned int size);

#endif
