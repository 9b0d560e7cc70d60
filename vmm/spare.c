/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spare.c - anonymous memory that joins guest RAM as if it had always been there
 *
 * Theory of operation
 *
 * What is mapped from the store in the midst of guest RAM is to become anonymous memory again,
 * with its bytes, while the guest reads them. Memory that is mapped there afresh would read as
 * zero until it is filled. So it is filled elsewhere and moved there: mremap() exchanges the
 * mapping while whoever wants to read waits for a lock.
 *
 * But the kernel joins neighbours of anonymous memory only where two things fit: the offset,
 * which is an address that memory got when it was first touched and keeps when it is moved; and
 * the list through which the kernel finds who maps a page (anon_vma), which memory has from its
 * first touch, or from the neighbours it had then. Memory that comes from elsewhere fits in
 * neither, and would remain a mapping of its own for ever.
 *
 * Spare memory fits in both, since it was guest RAM once:
 *
 *	touch the page before guest RAM		all of that mapping gets its list
 *	move that page away, but leave the	a second mapping, with this list, and with
 *	mapping there (MREMAP_DONTUNMAP)	the offset that it had in guest RAM
 *	enlarge the second one			the offsets go on as those of guest RAM do
 *
 * A part that is to be put over guest RAM is moved away the same way, so that the spare stays
 * whole.
 * Nothing of guest RAM is touched for it, not even the page tables: else the first 2 MiB
 * could not be a huge page any more.
 */
#include "vmm/spare.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/race.h"
#include "dedup/digest.h"
#include "vmm/map_over.h"

#define NO_WISH ((void *)NULL)

/* Newer than the headers of some C libraries. */
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

int spare_create(struct spare *spare, unsigned char *ram, uint64_t bytes)
{
	unsigned char *front = ram - PAGE_BYTES, *seed, *area;

	*(volatile unsigned char *)front = 1;
	seed = mremap(front, PAGE_BYTES, PAGE_BYTES, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NO_WISH);
	if (seed == MAP_FAILED)
		return -errno;
	area = mremap(seed, PAGE_BYTES, bytes + PAGE_BYTES, MREMAP_MAYMOVE);
	if (area == MAP_FAILED) {
		int error = errno;

		munmap(seed, PAGE_BYTES);
		return -error;
	}
	*spare = (struct spare){ .base = area + PAGE_BYTES, .bytes = bytes };
	(void)madvise(area, bytes + PAGE_BYTES, MADV_DONTNEED);
	(void)madvise(area, bytes + PAGE_BYTES, MADV_DONTDUMP);
	(void)madvise(area, bytes + PAGE_BYTES, MADV_NOHUGEPAGE);
	return 0;
}

void spare_free(struct spare *spare)
{
	if (spare->base)
		munmap(spare->base - PAGE_BYTES, spare->bytes + PAGE_BYTES);
	spare->base = NULL;
}

static int part_clear(struct spare *spare, uint64_t offset, uint64_t length)
{
	int rc = madvise(spare->base + offset, length, MADV_DONTNEED) < 0 ? -errno : 0;

	spare->is_soiled |= rc < 0;
	return rc;
}

/* What fails here fails before anybody waits for it, and without a signal. */
static int part_fill(struct spare *spare, uint64_t offset, size_t length,
		     const unsigned char *bytes)
{
	if (madvise(spare->base + offset, length, MADV_POPULATE_WRITE) < 0)
		return -errno;
	memcpy(spare->base + offset, bytes, length);
	return 0;
}

/*
 * Not straight over guest RAM: whether the process may have another mapping the kernel finds out
 * only after it has unmapped what is there.
 */
static int part_move(const struct spare *spare, void *to, uint64_t offset, size_t length)
{
	void *aside = mremap(spare->base + offset, length, length,
			     MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NO_WISH);
	int rc;

	if (aside == MAP_FAILED)
		return -errno;
	rc = move_over(to, length, aside);
	if (rc < 0)
		munmap(aside, length);
	return rc;
}

int spare_put(struct spare *spare, unsigned char *ram, uint64_t offset, size_t length,
	      const unsigned char *bytes)
{
	int rc = 0;
	RACES_WITH_GUEST;

	if (bytes) {
		rc = part_fill(spare, offset, length, bytes);
	} else if (spare->is_soiled) {
		rc = part_clear(spare, 0, spare->bytes);
		spare->is_soiled = rc < 0;
	}
	if (rc == 0)
		rc = part_move(spare, ram + offset, offset, length);
	if (rc < 0 && bytes && part_clear(spare, offset, length) < 0)
		log_debug("spare memory could not be cleared");
	return rc;
}
