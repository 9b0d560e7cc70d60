/* SPDX-License-Identifier: Apache-2.0 */
/* kvm.c - the door to the kernel's hypervisor, and whether it can do what we need */
#include "vmm/kvm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define CPUID_FIRST_ENTRIES 128
#define CPUID_MAX_ENTRIES   4096

/*
 * No more than what is used: a KVM that lacks one of these can't run our guests,
 * and any other difference between KVMs is met where it shows.
 */
static const struct {
	int capability;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "user memory" },
	{ KVM_CAP_IRQCHIP, "in-kernel interrupt controllers" },
	{ KVM_CAP_SET_TSS_ADDR, "TSS address" },
	{ KVM_CAP_EXT_CPUID, "CPUID" },
	{ KVM_CAP_MP_STATE, "multiprocessor state" },
	{ KVM_CAP_SYNC_MMU, "synchronous MMU" },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
};

const char *kvm_missing_capability(int (*has)(void *context, int capability), void *context)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (has(context, needed[i].capability) <= 0)
			return needed[i].name;
	return NULL;
}

static int kvm_has(void *context, int capability)
{
	return ioctl(*(int *)context, KVM_CHECK_EXTENSION, capability);
}

static int kvm_open_failed(const char *path, int error, struct fail *why)
{
	switch (error) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return fail_set(why, error,
				"no %s: load kvm_intel or kvm_amd, or enable virtualisation in the "
				"machine's firmware",
				path);
	case EACCES:
	case EPERM:
		return fail_set(why, error,
				"no permission for %s: add your user to the group kvm, then log in "
				"again",
				path);
	default:
		return fail_errno(why, error, "cannot open %s", path);
	}
}

int kvm_open_at(const char *path, int *ret_fd, struct fail *why)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
	const char *missing;
	int version;

	if (fd < 0)
		return kvm_open_failed(path, errno, why);
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return fail_set(why, ENOTSUP, "%s is not the KVM that samepage needs (version %d)",
				path, KVM_API_VERSION);
	missing = kvm_missing_capability(kvm_has, &fd);
	if (missing)
		return fail_set(why, ENOTSUP, "this kernel's KVM lacks what samepage needs: %s",
				missing);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int kvm_open(int *ret_fd, struct fail *why)
{
	return kvm_open_at("/dev/kvm", ret_fd, why);
}

long kvm_run_bytes(int kvm_fd)
{
	int bytes = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	return bytes < 0 ? -errno : bytes;
}

int kvm_supported_cpuid(int kvm_fd, struct kvm_cpuid2 **ret_cpuid)
{
	for (size_t entries = CPUID_FIRST_ENTRIES; entries <= CPUID_MAX_ENTRIES; entries *= 2) {
		struct kvm_cpuid2 *cpuid =
			calloc(1, sizeof(*cpuid) + entries * sizeof(struct kvm_cpuid_entry2));

		if (!cpuid)
			return -ENOMEM;
		cpuid->nent = (__u32)entries;
		if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) == 0) {
			*ret_cpuid = cpuid;
			return 0;
		}
		free(cpuid);
		if (errno != E2BIG)
			return -errno;
	}
	return -E2BIG;
}
