/* SPDX-License-Identifier: Apache-2.0 */
/* vm_exit.h - what vcpu.c and msi.c need of their VM; nobody else includes this */
#ifndef VMM_VM_EXIT_H
#define VMM_VM_EXIT_H

#include "vmm/gate.h"
#include "vmm/irq_routes.h"
#include "vmm/vm.h"

int vm_fd(const struct vm *vm);
struct irq_routes *vm_irq_routes(struct vm *vm);
struct gate *vm_gate(struct vm *vm);
const struct vm_ports *vm_ports(const struct vm *vm);

#endif
