/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_pci.h - a virtio device as a PCI function
 *
 * Modern only: registers in one BAR of memory, found through capabilities; interrupts
 * by MSI-X, one vector a queue and one for the configuration; a doorbell for each
 * queue. While a device runs nothing of this leaves the kernel. Format: VIRTIO 1.2, 4.1.
 */
#ifndef DEVICES_VIRTIO_PCI_H
#define DEVICES_VIRTIO_PCI_H

#include "base/auto.h"
#include "base/fail.h"
#include "devices/pci.h"
#include "devices/virtio.h"

struct virtio_pci;
struct vm;

/*
 * Puts the device on the bus. All are borrowed, and outlive it. Main thread, before
 * vCPUs and the I/O thread run.
 */
CHECKED int virtio_pci_create(struct vm *vm, struct pci_bus *bus, struct virtio *virtio,
			      struct virtio_pci **ret_pci, struct fail *why);

/* When vCPUs and the I/O thread have stopped, before the VM goes. NULL is fine. */
void virtio_pci_free(struct virtio_pci *pci);

#endif
