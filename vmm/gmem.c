/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem.c - guest memory: the one bounded way to touch it
 *
 * Every access by guest address goes through span_find(), which is where "is it
 * RAM, all of it" is decided, once, without sums that can overflow. An access
 * that would run into the hole, or over the end, is refused whole.
 *
 * The image functions work on the mapping, not on guest addresses, so that an
 * image has no hole where the guest has one. Dumping must not make memory: a
 * page that was never touched is found without touching it (see page_is_backed).
 */
#include "vmm/gmem.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "dedup/digest.h"
#include "vmm/gmem_dirty.h"
#include "vmm/gmem_discard.h"
#include "vmm/gmem_huge.h"
#include "vmm/gmem_pins.h"
#include "vmm/spare.h"

#define CHUNK_PAGES 512 /* looked at together when dumping: 2 MiB */

#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)

struct gmem {
	unsigned char *base; /* fixed for the life of the gmem */
	uint64_t bytes;
	struct gmem_region regions[GMEM_MAX_REGIONS];
	size_t region_count;
	struct pins pins;
	struct discard_queue discards;
	struct gmem_dirty dirty;
	struct gmem_huge huge;
	struct spare spare;
};

static void regions_lay_out(struct gmem *gmem)
{
	uint64_t low = gmem->bytes < GMEM_HOLE_START ? gmem->bytes : GMEM_HOLE_START;

	gmem->regions[0] = (struct gmem_region){ .gpa = 0, .offset = 0, .bytes = low };
	gmem->region_count = 1;
	if (gmem->bytes > low)
		gmem->regions[gmem->region_count++] = (struct gmem_region){
			.gpa = GMEM_HOLE_END, .offset = low, .bytes = gmem->bytes - low
		};
}

static void ram_unmap(unsigned char *base, uint64_t bytes)
{
	munmap(base - GMEM_PAGE_SIZE, bytes + 2 * GMEM_PAGE_SIZE);
}

/*
 * At a multiple of GMEM_HUGE_SIZE, and with a page on either side that nobody can touch: what
 * runs over an end of RAM is a crash, and not a change of something else. A host that counts
 * addresses as memory may refuse spare memory. NULL: errno says why.
 */
