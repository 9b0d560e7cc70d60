/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpuid.c - which processor a guest believes to run on
 *
 * KVM says which features it can give; all are passed on. What must be our own
 * is the topology: KVM hands through what the host's processor said about itself,
 * and a guest that believed it would put its vCPUs into wrong sockets, or warn. And
 * where memory is shared a guest can't run guests of its own: see doc/decisions/0021.
 */
#include "vmm/cpuid.h"

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* leaf 1 */
#define LEAF1_EBX_APIC_SHIFT   24
#define LEAF1_EBX_COUNT_SHIFT  16
#define LEAF1_EDX_HTT	       (1u << 28) /* the count is valid */
#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_ECX_HYPERVISOR   (1u << 31)

/* What virtual machines need of a processor: Intel's VMX and SMX, AMD's SVM and SKINIT. */
#define LEAF1_ECX_VMX	     (1u << 5)
#define LEAF1_ECX_SMX	     (1u << 6)
#define EXTENDED1_ECX_SVM    (1u << 2)
#define EXTENDED1_ECX_SKINIT (1u << 12)
#define LEAF_OF_SVM	     0x8000000a /* all of it says what SVM can do */

/* leaf 0xb: what a level is */
#define TOPOLOGY_THREAD (1u << 8)
#define TOPOLOGY_CORE	(2u << 8)

static unsigned int bits_for(unsigned int count)
{
	unsigned int bits = 0;

	while ((1u << bits) < count)
		bits++;
	return bits;
}

static void leaf_set_topology(struct kvm_cpuid_entry2 *entry, unsigned int apic_id,
			      unsigned int count)
{
	unsigned int level = entry->index;

	entry->eax = level == 1 ? bits_for(count) : 0;
	entry->ebx = level == 0 ? 1 : level == 1 ? count : 0;
	entry->ecx = level | (level == 0 ? TOPOLOGY_THREAD : level == 1 ? TOPOLOGY_CORE : 0);
	entry->edx = apic_id;
}

static void leaf_adjust(struct kvm_cpuid_entry2 *entry, unsigned int apic_id, unsigned int count)
{
	switch (entry->function) {
	case 0x1:
		entry->ebx &= 0xffff;
		entry->ebx |= apic_id << LEAF1_EBX_APIC_SHIFT | count << LEAF1_EBX_COUNT_SHIFT;
		entry->ecx |= LEAF1_ECX_TSC_DEADLINE | LEAF1_ECX_HYPERVISOR;
		entry->edx &= ~LEAF1_EDX_HTT;
		if (count > 1)
			entry->edx |= LEAF1_EDX_HTT;
		break;
	case 0x4: /* caches: cores of the socket, and who shares each */
		entry->eax &= 0x3fff;
		entry->eax |= (count - 1) << 26;
		/* level 3 is the socket's, the others are each core's own */
		if ((entry->eax >> 5 & 7) >= 3)
			entry->eax |= (count - 1) << 14;
		break;
	case 0xb:
	case 0x1f:
		leaf_set_topology(entry, apic_id, count);
		break;
	case 0x80000008: /* AMD: cores of the socket, width of their ids */
		entry->ecx = bits_for(count) << 12 | (count - 1);
		break;
	case 0x8000001d: /* AMD's caches, as leaf 4 */
		entry->eax &= 0x3fff;
		if ((entry->eax >> 5 & 7) >= 3)
			entry->eax |= (count - 1) << 14;
		break;
	case 0x8000001e: /* AMD: APIC id; core id, one thread each; one node */
		entry->eax = apic_id;
		entry->ebx = apic_id & 0xff;
		entry->ecx = 0;
		break;
	default:
		break;
	}
}

/* Leaf 0xb needs both levels; KVM may list the first alone. */
static bool has_level(const struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t level)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == level)
			return true;
	return false;
}

static void add_levels(struct kvm_cpuid2 *cpuid, uint32_t function)
{
	for (uint32_t level = 0; level < 3; level++)
		if (has_level(cpuid, function, 0) && !has_level(cpuid, function, level))
			cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
				.function = function,
				.index = level,
				.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			};
}

void cpuid_hide_virtualisation(struct kvm_cpuid2 *supported)
{
	for (uint32_t i = 0; i < supported->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &supported->entries[i];

		if (entry->function == 0x1)
			entry->ecx &= ~(LEAF1_ECX_VMX | LEAF1_ECX_SMX);
		else if (entry->function == 0x80000001)
			entry->ecx &= ~(EXTENDED1_ECX_SVM | EXTENDED1_ECX_SKINIT);
		else if (entry->function == LEAF_OF_SVM)
			entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
	}
}

int cpuid_for_vcpu(const struct kvm_cpuid2 *supported, unsigned int index, unsigned int count,
		   struct kvm_cpuid2 **ret_cpuid)
{
	size_t room = supported->nent + 4; /* for levels of 0xb and 0x1f */
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + room * sizeof(struct kvm_cpuid_entry2));

	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = supported->nent;
	memcpy(cpuid->entries, supported->entries,
	       supported->nent * sizeof(struct kvm_cpuid_entry2));
	add_levels(cpuid, 0xb);
	add_levels(cpuid, 0x1f);
	for (uint32_t i = 0; i < cpuid->nent; i++)
		leaf_adjust(&cpuid->entries[i], index, count);
	*ret_cpuid = cpuid;
	return 0;
}
