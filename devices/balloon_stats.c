/* SPDX-License-Identifier: Apache-2.0 */
/* balloon_stats.c - what a guest says of its own memory */
#include "devices/balloon_stats.h"

#include <linux/virtio_balloon.h>

#define ENTRIES_MAX 64u /* several times what there is to say */

void balloon_stats_parse(const struct chain *chain, struct balloon_stats *ret_stats)
{
	struct virtio_balloon_stat entries[ENTRIES_MAX];
	size_t bytes = chain_read(chain, 0, entries, sizeof(entries));
	struct balloon_stats stats = { 0 };

	for (size_t i = 0; i < bytes / sizeof(entries[0]); i++) {
		uint16_t tag = entries[i].tag;
		uint64_t value = entries[i].val;

		if (tag >= BALLOON_STATS)
			continue;
		stats.values[tag] = value <= INT64_MAX ? value : 0;
		if (value <= INT64_MAX)
			stats.known |= 1u << tag;
		else
			stats.known &= ~(1u << tag);
	}
	*ret_stats = stats;
}
