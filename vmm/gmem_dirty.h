/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_dirty.h - which pages of guest memory were written to, by whomever
 *
 * Two sources. KVM's dirty log knows what the guest writes, and what KVM writes for it. Who
 * writes to guest memory past KVM marks it, after the write: our devices when a request of
 * theirs is done, gmem_write(), and the kernel's vhost by itself, which gets the marks as
 * its log. A mark that comes before the write could be taken, and the page looked at,
 * before the write lands.
 *
 * A mark that is forgotten costs no byte, since every merge compares: the page is found
 * when its turn comes to be swept (dedup/due.c). So it is with the buffers that the
 * kernel fills for a virtio-vsock: its vhost marks what it writes to the rings, and not
 * what it writes to the buffers, as the one for networks does.
 *
 * A part of struct gmem. Marks: any thread. Begin and end of a VM: the main thread. The
 * rest: the dedup thread. Memory: one bit a page for the marks, and only where there is
 * one; two more in the kernel and one here once the log is on.
 */
#ifndef VMM_GMEM_DIRTY_H
#define VMM_GMEM_DIRTY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "vmm/gmem.h"

struct gmem_dirty {
	const struct gmem *gmem;     /* borrowed; NULL: not initialised */
	atomic_uint_fast64_t *marks; /* a bit a page, by guest physical address */
	size_t marks_bytes;
	atomic_bool is_wanted;

	pthread_mutex_t lock; /* of all below; a leaf, held while KVM is asked */
	int vm_fd;	      /* borrowed; -1: no VM, or one without a log */
	bool logs;
	bool has_lost;	 /* a request failed: what was told before may be all that there was */
	uint64_t *words; /* room for the log of one slot; NULL: not needed so far */
};

CHECKED int gmem_dirty_init(struct gmem_dirty *dirty, const struct gmem *gmem); /* -ENOMEM */
void gmem_dirty_done(struct gmem_dirty *dirty);

/* Somebody is going to ask; without, nothing is marked. Before any device runs. */
void gmem_dirty_want(struct gmem_dirty *dirty);
bool gmem_dirty_is_wanted(const struct gmem_dirty *dirty);

/* A VM with this memory, whose log is prepared, begins; and ends: before vm_fd is closed. */
void gmem_dirty_begin_vm(struct gmem_dirty *dirty, int vm_fd);
void gmem_dirty_end_vm(struct gmem_dirty *dirty);

/* Bytes [offset, offset + length) of guest memory were just written to. Any thread. */
void gmem_dirty_mark(struct gmem_dirty *dirty, uint64_t offset, size_t length);

/* As memory_ops.written and memory_ops.watch of dedup/memory.h. */
CHECKED int gmem_dirty_written(struct gmem_dirty *dirty, bool begin, uint64_t *bits);
CHECKED int gmem_dirty_watch(struct gmem_dirty *dirty, uint32_t first, uint32_t count,
			     const uint64_t *bits);

/* Whether KVM's log is on: it tells what was written. Any thread. */
bool gmem_dirty_is_on(struct gmem_dirty *dirty);

/* Of the log and of what belongs to it, here and in the kernel. Any thread. */
uint64_t gmem_dirty_memory_bytes(struct gmem_dirty *dirty);

/* Of the marks, as vhost wants it: bit n is the page at guest physical address 4096 * n. */
void *gmem_dirty_marks(struct gmem_dirty *dirty);

#endif
