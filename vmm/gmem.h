/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem.h - guest memory: the one bounded way to touch it
 *
 * Guest RAM is one private anonymous mapping of the VMM, cut into one region
 * below the 32-bit hole and, where RAM is larger, one from 4 GiB on. Page numbers
 * (for the dedup engine) count from the start of the mapping and have no holes;
 * guest physical addresses (gpa) do.
 *
 * The mapping keeps its place for the life of the gmem; what lies below a page
 * changes when it is shared or discarded. Pages are 4 KiB, and what is below them may
 * be huge pages (gmem_huge.h): the mapping and the regions begin at multiples of 2 MiB,
 * in the process as for the guest, so that both can map one as a whole.
 *
 * Any thread may read and write. A guest writes at the same time: copy a value
 * once, check it, then use it.
 */
#ifndef VMM_GMEM_H
#define VMM_GMEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

#define GMEM_PAGE_SIZE	 UINT64_C(4096)
#define GMEM_HOLE_START	 UINT64_C(0xc0000000) /* 3 GiB: MMIO and ECAM from here */
#define GMEM_HOLE_END	 UINT64_C(0x100000000)
#define GMEM_MAX_REGIONS 2

struct gmem_region {
	uint64_t gpa;	 /* where the guest sees it */
	uint64_t offset; /* in the mapping, bytes */
	uint64_t bytes;
};

struct gmem;
struct pins;
struct discard_queue;
struct gmem_dirty;
struct gmem_huge;
struct spare;

/* bytes: a multiple of the page size, at least 1 MiB. */
CHECKED int gmem_create(uint64_t bytes, struct gmem **ret_gmem, struct fail *why);
void gmem_free(struct gmem *gmem); /* NULL is fine */

uint64_t gmem_bytes(const struct gmem *gmem);
void *gmem_base(const struct gmem *gmem); /* for KVM memslots and the dedup engine only */
size_t gmem_regions(const struct gmem *gmem, struct gmem_region ret_regions[GMEM_MAX_REGIONS]);

/* -EFAULT, and nothing is copied, unless [gpa, gpa + length) is RAM. */
CHECKED int gmem_read(const struct gmem *gmem, uint64_t gpa, void *to, size_t length);
CHECKED int gmem_write(struct gmem *gmem, uint64_t gpa, const void *from, size_t length);

/*
 * The host address of [gpa, gpa + length), for bulk I/O; NULL unless all of it is
 * RAM and lies in one region. The bytes may change under the caller's eyes.
 */
void *gmem_span(struct gmem *gmem, uint64_t gpa, size_t length);

/*
 * These bytes were just written to at a host address (gmem_span()), by us or for us by the
 * kernel: after the write, and before the guest hears of it. What lies outside guest memory
 * is passed over. Any thread. Needed for all but what KVM writes, gmem_write(), and what
 * was pinned; gmem_dirty.h says why.
 */
void gmem_mark_written(struct gmem *gmem, const void *address, size_t length);

/*
 * The number of the page at gpa, for gmem_discard(); -EFAULT unless gpa is aligned and
 * all of these pages are RAM of one region.
 */
CHECKED int gmem_page_of(const struct gmem *gmem, uint64_t gpa, uint64_t pages,
			 uint64_t *ret_first);

/*
 * Around I/O that writes to guest memory at a host address (gmem_span()) and may take
 * the page instead of copying to it: io_uring, O_DIRECT, aio. The pages that the range
 * touches stay where they are from gmem_pin() to gmem_unpin() of the same range. Pins
 * add up. May wait for microseconds; gmem_pins.h has the protocol. -EFAULT: not all of
 * it is guest memory; -EBUSY: a page has PINS_MAX pins already; then nothing is pinned.
 */
CHECKED int gmem_pin(struct gmem *gmem, const void *address, size_t length);
void gmem_unpin(struct gmem *gmem, const void *address, size_t length);

/* For those who change what lies below pages: the dedup thread and gmem_discard(). */
struct pins *gmem_pins(struct gmem *gmem);
struct discard_queue *gmem_discards(struct gmem *gmem);
struct gmem_dirty *gmem_dirty(struct gmem *gmem);
struct gmem_huge *gmem_huge(struct gmem *gmem);
struct spare *gmem_spare(struct gmem *gmem);

/*
 * Fills RAM from a raw image (offset in file = offset in mapping), skipping holes;
 * the file may be shorter than RAM, but not longer.
 */
CHECKED int gmem_load_image(struct gmem *gmem, int fd, const char *path, struct fail *why);

/*
 * Writes such an image, with holes for zero and unpopulated pages. The caller has
 * paused the guest.
 */
CHECKED int gmem_dump_image(const struct gmem *gmem, int fd, const char *path, struct fail *why);

#endif
