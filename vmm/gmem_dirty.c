/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_dirty.c - which pages of guest memory were written to, by whomever
 *
 * The log is switched on by the first pass that asks, not before: while a guest boots, KVM
 * maps its memory with huge pages where it can, and nothing has to be write-protected. From
 * the moment it is on all pages count as written.
 *
 * KVM's bits stay set until a page is watched. The marks are taken with each question, so
 * whoever asks keeps what was told.
 */
#include "vmm/gmem_dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "vmm/memslots.h"

#define WORD_PAGES 64u
#define WORD_BYTES (WORD_PAGES * GMEM_PAGE_SIZE)

static size_t marks_size(const struct gmem *gmem)
{
	struct gmem_region regions[GMEM_MAX_REGIONS];
	const struct gmem_region *last = &regions[gmem_regions(gmem, regions) - 1];

	return ((last->gpa + last->bytes) / WORD_BYTES + 1) * sizeof(uint64_t);
}

int gmem_dirty_init(struct gmem_dirty *dirty, const struct gmem *gmem)
{
	size_t bytes = marks_size(gmem);
	void *marks = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (marks == MAP_FAILED)
		return -errno;
	/* one mark must not cost a huge page of them */
	(void)madvise(marks, bytes, MADV_NOHUGEPAGE);
	*dirty = (struct gmem_dirty){
		.gmem = gmem, .marks = marks, .marks_bytes = bytes, .vm_fd = -1
	};
	pthread_mutex_init(&dirty->lock, NULL);
	return 0;
}

void gmem_dirty_done(struct gmem_dirty *dirty)
{
	if (!dirty->gmem)
		return;
	munmap(dirty->marks, dirty->marks_bytes);
	free(dirty->words);
	pthread_mutex_destroy(&dirty->lock);
	dirty->gmem = NULL;
}

static void set_vm(struct gmem_dirty *dirty, int vm_fd)
{
	pthread_mutex_lock(&dirty->lock);
	dirty->vm_fd = vm_fd;
	dirty->logs = dirty->has_lost = false;
	pthread_mutex_unlock(&dirty->lock);
}

void gmem_dirty_begin_vm(struct gmem_dirty *dirty, int vm_fd)
{
	set_vm(dirty, vm_fd);
}

void gmem_dirty_end_vm(struct gmem_dirty *dirty)
{
	set_vm(dirty, -1);
}

void gmem_dirty_want(struct gmem_dirty *dirty)
{
	atomic_store(&dirty->is_wanted, true);
}

bool gmem_dirty_is_wanted(const struct gmem_dirty *dirty)
{
	return atomic_load_explicit(&dirty->is_wanted, memory_order_relaxed);
}

/* The kernel keeps two bits a page. */
bool gmem_dirty_is_on(struct gmem_dirty *dirty)
{
	bool logs;

	pthread_mutex_lock(&dirty->lock);
	logs = dirty->logs;
	pthread_mutex_unlock(&dirty->lock);
	return logs;
}

uint64_t gmem_dirty_memory_bytes(struct gmem_dirty *dirty)
{
	return gmem_dirty_is_on(dirty) ? 3 * gmem_bytes(dirty->gmem) / GMEM_PAGE_SIZE / 8 : 0;
}

void *gmem_dirty_marks(struct gmem_dirty *dirty)
{
	return dirty->marks;
}

/* Marks */

static uint64_t gpa_of(const struct gmem *gmem, uint64_t offset)
{
	struct gmem_region regions[GMEM_MAX_REGIONS];
	size_t last = gmem_regions(gmem, regions) - 1;

	while (last > 0 && offset < regions[last].offset)
		last--;
	return regions[last].gpa + (offset - regions[last].offset);
}

void gmem_dirty_mark(struct gmem_dirty *dirty, uint64_t offset, size_t length)
{
	uint64_t gpa = gpa_of(dirty->gmem, offset), page = gpa / GMEM_PAGE_SIZE;
	uint64_t end = (gpa + length + GMEM_PAGE_SIZE - 1) / GMEM_PAGE_SIZE;

	if (!gmem_dirty_is_wanted(dirty))
		return;
	while (length > 0 && page < end) {
		uint64_t from = page % WORD_PAGES, n = WORD_PAGES - from;

		n = n < end - page ? n : end - page;
		/* also orders the mark behind the write, and before what the guest is told */
		atomic_fetch_or(&dirty->marks[page / WORD_PAGES],
				(n < WORD_PAGES ? (UINT64_C(1) << n) - 1 : UINT64_MAX) << from);
		page += n;
	}
}

