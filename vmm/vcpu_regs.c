/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_regs.c - the registers with which the boot vCPU enters the kernel
 *
 * Two ways in, both skipping real mode: Linux's 64-bit entry (boot.rst, "64-bit
 * boot protocol") with paging on, and PVH's 32-bit entry with paging off. The
 * segment registers hold what a load from the GDT would have put there; for long
 * mode that GDT also stands in memory, since the protocol says so.
 */
#include "vmm/vcpu.h"

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "vmm/gmem.h"
#include "vmm/vm.h"

#define CR0_PE	 (1u << 0)
#define CR0_ET	 (1u << 4)
#define CR0_NE	 (1u << 5)
#define CR0_WP	 (1u << 16)
#define CR0_PG	 (1u << 31)
#define CR4_PAE	 (1u << 5)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)

#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18

#define SEGMENT_CODE 0xb /* executable, readable, accessed */
#define SEGMENT_DATA 0x3 /* writable, accessed */
#define SEGMENT_TSS  0xb /* 32 or 64 bit, busy */

/* As descriptors: flat, 4 GiB, present, ring 0; code is 64 bit. */
#define GDT_CODE UINT64_C(0x00af9b000000ffff)
#define GDT_DATA UINT64_C(0x00cf93000000ffff)

#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLED	  (1u << 11)
#define MTRR_WRITE_BACK	  6
#define MSR_MISC_ENABLE	  0x1a0
#define MISC_FAST_STRINGS 1

#define RFLAGS_RESERVED 0x2

static struct kvm_segment segment_flat(uint16_t selector, uint8_t type, bool long_code)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.l = long_code,
		.db = !long_code,
		.g = 1,
	};
}

static void sregs_set(struct kvm_sregs *sregs, const struct vcpu_entry *entry)
{
	bool is_long = entry->mode == VCPU_LONG_MODE;
	struct kvm_segment data = segment_flat(SELECTOR_DATA, SEGMENT_DATA, false);

	sregs->cs = segment_flat(SELECTOR_CODE, SEGMENT_CODE, is_long);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = (struct kvm_segment){ .limit = 0x67, .type = SEGMENT_TSS, .present = 1 };
	sregs->ldt = (struct kvm_segment){ .unusable = 1 };
	sregs->idt.limit = 0;
	sregs->gdt.limit = 0;
	sregs->cr0 = CR0_PE | CR0_ET | CR0_NE;
	sregs->cr4 = 0;
	sregs->efer = 0;
	if (!is_long)
		return;
	sregs->gdt.base = entry->gdt;
	sregs->gdt.limit = 4 * sizeof(uint64_t) - 1;
	sregs->cr0 |= CR0_PG | CR0_WP;
	sregs->cr3 = entry->page_table;
	sregs->cr4 = CR4_PAE;
	sregs->efer = EFER_LME | EFER_LMA;
}

/*
 * What firmware leaves behind and kernels rely on: with the memory types off,
 * Linux also does without page attributes.
 */
static int msrs_set(int fd)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[2];
	} msrs = {
		.head.nmsrs = 2,
		.entries = {
			{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLED | MTRR_WRITE_BACK },
			{ .index = MSR_MISC_ENABLE, .data = MISC_FAST_STRINGS },
		},
	};

	/* the count of those that were set; a KVM may not know the second */
	return ioctl(fd, KVM_SET_MSRS, &msrs) < 1 ? -errno : 0;
}

int vcpu_set_entry(struct vcpu *vcpu, const struct vcpu_entry *entry, struct fail *why)
{
	static const uint64_t gdt[4] = { 0, 0, GDT_CODE, GDT_DATA };
	bool is_long = entry->mode == VCPU_LONG_MODE;
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rip = entry->rip,
		.rsp = entry->stack,
		.rsi = is_long ? entry->argument : 0,
		.rbx = is_long ? 0 : entry->argument,
		.rflags = RFLAGS_RESERVED,
	};
	struct kvm_fpu fpu = { .fcw = 0x37f, .mxcsr = 0x1f80 };
	int fd = vcpu_fd(vcpu), rc;

	if (is_long) {
		rc = gmem_write(vm_gmem(vcpu_vm(vcpu)), entry->gdt, gdt, sizeof(gdt));
		if (rc < 0)
			return fail_set(why, -rc, "the boot processor's tables are not in RAM");
	}
	if (ioctl(fd, KVM_GET_SREGS, &sregs) < 0)
		return fail_errno(why, errno, "KVM does not give the boot vCPU's registers");
	sregs_set(&sregs, entry);
	if (ioctl(fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(fd, KVM_SET_REGS, &regs) < 0 ||
	    ioctl(fd, KVM_SET_FPU, &fpu) < 0 || msrs_set(fd) < 0)
		return fail_errno(why, errno, "KVM refuses the boot vCPU's registers");
	return 0;
}
