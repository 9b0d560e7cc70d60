/* SPDX-License-Identifier: Apache-2.0 */
/* bus.c - which device answers at a port or an address */
#include "devices/bus.h"

#include <errno.h>
#include <string.h>

void bus_init(struct bus *bus)
{
	bus->count = 0;
}

int bus_add(struct bus *bus, const struct bus_region *region)
{
	uint64_t last = region->start + region->length - 1;
	unsigned int width = region->width;
	size_t at = 0;

	if (region->length == 0 || last < region->start || width == 0 || width > 8 ||
	    (width & (width - 1)))
		return -EINVAL;
	if (bus->count == BUS_MAX_REGIONS)
		return -ENOSPC;
	while (at < bus->count && bus->regions[at].start < region->start)
		at++;
	if (at < bus->count && bus->regions[at].start <= last)
		return -EEXIST;
	if (at > 0 && region->start - bus->regions[at - 1].start < bus->regions[at - 1].length)
		return -EEXIST;
	memmove(&bus->regions[at + 1], &bus->regions[at],
		(bus->count - at) * sizeof(bus->regions[0]));
	bus->regions[at] = *region;
	bus->count++;
	return 0;
}

static const struct bus_region *region_find(const struct bus *bus, uint64_t address)
{
	size_t low = 0, high = bus->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct bus_region *region = &bus->regions[middle];

		if (address < region->start)
			high = middle;
		else if (address - region->start >= region->length)
			low = middle + 1;
		else
			return region;
	}
	return NULL;
}

/* The largest power of two that the region takes and that stays inside all limits. */
static unsigned int part_size(const struct bus_region *region, uint64_t offset, unsigned int left)
{
	unsigned int size = region->width;

	while (size > left || size > region->length - offset)
		size /= 2;
	return size;
}

static void region_access(const struct bus_region *region, uint64_t offset, bool is_write,
			  unsigned char *bytes, unsigned int size)
{
	uint64_t value = 0;

	if (is_write) {
		memcpy(&value, bytes, size);
		region->ops->write(region->context, offset, value, size);
	} else {
		value = region->ops->read(region->context, offset, size);
		memcpy(bytes, &value, size);
	}
}

void bus_access(const struct bus *bus, uint64_t address, bool is_write, void *bytes,
		unsigned int size)
{
	unsigned char *part = bytes;

	while (size > 0) {
		const struct bus_region *region = region_find(bus, address);
		unsigned int step = 1;

		if (region) {
			step = part_size(region, address - region->start, size);
			region_access(region, address - region->start, is_write, part, step);
		} else if (!is_write) {
			*part = 0xff;
		}
		part += step;
		address += step;
		size -= step;
	}
}
