/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_balloon.h - memory that the guest gives back
 *
 * Format: VIRTIO 1.2, section 5.5, with statistics, deflation when the guest runs out
 * of memory, page poisoning and free page reporting. Memory comes back in two ways:
 *
 *   the balloon   the host sets a target; the guest puts pages into the balloon, or
 *                 takes some out again, until it has reached it
 *   reports       the guest says by itself which pages it does not use, and uses them
 *                 again without a word
 *
 * Either way the pages' memory is discarded before the guest hears that its chain is
 * done with. Which pages are out at a moment nobody knows: what is counted is how many
 * pages the guest says that its balloon has, and how many were ever reported.
 */
#ifndef DEVICES_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/balloon_batch.h"
#include "devices/balloon_stats.h"
#include "devices/virtio.h"

/* No guest is asked to live with less. */
#define VIRTIO_BALLOON_FLOOR (UINT64_C(16) << 20)

/* Borrowed for the life of the device; <linux/virtio_*.h> call the guest's view "config". */
struct virtio_balloon_setup {
	const char *name; /* for log lines: "balloon" */
	struct gmem *gmem;
	struct loop *loop; /* of the I/O thread */
	balloon_discard_fn *discard;
	void *discard_context;
	uint64_t target_bytes; /* see virtio_balloon_set_target(); 0: all of its memory */
};

struct virtio_balloon_report {
	bool has_driver;	  /* the guest listens to the target */
	uint64_t target_bytes;	  /* of its memory, that the guest shall keep */
	uint64_t ballooned_bytes; /* in the balloon, as the guest says */
	uint64_t reported_bytes;  /* given back by reports, since the device was made */
	uint64_t stats_age_ns;	  /* of stats; 0 where nothing is known */
	struct balloon_stats stats;
};

struct virtio_balloon;

/* Both: main thread, while the I/O thread does not run and nothing is being discarded. */
CHECKED int virtio_balloon_create(const struct virtio_balloon_setup *setup,
				  struct virtio_balloon **ret_balloon, struct fail *why);
void virtio_balloon_free(struct virtio_balloon *balloon); /* NULL is fine */

struct virtio *virtio_balloon_virtio(struct virtio_balloon *balloon);

/*
 * How much of its memory the guest shall keep; it takes its time, and may not get
 * there. -ERANGE: more than it has, or less than VIRTIO_BALLOON_FLOOR; -ENOTCONN: no
 * driver listens. Nothing was set then. Any thread.
 */
CHECKED int virtio_balloon_set_target(struct virtio_balloon *balloon, uint64_t bytes);

/* Any thread. What it was last set to, as setup has it. */
uint64_t virtio_balloon_target(struct virtio_balloon *balloon);

/*
 * What is known; and asks the guest for fresh statistics, at most once a minute, which
 * the next report has.
 * Any thread.
 */
void virtio_balloon_report(struct virtio_balloon *balloon,
			   struct virtio_balloon_report *ret_report);

#endif
