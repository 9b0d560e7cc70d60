/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - bytes that outlive the guest: one disk, whatever holds it
 *
 *   disk_open()     on the main thread, before the loop's thread runs
 *   disk_submit()   queues a request; disk_start() hands what is queued to the kernel
 *   disk_drain()    on the main thread, while the loop's thread does not run: waits for
 *                   what is in flight, whose done() is called then
 *   disk_close()    the same, and the disk is gone
 *
 * A request is the caller's from the beginning; between disk_submit() and its done()
 * the disk uses it and the memory that it names. done() is called exactly once, on the
 * loop's thread, never from inside disk_submit(), but perhaps from disk_start(); it may
 * submit, and need not start then. Requests may be done in any order; those that
 * overlap are the caller's to order.
 */
#ifndef DISK_DISK_H
#define DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "disk/file_job.h"

#define DISK_SECTOR 512u

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,	   /* all writes that were done before survive a power cut */
	DISK_DISCARD,	   /* the bytes are not needed any more; they read as anything */
	DISK_WRITE_ZEROES, /* they read as zeroes */
};
#define DISK_OPS (DISK_WRITE_ZEROES + 1)

struct disk;

struct disk_request {
	enum disk_op op;
	uint64_t offset, length; /* bytes; multiples of DISK_SECTOR; inside the disk, or -EIO */
	struct iovec *parts;	 /* READ and WRITE: as long as `length`; borrowed and changed */
	unsigned int part_count;
	bool may_unmap; /* WRITE_ZEROES: the space may be given back */
	/* error: 0 or -errno. The request is the caller's again and may be freed. */
	void (*done)(struct disk_request *request, int error);
	void *context; /* the caller's */

	/* the disk's own */
	struct disk *disk;
	struct disk_request *next, *sibling;
	int error;
	uint64_t progress;	  /* bytes */
	struct iovec rest;	  /* what the current step leaves of its last part */
	unsigned int step_parts;  /* of the current step */
	unsigned int outstanding; /* commands to a server */
	struct file_job job;
};

/* As the user gave it: --disk FILE[,ro][,raw][,overlay[=DIR]]. Borrowed for the call. */
struct disk_config {
	const char *file; /* path, block device, or nbd:// or nbd+unix:// address */
	bool read_only;
	bool overlay;		 /* writes go to a private sparse file, `file` is only read */
	const char *overlay_dir; /* NULL: $TMPDIR or /var/tmp */
	bool raw; /* the bytes are the disk's, even if they look like another format */
};

struct disk_traits {
	uint64_t bytes;
	bool read_only;
	bool can_discard;
	uint32_t block_bytes; /* preferred size and alignment, a power of two >= DISK_SECTOR */
};

/* What became of requests so far. */
struct disk_counters {
	uint64_t requests[DISK_OPS], bytes[DISK_OPS], errors;
};

CHECKED int disk_open(const struct disk_config *config, struct loop *loop, struct disk **ret_disk,
		      struct fail *why);
void disk_close(struct disk *disk); /* NULL is fine */

const struct disk_traits *disk_traits(const struct disk *disk);
void disk_count(const struct disk *disk, struct disk_counters *ret_counters); /* any thread */

void disk_submit(struct disk *disk, struct disk_request *request);
void disk_start(struct disk *disk);
void disk_drain(struct disk *disk);

/*
 * Called after one or more done(), from where these were called: the place for what
 * many requests can have in common. NULL: nobody.
 */
void disk_set_turn(struct disk *disk, void (*turn)(void *context), void *context);

#endif
