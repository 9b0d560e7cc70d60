/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_type.h - what a kind of disk is made of: raw.c, overlay.c, nbd.c
 *
 * A request comes in through submit(), checked, and leaves through disk_complete(),
 * which calls nobody: done() is called by disk_start(), or by disk_turn() from a
 * callback of the loop.
 */
#ifndef DISK_DISK_TYPE_H
#define DISK_DISK_TYPE_H

#include <stdatomic.h>

#include "disk/disk.h"

struct disk_type {
	void (*submit)(struct disk *disk, struct disk_request *request);
	/* Hands over what was submitted. */
	void (*start)(struct disk *disk);
	/* Waits until something is complete. Only while something is in flight. */
	void (*wait)(struct disk *disk);
	/* Nothing is in flight. */
	void (*close)(struct disk *disk);
};

struct disk_requests {
	struct disk_request *first, *last;
};

void disk_requests_push(struct disk_requests *list, struct disk_request *request);
struct disk_request *disk_requests_pop(struct disk_requests *list); /* NULL: empty */

struct disk {
	const struct disk_type *type;
	struct disk_traits traits;
	struct disk_requests completed; /* done() not called yet */
	unsigned int in_flight;
	bool is_turning, has_submitted;
	void (*turn)(void *context);
	void *turn_context;

	struct { /* written by the loop's thread, read by any */
		_Atomic uint64_t requests[DISK_OPS], bytes[DISK_OPS], errors;
	} counters;
};

/* error: 0 or -errno. Exactly once for each request that came through submit(). */
void disk_complete(struct disk_request *request, int error);
void disk_turn(struct disk *disk);

CHECKED int raw_open(const struct disk_config *config, struct loop *loop, struct disk **ret_disk,
		     struct fail *why);
CHECKED int overlay_open(const struct disk_config *config, struct loop *loop,
			 struct disk **ret_disk, struct fail *why);
CHECKED int nbd_open(const struct disk_config *config, struct loop *loop, struct disk **ret_disk,
		     struct fail *why);
bool nbd_is_address(const char *file);

#endif
