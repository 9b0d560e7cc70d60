/* SPDX-License-Identifier: Apache-2.0 */
/* pagemap.c - what backs each page of this process, by the kernel's word */
#include "vmm/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <sys/ioctl.h>

#include "dedup/memory.h"

#define PAGE_SHIFT 12
#define CHUNK	   1024u /* entries of one read */

/* Bits of an entry. */
#define PM_UFFD_WP   (UINT64_C(1) << 57)
#define PM_EXCLUSIVE (UINT64_C(1) << 56) /* a page that only we map; 4.2 */
#define PM_FILE	     (UINT64_C(1) << 61) /* of a file, shared memory included */
#define PM_SWAP	     (UINT64_C(1) << 62)
#define PM_PRESENT   (UINT64_C(1) << 63)

/* Newer than the headers of Debian 12; from the kernel's include/uapi/linux/fs.h. */
struct scan_region {
	__u64 start, end, categories;
};

struct scan_arg {
	__u64 size, flags, start, end, walk_end, vec, vec_len, max_pages;
	__u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN	     _IOWR('f', 16, struct scan_arg)
#define SCAN_IS_HUGE (1 << 6)
#define HUGE_BYTES   (UINT64_C(2) << 20)

int pagemap_open(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_entries(int fd, const void *address, uint32_t count, uint64_t *ret_entries)
{
	off_t offset = (off_t)((uintptr_t)address >> PAGE_SHIFT) * 8;
	ssize_t n = pread(fd, ret_entries, count * sizeof(*ret_entries), offset);

	if (n < 0)
		return -errno;
	return (size_t)n == count * sizeof(*ret_entries) ? 0 : -EIO;
}

/*
 * A page on its way to another place in the host's memory (compaction) shows as
 * swapped; where it is a frame of the store, the file flag stands beside it, and it
 * must not count as broken.
 *
 * The kernel's zero page is present, of no file, and not exclusive: an anonymous page
 * of ours always is, since guest memory is never inherited by a fork.
 */
enum look pagemap_entry_look(uint64_t entry)
{
	if (entry & PM_SWAP)
		return entry & PM_FILE ? LOOK_OTHER : LOOK_SWAP;
	if (!(entry & PM_PRESENT))
		return LOOK_NONE;
	if ((entry & PM_FILE) || !(entry & PM_EXCLUSIVE))
		return LOOK_OTHER;
	return LOOK_OWN;
}

int pagemap_look(int fd, const void *address, uint32_t count, uint8_t *ret_looks)
{
	uint64_t entries[CHUNK];

	for (uint32_t done = 0, n; done < count; done += n) {
		int rc;

		n = count - done < CHUNK ? count - done : CHUNK;
		rc = read_entries(fd, (const char *)address + ((size_t)done << PAGE_SHIFT), n,
				  entries);
		if (rc < 0)
			return rc;
		for (uint32_t i = 0; i < n; i++)
			ret_looks[done + i] = (uint8_t)pagemap_entry_look(entries[i]);
	}
	return 0;
}

int pagemap_is_protected(int fd, const void *address, uint32_t count, bool *ret_protected)
{
	uint64_t entries[CHUNK];
	int rc;

	if (count > CHUNK)
		return -EINVAL;
	rc = read_entries(fd, address, count, entries);
	if (rc < 0)
		return rc;
	*ret_protected = true;
	for (uint32_t i = 0; i < count; i++)
		*ret_protected = *ret_protected && (entries[i] & PM_UFFD_WP);
	return 0;
}

int pagemap_is_huge(int fd, const void *address)
{
	struct scan_region region = { 0 };
	struct scan_arg scan = {
		.size = sizeof(scan),
		.start = (uintptr_t)address,
		.end = (uintptr_t)address + HUGE_BYTES,
		.vec = (uintptr_t)&region,
		.vec_len = 1,
		.category_mask = SCAN_IS_HUGE,
		.return_mask = SCAN_IS_HUGE,
	};
	int regions = ioctl(fd, SCAN, &scan);

	if (regions < 0)
		return -errno;
	return regions == 1 && region.end - region.start == HUGE_BYTES;
}
