/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memslots.h - guest memory as KVM knows it, and which of it the guest writes to
 *
 * One memslot a region of guest memory, numbered as gmem_regions() does. KVM's dirty log
 * has one bit a page. With manual protection (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) to read
 * it changes nothing, and to clear it is done for just those pages that are looked at: only
 * their next write costs the guest a fault. Documentation/virt/kvm/api.rst, 4.8, 4.117.
 *
 * What writes to guest memory past KVM is not in the log: gmem_dirty.h.
 */
#ifndef VMM_MEMSLOTS_H
#define VMM_MEMSLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "vmm/gmem.h"

/*
 * Sets all slots of a new VM, or changes whether they have a log, which waits for a grace
 * period of the kernel's. A log begins with all pages written. -errno.
 */
CHECKED int memslots_set(int vm_fd, const struct gmem *gmem, bool has_log);

/* Once, before there are slots: says how the log is to work. -ENOTSUP: this KVM can't. */
CHECKED int memslots_prepare_log(int kvm_fd, int vm_fd);

/* The whole log of one slot: the lowest bit of the first word is its first page. */
CHECKED int memslots_read_log(int vm_fd, uint32_t slot, uint64_t *ret_bits);

/*
 * The pages whose bits are set count as not written from now on. first: a page of the slot, a
 * multiple of 64, as count is but at the slot's end.
 */
CHECKED int memslots_clear_log(int vm_fd, uint32_t slot, uint64_t first, uint32_t count,
			       const uint64_t *bits);

#endif
