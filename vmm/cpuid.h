/* SPDX-License-Identifier: Apache-2.0 */
/* cpuid.h - which processor a guest believes to run on */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include <stdint.h>

#include "base/auto.h"

struct kvm_cpuid2;

/*
 * What KVM supports, made to say that vCPU index is one of count single-threaded
 * cores in one socket, with the index as its APIC id. The caller frees the result.
 */
CHECKED int cpuid_for_vcpu(const struct kvm_cpuid2 *supported, unsigned int index,
			   unsigned int count, struct kvm_cpuid2 **ret_cpuid);

/*
 * Takes from what KVM supports all that a guest needs to run guests of its own: KVM keeps
 * pages of theirs mapped while they run, and does not notice that they are exchanged.
 */
void cpuid_hide_virtualisation(struct kvm_cpuid2 *supported);

#endif
