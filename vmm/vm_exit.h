/* SPDX-License-Identifier: Apache-2.0 */
/* vm_exit.h - what a vCPU needs of its VM; nobody else includes this */
#ifndef VMM_VM_EXIT_H
#define VMM_VM_EXIT_H

#include "vmm/gate.h"
#include "vmm/vm.h"

struct gate *vm_gate(struct vm *vm);
const struct vm_ports *vm_ports(const struct vm *vm);

#endif
