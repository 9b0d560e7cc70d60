/* SPDX-License-Identifier: Apache-2.0 */
/* physical.h - where in the guest's physical memory a program's pages are */
#ifndef PHYSICAL_H
#define PHYSICAL_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define PHYSICAL_PAGE_SHIFT    12u
#define PHYSICAL_BLOCK_SHIFT   26u /* 64 MiB */
#define PHYSICAL_BLOCKS	       1024u
#define PHYSICAL_ENTRY_PRESENT (UINT64_C(1) << 63) /* Documentation/admin-guide/mm/pagemap.rst */
#define PHYSICAL_ENTRY_FRAME   ((UINT64_C(1) << 55) - 1)

static void physical_blocks_mark(uint8_t *used, const uint64_t *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t block = (entries[i] & PHYSICAL_ENTRY_FRAME) >>
				 (PHYSICAL_BLOCK_SHIFT - PHYSICAL_PAGE_SHIFT);

		if (entries[i] & PHYSICAL_ENTRY_PRESENT && block < PHYSICAL_BLOCKS)
			used[block] = 1;
	}
}

/* Prints WHO LIES IN, and for each block of 64 MiB with a page of these its address in MiB. */
static void physical_blocks_print(const char *who, const void *start, size_t bytes)
{
	static uint8_t used[PHYSICAL_BLOCKS];
	uint64_t entries[512], first = (uintptr_t)start >> PHYSICAL_PAGE_SHIFT;
	uint64_t end = first + (bytes >> PHYSICAL_PAGE_SHIFT);
	int pagemap = open("/proc/self/pagemap", O_RDONLY);

	while (first < end) {
		size_t want = end - first < 512 ? end - first : 512;
		ssize_t got = pread(pagemap, entries, want * sizeof(*entries),
				    (off_t)(first * sizeof(*entries)));

		if (got <= 0)
			break;
		physical_blocks_mark(used, entries, (size_t)got / sizeof(*entries));
		first += (size_t)got / sizeof(*entries);
	}
	close(pagemap);
	printf("%s LIES IN", who);
	for (unsigned int block = 0; block < PHYSICAL_BLOCKS; block++)
		if (used[block])
			printf(" %u", block << (PHYSICAL_BLOCK_SHIFT - 20));
	printf("\n");
	fflush(stdout);
}

#endif
