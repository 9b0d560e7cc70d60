/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu.h - one virtual processor: its kernel object, its thread, its exits
 *
 * Owned by its VM. vCPU 0 starts where vcpu_set_entry() says; the others wait for
 * the guest to start them (INIT, SIPI).
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

struct kvm_cpuid2;
struct vcpu;
struct vm;

/* Sent to a vCPU thread to get it out of the guest; its handler does nothing. */
#define VCPU_KICK_SIGNAL SIGRTMIN

enum vcpu_mode {
	VCPU_LONG_MODE,	     /* 64 bit, paging on: Linux's 64-bit boot protocol */
	VCPU_PROTECTED_MODE, /* 32 bit, flat, paging off: PVH */
};

/* Where and how the boot vCPU starts. Guest physical addresses. */
struct vcpu_entry {
	enum vcpu_mode mode;
	uint64_t rip;
	uint64_t argument;   /* rsi in long mode, ebx in protected mode */
	uint64_t stack;	     /* its top */
	uint64_t page_table; /* long mode: the root */
	uint64_t gdt;	     /* long mode: four entries, see vcpu_regs.c */
};

/* kvm_fd, supported: borrowed for the call; vm: for the vCPU's life. */
CHECKED int vcpu_create(struct vm *vm, int kvm_fd, int vm_fd, unsigned int index,
			unsigned int count, const struct kvm_cpuid2 *supported,
			struct vcpu **ret_vcpu, struct fail *why);
void vcpu_free(struct vcpu *vcpu); /* its thread has been joined; NULL is fine */

/* Before the thread runs. Writes the GDT into guest memory for long mode. */
CHECKED int vcpu_set_entry(struct vcpu *vcpu, const struct vcpu_entry *entry, struct fail *why);

CHECKED int vcpu_start(struct vcpu *vcpu, struct fail *why);
void vcpu_join(struct vcpu *vcpu); /* the VM's gate is shut; fine without a thread */

/* Any thread: makes the vCPU leave the guest soon, and come to the VM's gate. */
void vcpu_kick(struct vcpu *vcpu);

struct vm *vcpu_vm(const struct vcpu *vcpu);
int vcpu_fd(const struct vcpu *vcpu);

#endif
