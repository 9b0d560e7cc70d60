/* SPDX-License-Identifier: Apache-2.0 */
/* memslots.c - guest memory as KVM knows it, and which of it the guest writes to */
#include "vmm/memslots.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

int memslots_set(int vm_fd, const struct gmem *gmem, bool has_log)
{
	struct gmem_region regions[GMEM_MAX_REGIONS];
	size_t count = gmem_regions(gmem, regions);

	for (size_t i = 0; i < count; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = (__u32)i,
			.flags = has_log ? KVM_MEM_LOG_DIRTY_PAGES : 0,
			.guest_phys_addr = regions[i].gpa,
			.memory_size = regions[i].bytes,
			.userspace_addr = (uintptr_t)gmem_base(gmem) + regions[i].offset,
		};

		if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return -errno;
	}
	return 0;
}

/*
 * INITIALLY_SET (5.8): the log begins with all bits set, and without a walk through all of
 * KVM's page tables. It can't do without: pages written before the first clear would be
 * known as such only where they are faulted in anew.
 */
int memslots_prepare_log(int kvm_fd, int vm_fd)
{
	const unsigned int wanted =
		KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET;
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 };
	int offered = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);

	cap.args[0] = wanted;
	if (offered < 0 || ((unsigned int)offered & wanted) != wanted)
		return -ENOTSUP;
	return ioctl(vm_fd, KVM_ENABLE_CAP, &cap) < 0 ? -errno : 0;
}

int memslots_read_log(int vm_fd, uint32_t slot, uint64_t *ret_bits)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = ret_bits };

	return ioctl(vm_fd, KVM_GET_DIRTY_LOG, &log) < 0 ? -errno : 0;
}

int memslots_clear_log(int vm_fd, uint32_t slot, uint64_t first, uint32_t count,
		       const uint64_t *bits)
{
	struct kvm_clear_dirty_log clear = {
		.slot = slot,
		.first_page = first,
		.num_pages = count,
		.dirty_bitmap = (void *)(uintptr_t)bits,
	};

	return ioctl(vm_fd, KVM_CLEAR_DIRTY_LOG, &clear) < 0 ? -errno : 0;
}
