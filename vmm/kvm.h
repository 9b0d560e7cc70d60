/* SPDX-License-Identifier: Apache-2.0 */
/* kvm.h - the door to the kernel's hypervisor, and whether it can do what we need */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"

struct kvm_cpuid2;

/*
 * Opens /dev/kvm and checks its version and capabilities; the caller closes
 * *ret_fd. Everything that can be wrong here is the host's set-up, so that every
 * sentence says what to do about it.
 */
CHECKED int kvm_open(int *ret_fd, struct fail *why);

/*
 * The same for a device of another path, for tests of its sentences.
 */
CHECKED int kvm_open_at(const char *path, int *ret_fd, struct fail *why);

/* The name of the first needed capability that `has` denies; NULL: none is missing. */
const char *kvm_missing_capability(int (*has)(void *context, int capability), void *context);

/* Bytes of the area that KVM shares with user space for each vCPU, or -errno. */
CHECKED long kvm_run_bytes(int kvm_fd);

/* What this KVM can offer to a guest; the caller frees it. */
CHECKED int kvm_supported_cpuid(int kvm_fd, struct kvm_cpuid2 **ret_cpuid);

#endif
