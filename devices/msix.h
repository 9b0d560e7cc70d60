/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msix.h - the interrupts of a PCI function: a table of messages in one of its BARs
 *
 * Format: PCI Local Bus Specification 3.0, 6.8.2. An entry is live where MSI-X is
 * enabled and neither it nor the function is masked; KVM has its eventfd then.
 *
 * Any thread.
 */
#ifndef DEVICES_MSIX_H
#define DEVICES_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "devices/pci.h"

#define MSIX_ENTRY_BYTES 16
#define MSIX_MAX_VECTORS 64

struct msix;
struct vm;

/* With its capability in the function, and table and pending bits in a BAR of it. */
CHECKED int msix_create(struct vm *vm, struct pci_function *function, unsigned int vectors,
			unsigned int bar, uint32_t table_offset, uint32_t pending_offset,
			struct msix **ret_msix);
void msix_free(struct msix *msix); /* before the VM; NULL is fine */

/* The table and the pending bits; offsets count from each one's start. Any offset, any size. */
uint64_t msix_table_read(struct msix *msix, uint32_t offset, unsigned int size);
void msix_table_write(struct msix *msix, uint32_t offset, uint64_t value, unsigned int size);
uint64_t msix_pending_read(struct msix *msix, uint32_t offset, unsigned int size);

/* The guest has written to the configuration space. */
void msix_config_written(struct msix *msix);

unsigned int msix_vectors(const struct msix *msix);
void msix_signal(struct msix *msix, unsigned int vector);  /* out of range: nothing happens */
int msix_fd(const struct msix *msix, unsigned int vector); /* for others who signal */

#endif
