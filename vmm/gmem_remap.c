/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_remap.c - holds, shares, restores and discards pages of guest memory, on a real kernel
 *
 * Theory of operation
 *
 * Guest RAM is registered with userfaultfd once, as a whole. Holding is
 * UFFDIO_WRITEPROTECT: every writer, KVM's and our devices' included, sleeps in its
 * page fault. Sharing is mmap(MAP_FIXED | MAP_PRIVATE) of the store over the pages;
 * the kernel's MMU notifier takes them from the guest, whose next access finds the
 * frame, read-only. The wake sends the sleepers back to fault again, on what is
 * mapped there by then.
 *
 * What the kernel does on the way, and what is done about it:
 *
 *	mmap drops the registration	pages over the store are registered again before
 *					they are held, and unregistered when let go, so
 *					that they don't stay a mapping of their own
 *	mmap does not wake		remap_wake() on the whole run, by merge.c
 *	protecting a page that is not	without WP_UNPOPULATED (before 6.4) pagemap must
 *	there does nothing		show every page protected, or it is not held
 *	a range over two mappings is	any error is "not held"; merge.c cuts runs at
 *	refused before 6.3		mappings' ends
 *	data from a disk goes to the	a page that a device has pinned is neither held nor
 *	memory that the page had before	dropped; others are claimed meanwhile (gmem_pins.h)
 *	DONTNEED over the store would	discarding there maps fresh anonymous memory
 *	bring the frame back
 *	memory that is to keep its bytes is filled elsewhere, and moved there (spare.h)
 *	would read as zero meanwhile
 *	a frame that the kernel moves	pagemap calls it swapped, and of a file: that is
 *	(compaction) looks swapped	not broken (pagemap.c)
 *	mmap fails after it has		map_over() looks, and tries until the hole is
 *	unmapped (kernel out of memory)	filled
 */
#include "vmm/gmem_remap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "dedup/digest.h"
#include "dedup/huge.h"
#include "vmm/gmem_huge.h"
#include "vmm/map_over.h"
#include "vmm/pagemap.h"

#define FRAMES_READ_MAX 16384u /* between two times of forgetting: 64 MiB */

static void *page_address(const struct remap *remap, uint32_t page)
{
	return remap->base + (uint64_t)page * PAGE_BYTES;
}

static size_t length_of(uint32_t count)
{
	return (size_t)count * PAGE_BYTES;
}

static int remap_look(void *context, uint32_t first, uint32_t count, uint8_t *ret_looks)
{
	const struct remap *remap = context;

	return pagemap_look(remap->pagemap_fd, page_address(remap, first), count, ret_looks);
}

/* Frames that were read stay in this process's page tables, and in its PSS, until then. */
static void frames_forget(struct remap *remap)
{
	if (remap->frames_read > 0)
		(void)madvise((void *)(uintptr_t)remap->frames, length_of(remap->frame_count),
			      MADV_DONTNEED);
	remap->frames_read = 0;
}

/* Called between passes and for a report: so frames are mapped only while merging goes on. */
static int remap_written(void *context, int begin, uint64_t *bits)
{
	struct remap *remap = context;

	frames_forget(remap);
	return remap->dirty ? gmem_dirty_written(remap->dirty, begin, bits) : -ENOTSUP;
}

static int remap_watch(void *context, uint32_t first, uint32_t count, const uint64_t *bits)
{
	const struct remap *remap = context;

	return gmem_dirty_watch(remap->dirty, first, count, bits);
}

static void remap_unhold(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct remap *remap = context;

	uffd_unprotect(&remap->uffd, page_address(remap, first), length_of(count));
	if (over_store)
		uffd_unregister(&remap->uffd, page_address(remap, first), length_of(count));
}

/* Old kernels say yes to protecting what is not there. */
static int verify_protection(const struct remap *remap, void *address, uint32_t count)
{
	bool is_protected = true;
	int rc = 0;

	if (!remap->uffd.protects_unpopulated)
		rc = pagemap_is_protected(remap->pagemap_fd, address, count, &is_protected);
	return rc < 0 ? rc : is_protected ? 0 : -EAGAIN;
}

