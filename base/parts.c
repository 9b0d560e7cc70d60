/* SPDX-License-Identifier: Apache-2.0 */
/* parts.c - bytes that lie in several parts, as readv() and its like take them */
#include "base/parts.h"

#include <stdbool.h>
#include <string.h>

size_t parts_length(const struct iovec *parts, unsigned int count)
{
	size_t length = 0;

	for (unsigned int i = 0; i < count; i++)
		length += parts[i].iov_len;
	return length;
}

/* What [*offset, *offset + left) has of a part; false: it begins behind. */
static bool part_cut(const struct iovec *part, uint64_t *offset, uint64_t left,
		     struct iovec *ret_cut)
{
	size_t from, length;

	if (*offset >= part->iov_len) {
		*offset -= part->iov_len;
		return false;
	}
	from = (size_t)*offset;
	length = part->iov_len - from;
	*offset = 0;
	*ret_cut = (struct iovec){ .iov_base = (unsigned char *)part->iov_base + from,
				   .iov_len = length < left ? length : (size_t)left };
	return true;
}

size_t parts_gather(const struct iovec *parts, unsigned int count, uint64_t offset, void *to,
		    size_t length)
{
	size_t copied = 0;
	struct iovec cut;

	for (unsigned int i = 0; i < count && copied < length; i++) {
		if (!part_cut(&parts[i], &offset, length - copied, &cut))
			continue;
		memcpy((unsigned char *)to + copied, cut.iov_base, cut.iov_len);
		copied += cut.iov_len;
	}
	return copied;
}

size_t parts_scatter(const struct iovec *parts, unsigned int count, uint64_t offset,
		     const void *from, size_t length)
{
	size_t copied = 0;
	struct iovec cut;

	for (unsigned int i = 0; i < count && copied < length; i++) {
		if (!part_cut(&parts[i], &offset, length - copied, &cut))
			continue;
		memcpy(cut.iov_base, (const unsigned char *)from + copied, cut.iov_len);
		copied += cut.iov_len;
	}
	return copied;
}

unsigned int parts_slice(const struct iovec *parts, unsigned int count, uint64_t offset,
			 uint64_t length, struct iovec *ret_parts)
{
	unsigned int made = 0;

	for (unsigned int i = 0; i < count && length > 0; i++) {
		if (!part_cut(&parts[i], &offset, length, &ret_parts[made]))
			continue;
		length -= ret_parts[made++].iov_len;
	}
	return length > 0 ? 0 : made;
}
