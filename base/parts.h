/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - bytes that lie in several parts, as readv() and its like take them
 *
 * Offsets count from the first byte of the first part. Whoever asks for more than there
 * is gets what there is.
 */
#ifndef BASE_PARTS_H
#define BASE_PARTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

size_t parts_length(const struct iovec *parts, unsigned int count);

/* Copies from the parts, or into them. Returns how many bytes. */
size_t parts_gather(const struct iovec *parts, unsigned int count, uint64_t offset, void *to,
		    size_t length);
size_t parts_scatter(const struct iovec *parts, unsigned int count, uint64_t offset,
		     const void *from, size_t length);

/*
 * [offset, offset + length) as a list of its own, which has room for `count`. Returns how
 * many parts it has; 0 where the range does not lie inside.
 */
unsigned int parts_slice(const struct iovec *parts, unsigned int count, uint64_t offset,
			 uint64_t length, struct iovec *ret_parts);

#endif