static int range_protect(struct remap *remap, uint32_t first, uint32_t count, int over_store)
{
	void *address = page_address(remap, first);
	int rc = over_store ? uffd_register(&remap->uffd, address, length_of(count)) : 0;

	if (rc < 0)
		return rc;
	rc = uffd_protect(&remap->uffd, address, length_of(count));
	if (rc == 0)
		rc = verify_protection(remap, address, count);
	if (rc < 0)
		remap_unhold(remap, first, count, over_store);
	return rc;
}

/* Claimed from here to the wake, whatever is done with the pages between. */
static int remap_hold(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct remap *remap = context;
	uint64_t claimed = pins_claim(remap->pins, first, count);
	int rc = claimed == count ? range_protect(remap, first, count, over_store) : -EBUSY;

	if (rc < 0)
		pins_unclaim(remap->pins, first, claimed);
	return rc;
}

/*
 * Through a mapping: the kernel maps neighbours of a page along with it, so that most
 * frames cost no call. Their number can't go beyond the store's end, which only the broker could
 * move.
 */
static const uint8_t *remap_frames(void *context, uint32_t frame, uint32_t count)
{
	struct remap *remap = context;
	const volatile uint8_t *bytes;

	if (!remap->frames || frame >= remap->frame_count || count > remap->frame_count - frame)
		return NULL;
	if (remap->frames_read > FRAMES_READ_MAX)
		frames_forget(remap);
	remap->frames_read += count;
	bytes = remap->frames + (size_t)frame * PAGE_BYTES;
	for (uint32_t i = 0; i < count; i++)
		(void)bytes[(size_t)i * PAGE_BYTES];
	return remap->frames + (size_t)frame * PAGE_BYTES;
}

static int remap_share(void *context, uint32_t first, uint32_t count, uint32_t frame)
{
	struct remap *remap = context;

	return map_over(page_address(remap, first), length_of(count), 0, remap->store_fd,
			(off_t)frame * PAGE_BYTES);
}

static bool has_spare(const struct remap *remap)
{
	return remap->spare && remap->spare->base;
}

/*
 * Memory that was mapped by small pages becomes huge only where it is mapped anew: with the
 * mapping goes the kernel's table of small pages.
 */
static bool can_become_huge(const struct remap *remap, uint32_t first, uint32_t count)
{
	return gmem_huge_is_on(remap->huge) && first % HUGE_PAGES == 0 && count == HUGE_PAGES;
}

/*
 * Anonymous memory over the pages: with these bytes, or untouched. Once all of it is as that
 * around it, the kernel joins them: advice comes first, then the registration.
 */
static int map_anonymous(const struct remap *remap, uint32_t first, uint32_t count,
			 const unsigned char *bytes)
{
	void *address = page_address(remap, first);
	size_t length = length_of(count);
	/* what is moved brings its table of small pages along: no huge page could come there */
	bool moves = has_spare(remap) && (bytes || !can_become_huge(remap, first, count));
	int rc = moves ? spare_put(remap->spare, remap->base, (uint64_t)first * PAGE_BYTES, length,
				   bytes)
		 : bytes ? -ENOTSUP
			 : map_over(address, length, MAP_ANONYMOUS, -1, 0);

	if (rc < 0)
		return rc;
	/* where one of these fails, the page just stays unshared */
	gmem_huge_advise(remap->huge, address, length);
	(void)madvise(address, length, MADV_DONTDUMP);
	if (uffd_register(&remap->uffd, address, length) < 0)
		log_debug("page %u: fresh memory is not registered", first);
	return 0;
}

static int remap_discard(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct remap *remap = context;

	if (over_store)
		return map_anonymous(remap, first, count, NULL);
	return madvise(page_address(remap, first), length_of(count), MADV_DONTNEED) < 0 ? -errno
											: 0;
}

static int remap_restore(void *context, uint32_t first, uint32_t count)
{
	struct remap *remap = context;

	return map_anonymous(remap, first, count, page_address(remap, first));
}

static void remap_wake(void *context, uint32_t first, uint32_t count)
{
	struct remap *remap = context;

	pins_unclaim(remap->pins, first, count);
	uffd_wake(&remap->uffd, page_address(remap, first), length_of(count));
}