/* Every region begins at a multiple of a word's pages, in the mapping as for the guest. */
static void marks_take(struct gmem_dirty *dirty, const struct gmem_region *region, uint64_t *bits)
{
	atomic_uint_fast64_t *marks = dirty->marks + region->gpa / WORD_BYTES;
	uint64_t words = (region->bytes + WORD_BYTES - 1) / WORD_BYTES;

	bits += region->offset / WORD_BYTES;
	for (uint64_t i = 0; i < words; i++)
		if (atomic_load_explicit(&marks[i], memory_order_relaxed) != 0)
			bits[i] |= atomic_exchange(&marks[i], 0);
}

/* KVM's log */

static int log_begin(struct gmem_dirty *dirty)
{
	int rc;

	if (!dirty->words)
		dirty->words =
			malloc((gmem_bytes(dirty->gmem) / WORD_BYTES + 1) * sizeof(uint64_t));
	if (!dirty->words)
		return -ENOMEM;
	rc = memslots_set(dirty->vm_fd, dirty->gmem, true);
	if (rc < 0) {
		log_debug("KVM does not log writes: %s", strerror(-rc));
		/* a log of one slot alone would cost its huge pages, for nothing */
		if (memslots_set(dirty->vm_fd, dirty->gmem, false) < 0)
			log_debug("KVM goes on logging writes");
		dirty->vm_fd = -1; /* of this VM nothing more is asked */
		return -ENOTSUP;
	}
	dirty->logs = true;
	return 0;
}

static int log_read(struct gmem_dirty *dirty, uint32_t slot, const struct gmem_region *region,
		    uint64_t *bits)
{
	uint64_t words = (region->bytes + WORD_BYTES - 1) / WORD_BYTES;
	int rc = memslots_read_log(dirty->vm_fd, slot, dirty->words);

	bits += region->offset / WORD_BYTES;
	for (uint64_t i = 0; rc == 0 && i < words; i++)
		bits[i] |= dirty->words[i];
	return rc;
}

static int log_fetch(struct gmem_dirty *dirty, uint64_t *bits)
{
	struct gmem_region regions[GMEM_MAX_REGIONS];
	size_t count = gmem_regions(dirty->gmem, regions);
	bool all = dirty->has_lost;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		rc = log_read(dirty, i, &regions[i], bits);
		marks_take(dirty, &regions[i], bits);
	}
	dirty->has_lost = rc < 0;
	if (rc == 0 && all)
		memset(bits, 0xff,
		       (gmem_bytes(dirty->gmem) + WORD_BYTES - 1) / WORD_BYTES * sizeof(*bits));
	return rc;
}

int gmem_dirty_written(struct gmem_dirty *dirty, bool begin, uint64_t *bits)
{
	int rc;

	pthread_mutex_lock(&dirty->lock);
	if (dirty->vm_fd < 0)
		rc = -ENOTSUP;
	else if (!dirty->logs && !begin)
		rc = -EAGAIN;
	else
		rc = dirty->logs ? 0 : log_begin(dirty);
	if (rc == 0)
		rc = log_fetch(dirty, bits);
	pthread_mutex_unlock(&dirty->lock);
	return rc;
}

/* The part of [first, first + count) that lies in the region. */
static int region_watch(struct gmem_dirty *dirty, uint32_t slot, const struct gmem_region *region,
			uint64_t first, uint64_t count, const uint64_t *bits)
{
	uint64_t begin = region->offset / GMEM_PAGE_SIZE;
	uint64_t end = begin + region->bytes / GMEM_PAGE_SIZE;
	uint64_t from = first > begin ? first : begin;
	uint64_t to = first + count < end ? first + count : end;

	if (from >= to)
		return 0;
	return memslots_clear_log(dirty->vm_fd, slot, from - begin, (uint32_t)(to - from),
				  bits + (from - first) / WORD_PAGES);
}

int gmem_dirty_watch(struct gmem_dirty *dirty, uint32_t first, uint32_t count, const uint64_t *bits)
{
	struct gmem_region regions[GMEM_MAX_REGIONS];
	size_t slots = gmem_regions(dirty->gmem, regions);
	int rc = 0;

	pthread_mutex_lock(&dirty->lock);
	if (!dirty->logs)
		rc = -EAGAIN;
	for (uint32_t i = 0; rc == 0 && i < slots; i++)
		rc = region_watch(dirty, i, &regions[i], first, count, bits);
	dirty->has_lost = dirty->has_lost || rc < 0;
	pthread_mutex_unlock(&dirty->lock);
	return rc;
}