static unsigned char *ram_map(uint64_t bytes, struct spare *spare)
{
	uint64_t room = bytes + 2 * GMEM_PAGE_SIZE, slack = GMEM_HUGE_SIZE - GMEM_PAGE_SIZE;
	unsigned char *guard = mmap(NULL, room + slack, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char *base = guard + GMEM_PAGE_SIZE;
	uint64_t skip = -(uintptr_t)base % GMEM_HUGE_SIZE;

	if (guard == MAP_FAILED)
		return NULL;
	base += skip;
	if (skip > 0)
		munmap(guard, skip);
	if (slack > skip)
		munmap(base + bytes + GMEM_PAGE_SIZE, slack - skip);
	if (mprotect(base - GMEM_PAGE_SIZE, bytes + GMEM_PAGE_SIZE, PROT_READ | PROT_WRITE) == 0) {
		int rc = spare_create(spare, base, bytes);

		if (rc < 0)
			log_debug("no spare memory: %s", strerror(-rc));
		if (mprotect(base - GMEM_PAGE_SIZE, GMEM_PAGE_SIZE, PROT_NONE) == 0)
			return base;
		spare_free(spare);
	}
	ram_unmap(base, bytes);
	return NULL;
}

int gmem_create(uint64_t bytes, struct gmem **ret_gmem, struct fail *why)
{
	AUTO_FREE struct gmem *gmem = calloc(1, sizeof(*gmem));
	unsigned char *base;
	int rc;

	if (!gmem)
		return fail_errno(why, ENOMEM, "cannot allocate guest memory");
	if (bytes % GMEM_PAGE_SIZE != 0 || bytes < (UINT64_C(1) << 20))
		return fail_set(why, EINVAL,
				"guest memory must be a multiple of 4 KiB and at least 1 MiB");
	base = ram_map(bytes, &gmem->spare);
	if (!base)
		return fail_errno(why, errno, "cannot map %llu MiB of guest memory",
				  (unsigned long long)(bytes >> 20));
	/* a kernel that dumps all is no reason to fail */
	(void)madvise(base, bytes, MADV_DONTDUMP);
	rc = pins_init(&gmem->pins, bytes / GMEM_PAGE_SIZE);
	if (rc < 0) {
		spare_free(&gmem->spare);
		ram_unmap(base, bytes);
		return fail_errno(why, -rc, "cannot allocate guest memory");
	}
	discard_queue_init(&gmem->discards, base, &gmem->pins);
	gmem_huge_init(&gmem->huge, base, bytes);
	gmem->base = base;
	gmem->bytes = bytes;
	regions_lay_out(gmem);
	rc = gmem_dirty_init(&gmem->dirty, gmem);
	if (rc < 0) {
		gmem_free(TAKE(gmem));
		return fail_errno(why, -rc, "cannot allocate guest memory");
	}
	*ret_gmem = TAKE(gmem);
	return 0;
}

void gmem_free(struct gmem *gmem)
{
	if (!gmem)
		return;
	gmem_dirty_done(&gmem->dirty);
	discard_queue_done(&gmem->discards);
	pins_done(&gmem->pins);
	spare_free(&gmem->spare);
	ram_unmap(gmem->base, gmem->bytes);
	free(gmem);
}

uint64_t gmem_bytes(const struct gmem *gmem)
{
	return gmem->bytes;
}

void *gmem_base(const struct gmem *gmem)
{
	return gmem->base;
}

size_t gmem_regions(const struct gmem *gmem, struct gmem_region ret_regions[GMEM_MAX_REGIONS])
{
	memcpy(ret_regions, gmem->regions, sizeof(gmem->regions));
	return gmem->region_count;
}

static unsigned char *span_find(const struct gmem *gmem, uint64_t gpa, size_t length)
{
	for (size_t i = 0; i < gmem->region_count; i++) {
		const struct gmem_region *region = &gmem->regions[i];
		uint64_t inside = gpa - region->gpa;

		if (gpa >= region->gpa && inside <= region->bytes &&
		    length <= region->bytes - inside)
			return gmem->base + region->offset + inside;
	}
	return NULL;
}

int gmem_read(const struct gmem *gmem, uint64_t gpa, void *to, size_t length)
{
	const unsigned char *from = span_find(gmem, gpa, length);

	if (!from)
		return -EFAULT;
	memcpy(to, from, length);
	return 0;
}

int gmem_write(struct gmem *gmem, uint64_t gpa, const void *from, size_t length)
{
	unsigned char *to = span_find(gmem, gpa, length);

	if (!to)
		return -EFAULT;
	memcpy(to, from, length);
	gmem_dirty_mark(&gmem->dirty, (uint64_t)(to - gmem->base), length);
	return 0;
}

void *gmem_span(struct gmem *gmem, uint64_t gpa, size_t length)
{
	return span_find(gmem, gpa, length);
}

int gmem_page_of(const struct gmem *gmem, uint64_t gpa, uint64_t pages, uint64_t *ret_first)
{
	const unsigned char *start;

	if (gpa % GMEM_PAGE_SIZE != 0 || pages > gmem->bytes / GMEM_PAGE_SIZE)
		return -EFAULT;
	start = span_find(gmem, gpa, pages * GMEM_PAGE_SIZE);
	if (!start)
		return -EFAULT;
	*ret_first = (uint64_t)(start - gmem->base) / GMEM_PAGE_SIZE;
	return 0;
}

void gmem_mark_written(struct gmem *gmem, const void *address, size_t length)
{
	uint64_t offset = (uint64_t)((uintptr_t)address - (uintptr_t)gmem->base);

	if (offset <= gmem->bytes && length <= gmem->bytes - offset)
		gmem_dirty_mark(&gmem->dirty, offset, length);
}

/* Pins */

/* The pages that a range of host addresses touches. */
static int pages_touched(const struct gmem *gmem, const void *address, size_t length,
			 uint64_t *ret_first, uint64_t *ret_count)
{
	uint64_t offset = (uint64_t)((uintptr_t)address - (uintptr_t)gmem->base);

	if (offset > gmem->bytes || length > gmem->bytes - offset)
		return -EFAULT;
	*ret_first = offset / GMEM_PAGE_SIZE;
	*ret_count = length == 0 ? 0 : (offset + length - 1) / GMEM_PAGE_SIZE - *ret_first + 1;
	return 0;
}

int gmem_pin(struct gmem *gmem, const void *address, size_t length)
{
	uint64_t first, count;
	int rc = pages_touched(gmem, address, length, &first, &count);

	return rc < 0 ? rc : pins_take(&gmem->pins, first, count);
}

void gmem_unpin(struct gmem *gmem, const void *address, size_t length)
{
	uint64_t first, count;

	if (pages_touched(gmem, address, length, &first, &count) < 0)
		return;
	gmem_dirty_mark(&gmem->dirty, first * GMEM_PAGE_SIZE, count * GMEM_PAGE_SIZE);
	pins_give(&gmem->pins, first, count);
}

struct pins *gmem_pins(struct gmem *gmem)
{
	return &gmem->pins;
}

struct discard_queue *gmem_discards(struct gmem *gmem)
{
	return &gmem->discards;
}

struct gmem_dirty *gmem_dirty(struct gmem *gmem)
{
	return &gmem->dirty;
}

struct gmem_huge *gmem_huge(struct gmem *gmem)
{
	return &gmem->huge;
}

struct spare *gmem_spare(struct gmem *gmem)
{
	return &gmem->spare;
}

/* Images */

static int extent_read(struct gmem *gmem, int fd, uint64_t offset, uint64_t end, const char *path,
		       struct fail *why)
{
	while (offset < end) {
		ssize_t n = pread(fd, gmem->base + offset, end - offset, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(why, errno, "cannot read RAM image '%s'", path);
		if (n == 0)
			return fail_set(why, EIO, "RAM image '%s' shrank while it was read", path);
		offset += (uint64_t)n;
	}
	return 0;
}

/* Reads [offset, end) of the file to the same place of the mapping, which is pinned. */
static int extent_load(struct gmem *gmem, int fd, uint64_t offset, uint64_t end, const char *path,
		       struct fail *why)
{
	int rc = gmem_pin(gmem, gmem->base + offset, end - offset);

	if (rc < 0)
		return fail_errno(why, -rc, "cannot read RAM image '%s'", path);
	rc = extent_read(gmem, fd, offset, end, path, why);
	gmem_unpin(gmem, gmem->base + offset, end - offset);
	return rc;
}

int gmem_load_image(struct gmem *gmem, int fd, const char *path, struct fail *why)
{
	off_t size = lseek(fd, 0, SEEK_END), data = 0;

	if (size < 0)
		return fail_errno(why, errno, "cannot use '%s' as a RAM image", path);
	if ((uint64_t)size > gmem->bytes)
		return fail_set(why, EFBIG,
				"RAM image '%s' has %llu MiB, the guest only %llu MiB: raise --mem",
				path, (unsigned long long)size >> 20,
				(unsigned long long)gmem->bytes >> 20);
	while (data < size) {
		off_t hole;
		int rc;

		data = lseek(fd, data, SEEK_DATA);
		if (data < 0 && errno == ENXIO) /* nothing but a hole from here on */
			break;
		hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return fail_errno(why, errno, "cannot read RAM image '%s'", path);
		if (hole > size) /* it grew meanwhile */
			hole = size;
		rc = extent_load(gmem, fd, (uint64_t)data, (uint64_t)hole, path, why);
		if (rc < 0)
			return rc;
		data = hole;
	}
	return 0;
}

_Static_assert(GMEM_PAGE_SIZE == PAGE_BYTES, "page_is_zero() looks at a whole page");

/* What is known about a chunk of pages without touching them. */
struct chunk {
	uint64_t pagemap[CHUNK_PAGES];
	unsigned char resident[CHUNK_PAGES];
};

static int chunk_look(const struct gmem *gmem, int pagemap_fd, uint64_t offset, size_t pages,
		      struct chunk *chunk)
{
	unsigned char *start = gmem->base + offset;
	off_t at = (off_t)((uintptr_t)start / GMEM_PAGE_SIZE * sizeof(uint64_t));
	ssize_t want = (ssize_t)(pages * sizeof(uint64_t));

	if (pread(pagemap_fd, chunk->pagemap, (size_t)want, at) != want)
		return -EIO;
	if (mincore(start, pages * GMEM_PAGE_SIZE, chunk->resident) < 0)
		return -errno;
	return 0;
}

/*
 * A frame of the store that is swapped out is neither in pagemap nor in mincore():
 * it would pass for a hole. So what lies over the store is read in first.
 */
static int store_read_in(const struct gmem *gmem)
{
	uintptr_t base = (uintptr_t)gmem->base, end = base + gmem->bytes;
	unsigned long first, last, inode;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");
	int rc = maps ? 0 : -errno;

	while (rc == 0 && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %*s %*s %lu", &first, &last, &inode) != 3 ||
		    inode == 0 || first < base || last > end)
			continue;
		if (madvise((void *)first, last - first, MADV_POPULATE_READ) < 0)
			rc = -errno;
	}
	if (maps)
		fclose(maps);
	return rc;
}

/*
 * pagemap knows pages of our own, in memory or in swap. A frame of the store that
 * nobody has touched since it was mapped has no entry there: mincore() knows it.
 */
static bool page_is_backed(const struct chunk *chunk, size_t page)
{
	return (chunk->pagemap[page] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) ||
	       (chunk->resident[page] & 1);
}

static int run_write(int fd, const unsigned char *from, size_t length, uint64_t offset,
		     const char *path, struct fail *why)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, from, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_errno(why, n < 0 ? errno : EIO, "cannot write RAM image '%s'",
					  path);
		from += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static int chunk_dump(const struct gmem *gmem, const struct chunk *chunk, uint64_t offset,
		      size_t pages, int fd, const char *path, struct fail *why)
{
	const unsigned char *start = gmem->base + offset;
	size_t run = 0; /* pages to write that end before page i */

	for (size_t i = 0; i <= pages; i++) {
		int rc;

		if (i < pages && page_is_backed(chunk, i) &&
		    !page_is_zero(start + i * GMEM_PAGE_SIZE)) {
			run++;
			continue;
		}
		if (run == 0)
			continue;
		rc = run_write(fd, start + (i - run) * GMEM_PAGE_SIZE, run * GMEM_PAGE_SIZE,
			       offset + (i - run) * GMEM_PAGE_SIZE, path, why);
		if (rc < 0)
			return rc;
		run = 0;
	}
	return 0;
}

int gmem_dump_image(const struct gmem *gmem, int fd, const char *path, struct fail *why)
{
	AUTO_FREE struct chunk *chunk = malloc(sizeof(*chunk));
	AUTO_CLOSE int pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int rc;

	if (!chunk)
		return fail_errno(why, ENOMEM, "cannot write RAM image '%s'", path);
	if (pagemap_fd < 0)
		return fail_errno(why, errno, "cannot open /proc/self/pagemap");
	rc = store_read_in(gmem);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot read the memory that is shared");
	/* to nothing first: what the file held before must not show through a hole */
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)gmem->bytes) < 0)
		return fail_errno(why, errno, "cannot write RAM image '%s'", path);
	for (uint64_t offset = 0; offset < gmem->bytes;) {
		size_t pages = (size_t)((gmem->bytes - offset) / GMEM_PAGE_SIZE);

		if (pages > CHUNK_PAGES)
			pages = CHUNK_PAGES;
		rc = chunk_look(gmem, pagemap_fd, offset, pages, chunk);
		if (rc < 0)
			return fail_errno(why, -rc, "cannot see which guest pages are populated");
		rc = chunk_dump(gmem, chunk, offset, pages, fd, path, why);
		if (rc < 0)
			return rc;
		offset += pages * GMEM_PAGE_SIZE;
	}
	return 0;
}