/* As remap_discard(), for a range that may lie over many mappings. */
static int remap_drop(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct remap *remap = context;
	uint32_t claimed = (uint32_t)pins_claim(remap->pins, first, count);
	bool anew = over_store || can_become_huge(remap, first, claimed);
	int rc = claimed > 0 ? remap_discard(remap, first, claimed, anew) : -EBUSY;

	pins_unclaim(remap->pins, first, claimed);
	return rc < 0 ? rc : (int)claimed;
}

static int remap_is_huge(void *context, uint32_t first)
{
	const struct remap *remap = context;

	return pagemap_is_huge(remap->pagemap_fd, page_address(remap, first));
}

/*
 * The kernel makes small pages of a huge one when it is told that just one of them is not
 * in use. Whoever has hold of the memory for I/O keeps it from that.
 */
static int memory_split(const struct remap *remap, uint32_t first, uint32_t page)
{
	if (madvise(page_address(remap, page), PAGE_BYTES, MADV_COLD) < 0)
		return -errno;
	return pagemap_is_huge(remap->pagemap_fd, page_address(remap, first)) > 0 ? -EAGAIN : 0;
}

static int remap_split(void *context, uint32_t page)
{
	struct remap *remap = context;
	uint32_t first = page / HUGE_PAGES * HUGE_PAGES;
	uint64_t claimed = pins_claim(remap->pins, first, HUGE_PAGES);
	int rc = claimed == HUGE_PAGES ? memory_split(remap, first, page) : -EBUSY;

	pins_unclaim(remap->pins, first, claimed);
	return rc;
}

const struct memory_ops remap_ops = {
	.look = remap_look,
	.written = remap_written,
	.watch = remap_watch,
	.hold = remap_hold,
	.frames = remap_frames,
	.share = remap_share,
	.discard = remap_discard,
	.restore = remap_restore,
	.unhold = remap_unhold,
	.wake = remap_wake,
	.drop = remap_drop,
	.is_huge = remap_is_huge,
	.split = remap_split,
};

int remap_init(struct remap *remap, void *base, struct pins *pins, bool plain_kernel,
	       struct fail *why)
{
	uint64_t bytes = pins->pages * PAGE_BYTES;
	int rc;

	*remap = (struct remap){ .base = base, .pins = pins, .pagemap_fd = -1, .store_fd = -1 };
	remap->uffd.fd = -1;
	rc = uffd_open(plain_kernel, &remap->uffd, why);
	if (rc < 0)
		return rc;
	rc = uffd_register(&remap->uffd, base, bytes);
	if (rc < 0) {
		remap_done(remap);
		return fail_errno(why, -rc, "cannot register guest memory with userfaultfd");
	}
	remap->pagemap_fd = pagemap_open();
	if (remap->pagemap_fd < 0) {
		rc = remap->pagemap_fd;
		remap_done(remap);
		return fail_errno(why, -rc, "cannot open /proc/self/pagemap");
	}
	return 0;
}

static void frames_unmap(struct remap *remap)
{
	if (remap->frames)
		munmap((void *)(uintptr_t)remap->frames, length_of(remap->frame_count));
	remap->frames = NULL;
	remap->frame_count = remap->frames_read = 0;
}

/* Without it nothing can be read, and nothing is merged. */
static void frames_map(struct remap *remap)
{
	struct stat st;
	void *frames;

	if (fstat(remap->store_fd, &st) < 0 || (uint64_t)st.st_size / PAGE_BYTES > UINT32_MAX)
		return;
	frames = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_NORESERVE,
		      remap->store_fd, 0);
	if (frames == MAP_FAILED) {
		log_debug("cannot map the store: %s", strerror(errno));
		return;
	}
	(void)madvise(frames, (size_t)st.st_size, MADV_DONTDUMP);
	remap->frames = frames;
	remap->frame_count = (uint32_t)((uint64_t)st.st_size / PAGE_BYTES);
}

void remap_done(struct remap *remap)
{
	frames_unmap(remap);
	uffd_close(&remap->uffd);
	if (remap->pagemap_fd >= 0)
		close(remap->pagemap_fd);
	if (remap->store_fd >= 0)
		close(remap->store_fd);
	remap->pagemap_fd = remap->store_fd = -1;
}

void remap_set_store(struct remap *remap, int store_fd)
{
	frames_unmap(remap);
	if (remap->store_fd >= 0)
		close(remap->store_fd);
	remap->store_fd = store_fd;
	frames_map(remap);
}
