/* SPDX-License-Identifier: Apache-2.0 */
/* check_cpuid.c - which processor a guest believes to run on */
#include "vmm/cpuid.h"

#include <linux/kvm.h>

#include "tests/unit/suite.h"

#define LEAVES 6u

/* A processor that can do everything. */
static struct kvm_cpuid2 *supported_by_kvm(void)
{
	static const uint32_t functions[LEAVES] = { 0x1,	0x4,	    0xb,
						    0x80000001, 0x80000008, 0x8000000a };
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + LEAVES * sizeof(struct kvm_cpuid_entry2));

	ck_assert_ptr_nonnull(cpuid);
	cpuid->nent = LEAVES;
	for (uint32_t i = 0; i < LEAVES; i++)
		cpuid->entries[i] = (struct kvm_cpuid_entry2){ .function = functions[i],
							       .eax = UINT32_MAX,
							       .ebx = UINT32_MAX,
							       .ecx = UINT32_MAX,
							       .edx = UINT32_MAX };
	return cpuid;
}

static struct kvm_cpuid_entry2 *leaf(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	ck_abort_msg("no leaf %x", function);
}

START_TEST(virtualisation_can_be_hidden_and_nothing_else_is)
{
	struct kvm_cpuid2 *cpuid = supported_by_kvm();

	cpuid_hide_virtualisation(cpuid);
	ck_assert_uint_eq(leaf(cpuid, 0x1, 0)->ecx, ~(1u << 5 | 1u << 6));	   /* VMX, SMX */
	ck_assert_uint_eq(leaf(cpuid, 0x80000001, 0)->ecx, ~(1u << 2 | 1u << 12)); /* SVM, SKINIT */
	ck_assert_uint_eq(leaf(cpuid, 0x8000000a, 0)->eax, 0);
	ck_assert_uint_eq(leaf(cpuid, 0x8000000a, 0)->ebx, 0);
	ck_assert_uint_eq(leaf(cpuid, 0x8000000a, 0)->edx, 0);
	ck_assert_uint_eq(leaf(cpuid, 0x1, 0)->edx, UINT32_MAX);
	ck_assert_uint_eq(leaf(cpuid, 0x80000001, 0)->edx, UINT32_MAX);
	ck_assert_uint_eq(leaf(cpuid, 0x80000008, 0)->ecx, UINT32_MAX);
	free(cpuid);
}
END_TEST

/* What is hidden once stays hidden in what each vCPU is told. */
START_TEST(no_vcpu_is_told_what_is_hidden)
{
	struct kvm_cpuid2 *supported = supported_by_kvm(), *cpuid;

	ck_assert_int_eq(cpuid_for_vcpu(supported, 1, 4, &cpuid), 0);
	ck_assert_uint_ne(leaf(cpuid, 0x1, 0)->ecx & 1u << 5, 0);
	ck_assert_uint_ne(leaf(cpuid, 0x80000001, 0)->ecx & 1u << 2, 0);
	free(cpuid);
	cpuid_hide_virtualisation(supported);
	ck_assert_int_eq(cpuid_for_vcpu(supported, 1, 4, &cpuid), 0);
	ck_assert_uint_eq(leaf(cpuid, 0x1, 0)->ecx & 1u << 5, 0);
	ck_assert_uint_eq(leaf(cpuid, 0x80000001, 0)->ecx & 1u << 2, 0);
	ck_assert_uint_eq(leaf(cpuid, 0x8000000a, 0)->edx, 0);
	free(cpuid);
	free(supported);
}
END_TEST

START_TEST(each_vcpu_is_a_core_of_one_socket)
{
	struct kvm_cpuid2 *supported = supported_by_kvm(), *cpuid;

	for (uint32_t index = 0; index < 4; index++) {
		ck_assert_int_eq(cpuid_for_vcpu(supported, index, 4, &cpuid), 0);
		ck_assert_uint_eq(leaf(cpuid, 0x1, 0)->ebx >> 24, index);
		ck_assert_uint_eq(leaf(cpuid, 0x1, 0)->ebx >> 16 & 0xff, 4);
		ck_assert_uint_eq(leaf(cpuid, 0x4, 0)->eax >> 26, 3);
		ck_assert_uint_eq(leaf(cpuid, 0xb, 0)->edx, index);
		ck_assert_uint_eq(leaf(cpuid, 0xb, 1)->ebx, 4);
		ck_assert_uint_eq(leaf(cpuid, 0xb, 2)->ebx, 0);
		ck_assert_uint_eq(leaf(cpuid, 0x80000008, 0)->ecx, 2u << 12 | 3);
		free(cpuid);
	}
	free(supported);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &each_vcpu_is_a_core_of_one_socket },
	{ "core", &virtualisation_can_be_hidden_and_nothing_else_is },
	{ "core", &no_vcpu_is_told_what_is_hidden },
};

SUITE_MAIN("cpuid", tests)
