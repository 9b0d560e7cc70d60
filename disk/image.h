/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - a file or block device that holds the bytes of a disk, opened and locked
 *
 * Whoever writes to it has it alone; those who only read share it. The lock is one of
 * flock(2) and ends with the descriptor.
 *
 * What the first bytes say is never believed: a guest could have written them. They are
 * only looked at to refuse a file that is likely to be given by mistake.
 */
#ifndef DISK_IMAGE_H
#define DISK_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

struct image {
	int fd;
	uint64_t bytes; /* a multiple of DISK_SECTOR, not 0 */
	uint32_t block_bytes;
};

/* as_raw: refuse no format. */
CHECKED int image_open(const char *file, bool writable, bool as_raw, struct image *ret_image,
		       struct fail *why);
void image_close(struct image *image);

#endif
