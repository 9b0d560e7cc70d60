/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_remap.c - holds, shares and discards pages of guest memory, on a real kernel
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
 *	DONTNEED over the store would	discarding there maps fresh anonymous memory
 *	bring the frame back
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
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "dedup/digest.h"
#include "vmm/pagemap.h"

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

static int remap_hold(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct remap *remap = context;
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

static int remap_read_frames(void *context, uint32_t frame, uint32_t count, void *ret_bytes)
{
	const struct remap *remap = context;
	ssize_t n = pread(remap->store_fd, ret_bytes, length_of(count), (off_t)frame * PAGE_BYTES);

	if (n < 0)
		return -errno;
	return (size_t)n == length_of(count) ? 0 : -EIO;
}

static bool is_mapped(void *address, size_t length)
{
	return msync(address, length, MS_ASYNC) == 0 || errno != ENOMEM;
}

/*
 * mmap() checks all its limits before it unmaps what was there, so a failure leaves
 * the pages as they were, unless the kernel itself ran out of memory half-way. Then
 * there is a hole in guest RAM, which only this same mapping can fill: a guest must
 * not go on without its memory.
 */
static int map_over(void *address, size_t length, int flags, int fd, off_t offset)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };

	for (int tries = 0; tries < 1000; tries++) {
		int error;

		if (mmap(address, length, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | flags, fd, offset) == address)
			return 0;
		error = errno;
		if (is_mapped(address, length))
			return -error;
		nanosleep(&moment, NULL);
	}
	log_error("the host has no memory to map guest RAM: ending the guest");
	abort();
}

static int remap_share(void *context, uint32_t first, uint32_t count, uint32_t frame)
{
	struct remap *remap = context;

	return map_over(page_address(remap, first), length_of(count), 0, remap->store_fd,
			(off_t)frame * PAGE_BYTES);
}

static int remap_discard(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct remap *remap = context;
	void *address = page_address(remap, first);
	size_t length = length_of(count);
	int rc;

	if (!over_store)
		return madvise(address, length, MADV_DONTNEED) < 0 ? -errno : 0;
	rc = map_over(address, length, MAP_ANONYMOUS, -1, 0);
	if (rc < 0)
		return rc;
	/* as gmem_create() did; where one of these fails, the page just stays unshared */
	(void)madvise(address, length, MADV_NOHUGEPAGE);
	(void)madvise(address, length, MADV_DONTDUMP);
	if (uffd_register(&remap->uffd, address, length) < 0)
		log_debug("page %u: fresh memory is not registered", first);
	return 0;
}

static void remap_wake(void *context, uint32_t first, uint32_t count)
{
	struct remap *remap = context;

	uffd_wake(&remap->uffd, page_address(remap, first), length_of(count));
}

const struct memory_ops remap_ops = {
	.look = remap_look,
	.hold = remap_hold,
	.read_frames = remap_read_frames,
	.share = remap_share,
	.discard = remap_discard,
	.unhold = remap_unhold,
	.wake = remap_wake,
};

int remap_init(struct remap *remap, void *base, uint64_t bytes, bool plain_kernel, struct fail *why)
{
	int rc;

	*remap = (struct remap){ .base = base, .bytes = bytes, .pagemap_fd = -1, .store_fd = -1 };
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

void remap_done(struct remap *remap)
{
	uffd_close(&remap->uffd);
	if (remap->pagemap_fd >= 0)
		close(remap->pagemap_fd);
	if (remap->store_fd >= 0)
		close(remap->store_fd);
	remap->pagemap_fd = remap->store_fd = -1;
}

void remap_set_store(struct remap *remap, int store_fd)
{
	if (remap->store_fd >= 0)
		close(remap->store_fd);
	remap->store_fd = store_fd;
}
