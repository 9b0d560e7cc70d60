/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.c - what sharing could give back at most, counted from memory images */
/*
 * Usage: oracle IMAGE...
 *
 * Counts the pages of all images, those that are not all zero, and how many
 * different ones are among these: sharing can spare the difference.  Pages are
 * sorted by a hash and then by their bytes, so the count is exact.  Shares no
 * code with samepage, on purpose.
 */

#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096

struct page {
	uint64_t hash;
	const unsigned char *bytes;
};

static struct page *pages;
static size_t page_count, page_room;
static size_t total_pages;

static uint64_t page_hash(const unsigned char *bytes)
{
	uint64_t hash = 0xcbf29ce484222325u, word;

	for (size_t i = 0; i < PAGE_BYTES; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	return hash;
}

static bool page_is_zero(const unsigned char *bytes)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_BYTES - 1) == 0;
}

static void page_add(const unsigned char *bytes)
{
	if (page_count == page_room) {
		page_room = page_room ? page_room * 2 : 65536;
		pages = realloc(pages, page_room * sizeof(*pages));
		if (!pages)
			err(1, "no memory");
	}
	pages[page_count++] = (struct page){ page_hash(bytes), bytes };
}

static int page_compare(const void *left, const void *right)
{
	const struct page *a = left, *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return memcmp(a->bytes, b->bytes, PAGE_BYTES);
}

static void image_add(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	off_t data, hole = 0;

	if (fd < 0 || fstat(fd, &status) < 0)
		err(1, "%s", path);
	if (status.st_size == 0 || status.st_size % PAGE_BYTES)
		errx(1, "%s: not a whole number of pages", path);
	const unsigned char *bytes =
		mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		err(1, "%s", path);
	total_pages += (size_t)status.st_size / PAGE_BYTES;
	while ((data = lseek(fd, hole, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		data -= data % PAGE_BYTES;
		for (; data < hole; data += PAGE_BYTES)
			if (!page_is_zero(bytes + data))
				page_add(bytes + data);
		hole = data;
	}
	close(fd);
}

int main(int argc, char **argv)
{
	size_t distinct = 0;

	if (argc < 2)
		errx(2, "usage: oracle IMAGE...");
	for (int i = 1; i < argc; i++)
		image_add(argv[i]);
	qsort(pages, page_count, sizeof(*pages), page_compare);
	for (size_t i = 0; i < page_count; i++)
		distinct += i == 0 || page_compare(&pages[i - 1], &pages[i]) != 0;
	printf("{\"pages\":%zu,\"nonzero_pages\":%zu,\"distinct_nonzero_pages\":%zu}\n",
	       total_pages, page_count, distinct);
	return 0;
}
