/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balloon_stats.h - what a guest says of its own memory
 *
 * Format: VIRTIO 1.2, section 5.5.6.3, and the further tags of Linux 6.12. All of it is
 * what the guest chooses to say: it is shown, and nothing is decided by it.
 */
#ifndef DEVICES_BALLOON_STATS_H
#define DEVICES_BALLOON_STATS_H

#include <stdint.h>

#include "devices/virtqueue.h"

#define BALLOON_STATS 16 /* tags that are known; other ones are passed over */

/* Sizes are bytes. */
struct balloon_stats {
	uint32_t known; /* a bit for each tag that the guest has named */
	uint64_t values[BALLOON_STATS];
};

/*
 * From what the device reads of a chain. Only so many entries are looked at; the last
 * one of a tag counts. A value above INT64_MAX is none: that is how some drivers say
 * that they don't know.
 */
void balloon_stats_parse(const struct chain *chain, struct balloon_stats *ret_stats);

#endif
