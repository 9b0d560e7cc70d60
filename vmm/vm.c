/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.c - one virtual machine: its memory, interrupt chips and vCPUs, from start to end
 *
 * The interrupt controllers are the kernel's, but only the I/O APIC and the local
 * APICs are wired up: a hardware-reduced ACPI machine has no 8259, and an
 * interrupt that reached one would come out with a vector that nobody set.
 *
 * RAM is one memslot a region. What lies below a page may change while the guest
 * runs (that is what sharing is); of the slots only one thing does, whether KVM logs what
 * the guest writes there (gmem_dirty.h).
 *
 * Lock order: gate.lock is a leaf. `end` is set once by compare-and-swap; the
 * sentence is written before it becomes visible.
 */
#include "vmm/vm.h"

#include <assert.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "vmm/cpuid.h"
#include "vmm/gmem_dirty.h"
#include "vmm/kvm.h"
#include "vmm/memslots.h"
#include "vmm/vcpu.h"
#include "vmm/vm_exit.h"

/*
 * Four pages that older Intel processors need for real mode, in the hole below
 * 4 GiB where nothing else is.
 */
#define IDENTITY_MAP_GPA UINT64_C(0xfffbc000)
#define TSS_GPA		 UINT64_C(0xfffbd000)

struct vm {
	struct gmem *gmem; /* borrowed */
	struct vm_ports ports;
	struct loop_source *end_wake; /* in the caller's loop */
	int fd;
	struct irq_routes routes;
	struct gate gate;
	unsigned int cpus;
	struct vcpu *vcpus[VM_MAX_CPUS];

	pthread_mutex_t end_lock; /* protects sentence, and the first write of end */
	_Atomic enum vm_end end;
	struct fail sentence;
};

/* Only its coming matters: it interrupts KVM_RUN. */
static void on_kick_signal(int number)
{
}

static int kick_signal_install(struct fail *why)
{
	struct sigaction action = { .sa_handler = on_kick_signal };

	if (sigaction(VCPU_KICK_SIGNAL, &action, NULL) < 0)
		return fail_errno(why, errno, "cannot install the vCPU signal");
	return 0;
}

static int memory_set(struct vm *vm, int kvm_fd, struct fail *why)
{
	bool can_log = memslots_prepare_log(kvm_fd, vm->fd) == 0;
	int rc = memslots_set(vm->fd, vm->gmem, false);

	if (rc < 0)
		return fail_errno(why, -rc, "KVM refuses %llu MiB of guest memory",
				  (unsigned long long)gmem_bytes(vm->gmem) >> 20);
	if (can_log)
		gmem_dirty_begin_vm(gmem_dirty(vm->gmem), vm->fd);
	return 0;
}

static int chips_create(struct vm *vm, struct fail *why)
{
	__u64 identity_map = IDENTITY_MAP_GPA;
	int rc;

	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0 ||
	    ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_GPA) < 0)
		return fail_errno(why, errno, "KVM refuses the address of its own pages");
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return fail_errno(why, errno, "KVM cannot create the interrupt controllers");
	rc = irq_routes_init(&vm->routes, vm->fd);
	if (rc < 0)
		return fail_errno(why, -rc, "KVM refuses the interrupt routes");
	return 0;
}

static int vcpus_create(struct vm *vm, int kvm_fd, const struct vm_config *config, struct fail *why)
{
	AUTO_FREE struct kvm_cpuid2 *supported = NULL;
	int rc = kvm_supported_cpuid(kvm_fd, &supported);

	if (rc < 0)
		return fail_errno(why, -rc, "cannot learn which processor features KVM offers");
	if (!config->nests)
		cpuid_hide_virtualisation(supported);
	while (vm->cpus < config->cpus) {
		rc = vcpu_create(vm, kvm_fd, vm->fd, vm->cpus, config->cpus, supported,
				 &vm->vcpus[vm->cpus], why);
		if (rc < 0)
			return rc;
		vm->cpus++;
	}
	return 0;
}

static int vm_set_up(struct vm *vm, const struct vm_config *config, struct fail *why)
{
	AUTO_CLOSE int kvm_fd = -1;
	int rc = kvm_open(&kvm_fd, why);

	if (rc < 0)
		return rc;
	rc = kick_signal_install(why);
	if (rc < 0)
		return rc;
	vm->fd = ioctl(kvm_fd, KVM_CREATE_VM, 0UL);
	if (vm->fd < 0)
		return fail_errno(why, errno, "KVM cannot create a virtual machine");
	/* memory first: once there are interrupt chips KVM waits for a grace period to change it */
	rc = memory_set(vm, kvm_fd, why);
	if (rc == 0)
		rc = chips_create(vm, why);
	if (rc == 0)
		rc = vcpus_create(vm, kvm_fd, config, why);
	if (rc < 0)
		return rc;
	rc = loop_add_wake(config->loop, config->on_end, config->on_end_context, &vm->end_wake);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot watch the virtual machine");
	return 0;
}

