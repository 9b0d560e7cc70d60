/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu.c - one virtual processor: its kernel object, its thread, its exits
 *
 * A vCPU thread runs the guest until KVM_RUN says EINTR, and only then looks at
 * the VM's gate. That order is what makes a pause complete: an exit that was just
 * answered (a port read, part of a string instruction) is finished by the next
 * KVM_RUN, which takes the answer in and comes back with EINTR at once, because
 * the kick has left immediate_exit set. What the guest sees is then whole, in its
 * registers and in its memory.
 *
 * What a guest does wrong ends that guest with a sentence, never the process by
 * an assertion.
 */
#include "vmm/vcpu.h"

#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/probe.h"
#include "base/thread.h"
#include "vmm/cpuid.h"
#include "vmm/kvm.h"
#include "vmm/vm_exit.h"

struct vcpu {
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run; /* shared with the kernel */
	size_t run_bytes;
	pthread_t thread; /* valid if has_thread */
	bool has_thread;
};

static int vcpu_map_run(struct vcpu *vcpu, int kvm_fd)
{
	long bytes = kvm_run_bytes(kvm_fd);
	void *run;

	if (bytes < 0)
		return (int)bytes;
	run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return -errno;
	vcpu->run = run;
	vcpu->run_bytes = (size_t)bytes;
	return 0;
}

static int vcpu_set_cpuid(struct vcpu *vcpu, unsigned int count, const struct kvm_cpuid2 *supported)
{
	AUTO_FREE struct kvm_cpuid2 *cpuid = NULL;
	int rc = cpuid_for_vcpu(supported, vcpu->index, count, &cpuid);

	if (rc < 0)
		return rc;
	return ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0 ? -errno : 0;
}

int vcpu_create(struct vm *vm, int kvm_fd, int vm_fd, unsigned int index, unsigned int count,
		const struct kvm_cpuid2 *supported, struct vcpu **ret_vcpu, struct fail *why)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int rc;

	if (!vcpu)
		return fail_errno(why, ENOMEM, "cannot create vCPU %u", index);
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->fd = ioctl(vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	rc = vcpu->fd < 0 ? -errno : vcpu_map_run(vcpu, kvm_fd);
	if (rc == 0)
		rc = vcpu_set_cpuid(vcpu, count, supported);
	if (rc < 0) {
		vcpu_free(vcpu);
		return fail_errno(why, -rc, "cannot create vCPU %u", index);
	}
	*ret_vcpu = vcpu;
	return 0;
}

void vcpu_free(struct vcpu *vcpu)
{
	if (!vcpu)
		return;
	if (vcpu->run)
		munmap(vcpu->run, vcpu->run_bytes);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	free(vcpu);
}

static void exit_io(struct vcpu *vcpu)
{
	const struct vm_ports *ports = vm_ports(vcpu->vm);
	const __typeof__(vcpu->run->io) io = vcpu->run->io;
	unsigned char *bytes = (unsigned char *)vcpu->run + io.data_offset;

	for (uint32_t i = 0; i < io.count; i++)
		ports->io(ports->context, io.port, io.direction == KVM_EXIT_IO_OUT,
			  bytes + (size_t)i * io.size, io.size);
}

static void exit_mmio(struct vcpu *vcpu)
{
	const struct vm_ports *ports = vm_ports(vcpu->vm);

	ports->mmio(ports->context, vcpu->run->mmio.phys_addr, vcpu->run->mmio.is_write,
		    vcpu->run->mmio.data, vcpu->run->mmio.len);
}

static void exit_system_event(struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_end_with(vcpu->vm, VM_END_POWEROFF, NULL);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vm_end_with(vcpu->vm, VM_END_REBOOT, NULL);
		break;
	default:
		vm_end_with(vcpu->vm, VM_END_PANIC, NULL);
		break;
	}
}

static void exit_internal_error(struct vcpu *vcpu)
{
	struct kvm_regs regs = { 0 };

	(void)ioctl(vcpu->fd, KVM_GET_REGS, &regs); /* the address is a bonus */
	if (vcpu->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		vm_end_with(vcpu->vm, VM_END_ERROR,
			    "KVM cannot emulate the guest's instruction at 0x%llx (vCPU %u)",
			    regs.rip, vcpu->index);
	else
		vm_end_with(vcpu->vm, VM_END_ERROR,
			    "KVM gave up on vCPU %u at 0x%llx (internal error %u)", vcpu->index,
			    regs.rip, vcpu->run->internal.suberror);
}

static void exit_handle(struct vcpu *vcpu)
{
	PROBE2(vcpu_exit, vcpu->index, vcpu->run->exit_reason);
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		exit_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_HLT: /* the chips are in the kernel: it only means "go on" */
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		vm_end_with(vcpu->vm, VM_END_TRIPLE_FAULT, NULL);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system_event(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		vm_end_with(vcpu->vm, VM_END_ERROR,
			    "the processor refuses to enter the guest (vCPU %u, reason 0x%llx)",
			    vcpu->index, vcpu->run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		exit_internal_error(vcpu);
		break;
	default:
		vm_end_with(vcpu->vm, VM_END_ERROR,
			    "vCPU %u left the guest for a reason that samepage does not know (%u)",
			    vcpu->index, vcpu->run->exit_reason);
		break;
	}
}

static void vcpu_run_failed(struct vcpu *vcpu, int error)
{
	if (error == EFAULT)
		vm_end_with(vcpu->vm, VM_END_ERROR,
			    "the guest's memory cannot be reached: is the host out of memory? "
			    "(vCPU %u)",
			    vcpu->index);
	else
		vm_end_with(vcpu->vm, VM_END_ERROR, "vCPU %u cannot run: %s", vcpu->index,
			    strerror(error));
}

static void *vcpu_main(void *context)
{
	struct vcpu *vcpu = context;
	struct gate *gate = vm_gate(vcpu->vm);
	bool inside = false, has_entered = false;

	for (;;) {
		if (!inside || __atomic_load_n(&vcpu->run->immediate_exit, __ATOMIC_RELAXED)) {
			inside = gate_pass(gate, inside, &vcpu->run->immediate_exit);
			if (!inside)
				break;
		}
		if (!has_entered)
			log_debug("vCPU %u enters the guest", vcpu->index);
		has_entered = true;
		while (ioctl(vcpu->fd, KVM_RUN, 0) == 0)
			exit_handle(vcpu);
		/* EAGAIN: a vCPU that waited for its start was started */
		if (errno != EINTR && errno != EAGAIN)
			vcpu_run_failed(vcpu, errno);
	}
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct fail *why)
{
	char name[16];
	int rc;

	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	rc = thread_start(&vcpu->thread, name, VCPU_KICK_SIGNAL, vcpu_main, vcpu);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot start the thread of vCPU %u", vcpu->index);
	vcpu->has_thread = true;
	return 0;
}

void vcpu_join(struct vcpu *vcpu)
{
	if (!vcpu->has_thread)
		return;
	pthread_join(vcpu->thread, NULL);
	vcpu->has_thread = false;
}

void vcpu_kick(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vcpu->has_thread)
		pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
}

struct vm *vcpu_vm(const struct vcpu *vcpu)
{
	return vcpu->vm;
}

int vcpu_fd(const struct vcpu *vcpu)
{
	return vcpu->fd;
}
