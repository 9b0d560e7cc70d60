/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.h - one virtual machine: its memory, interrupt chips and vCPUs, from start to end
 *
 * Life: vm_create() (in the kernel, vCPUs exist but have no thread), then the boot
 * code sets the boot vCPU's registers, then vm_start() makes the threads. A VM is
 * born with one pause on it, so nothing runs before the first vm_resume().
 *
 * A VM ends once: the first vm_end_with() counts, all vCPUs leave the guest for
 * good, and the function given to vm_create() is called on the loop's thread.
 *
 * Threads: where nothing else is said, functions belong to the loop's thread. KVM
 * ties a VM to the address space that made it: fork before vm_create(), not after.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "vmm/gmem.h"

#define VM_MAX_CPUS 32
#define VM_MAX_GSI  24 /* inputs of the I/O interrupt controller */

enum vm_end {
	VM_END_NONE, /* has not ended */
	VM_END_POWEROFF,
	VM_END_REBOOT,
	VM_END_PANIC,	     /* the guest's kernel said so through pvpanic */
	VM_END_TRIPLE_FAULT, /* a vCPU shut down; also how some kernels reboot */
	VM_END_USER,	     /* somebody outside ended it */
	VM_END_ERROR,	     /* samepage or the host: there is a sentence */
};

/*
 * Who answers when the guest touches what is not RAM. Called on vCPU threads, many
 * at once. size: 1, 2 or 4 for ports, 1 to 8 for addresses. A read that nobody
 * answers must fill the bytes with ones.
 */
struct vm_ports {
	void (*io)(void *context, uint16_t port, bool is_write, void *bytes, unsigned int size);
	void (*mmio)(void *context, uint64_t gpa, bool is_write, void *bytes, unsigned int size);
	void *context;
};

struct vm_config {
	struct gmem *gmem; /* borrowed; outlives the VM */
	unsigned int cpus; /* 1 to VM_MAX_CPUS */
	bool nests;	   /* the guest may run guests of its own: not where memory is shared */
	struct vm_ports ports;
	struct loop *loop; /* borrowed; outlives the VM */
	/* called on the loop's thread, at least once after the VM ended */
	loop_fn *on_end;
	void *on_end_context;
};

struct vm;

CHECKED int vm_create(const struct vm_config *config, struct vm **ret_vm, struct fail *why);

/* In any state: ends the VM, joins the threads, gives all back. NULL is fine. */
void vm_free(struct vm *vm);

/* vCPUs are out of the guest for good, and their threads are gone: devices can be taken apart. */
void vm_stop(struct vm *vm);

/* Makes the vCPU threads; they wait for the first vm_resume(). */
CHECKED int vm_start(struct vm *vm, struct fail *why);

/*
 * Pauses are counted: whoever paused resumes, and the guest runs when nobody
 * wants it to stand still. vm_pause() returns when every vCPU is out of the
 * guest and no device is being called by one; it is cheap when already paused.
 */
void vm_pause(struct vm *vm);
void vm_resume(struct vm *vm);

/*
 * Ends the VM; the first call wins. Any thread, vCPU threads too. format: the
 * sentence for VM_END_ERROR, NULL otherwise.
 */
void vm_end_with(struct vm *vm, enum vm_end end, const char *format, ...) PRINTF(3, 4);

/* Why it ended, VM_END_NONE while it did not. Any thread. */
enum vm_end vm_ended(const struct vm *vm);

/* The sentence of VM_END_ERROR, "" otherwise; valid once vm_ended(). */
const char *vm_end_sentence(const struct vm *vm);

/* The level of an interrupt line. Any thread. */
void vm_set_irq(struct vm *vm, unsigned int gsi, bool level);

/* Low, high: a pulse, for edge-triggered lines. Any thread. */
void vm_pulse_irq(struct vm *vm, unsigned int gsi);

struct vcpu *vm_vcpu(struct vm *vm, unsigned int index);
struct gmem *vm_gmem(struct vm *vm);

#endif