int vm_create(const struct vm_config *config, struct vm **ret_vm, struct fail *why)
{
	struct vm *vm;
	int rc;

	if (config->cpus < 1 || config->cpus > VM_MAX_CPUS)
		return fail_set(why, EINVAL, "a guest has 1 to %d vCPUs, not %u", VM_MAX_CPUS,
				config->cpus);
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return fail_errno(why, ENOMEM, "cannot create a virtual machine");
	vm->gmem = config->gmem;
	vm->ports = config->ports;
	vm->fd = -1;
	gate_init(&vm->gate);
	pthread_mutex_init(&vm->end_lock, NULL);
	rc = vm_set_up(vm, config, why);
	if (rc < 0) {
		vm_free(vm);
		return rc;
	}
	*ret_vm = vm;
	return 0;
}

static void vcpus_kick(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->cpus; i++)
		vcpu_kick(vm->vcpus[i]);
}

void vm_stop(struct vm *vm)
{
	gate_shut(&vm->gate);
	vcpus_kick(vm);
	for (unsigned int i = 0; i < vm->cpus; i++)
		vcpu_join(vm->vcpus[i]);
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	vm_stop(vm);
	for (unsigned int i = 0; i < vm->cpus; i++)
		vcpu_free(vm->vcpus[i]);
	loop_remove(vm->end_wake);
	irq_routes_done(&vm->routes);
	gmem_dirty_end_vm(gmem_dirty(vm->gmem));
	if (vm->fd >= 0)
		close(vm->fd);
	pthread_mutex_destroy(&vm->end_lock);
	gate_done(&vm->gate);
	free(vm);
}

int vm_start(struct vm *vm, struct fail *why)
{
	for (unsigned int i = 0; i < vm->cpus; i++) {
		int rc = vcpu_start(vm->vcpus[i], why);

		if (rc < 0)
			return rc;
	}
	return 0;
}

void vm_pause(struct vm *vm)
{
	if (gate_hold(&vm->gate))
		vcpus_kick(vm);
	gate_wait_empty(&vm->gate);
}

void vm_resume(struct vm *vm)
{
	gate_release(&vm->gate);
}

void vm_end_with(struct vm *vm, enum vm_end end, const char *format, ...)
{
	bool first = false;
	va_list args;

	assert(end != VM_END_NONE);
	pthread_mutex_lock(&vm->end_lock);
	if (vm->end == VM_END_NONE) {
		first = true;
		if (format) {
			va_start(args, format);
			vsnprintf(vm->sentence.text, sizeof(vm->sentence.text), format, args);
			va_end(args);
		}
		vm->end = end;
	}
	pthread_mutex_unlock(&vm->end_lock);
	if (!first)
		return;
	gate_shut(&vm->gate);
	vcpus_kick(vm);
	loop_wake(vm->end_wake);
}

enum vm_end vm_ended(const struct vm *vm)
{
	return vm->end;
}

const char *vm_end_sentence(const struct vm *vm)
{
	return vm->sentence.text;
}

void vm_set_irq(struct vm *vm, unsigned int gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	assert(gsi < VM_MAX_GSI);
	/* fails only for a line that does not exist */
	if (ioctl(vm->fd, KVM_IRQ_LINE, &line) < 0)
		log_debug("interrupt line %u: %d", gsi, errno);
}

void vm_pulse_irq(struct vm *vm, unsigned int gsi)
{
	vm_set_irq(vm, gsi, true);
	vm_set_irq(vm, gsi, false);
}

struct vcpu *vm_vcpu(struct vm *vm, unsigned int index)
{
	assert(index < vm->cpus);
	return vm->vcpus[index];
}

struct gmem *vm_gmem(struct vm *vm)
{
	return vm->gmem;
}

int vm_fd(const struct vm *vm)
{
	return vm->fd;
}

struct irq_routes *vm_irq_routes(struct vm *vm)
{
	return &vm->routes;
}

struct gate *vm_gate(struct vm *vm)
{
	return &vm->gate;
}

const struct vm_ports *vm_ports(const struct vm *vm)
{
	return &vm->ports;
}
