/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pci.h - one PCI bus: functions, their configuration spaces, and where their BARs are
 *
 * A root bus with up to 32 devices of one function each, slot 0 being the host bridge.
 * The guest reaches configuration spaces through the memory at PLATFORM_ECAM_ADDRESS or
 * through ports (configuration mechanism 1). BARs are 32-bit memory, or ports; they stand
 * where pci_add() has put them, in the windows that the firmware tables announce, until
 * the guest moves them. Format: PCI Local Bus Specification 3.0, chapter 6.
 *
 * Threads: added by the main thread before vCPUs run; accesses come on vCPU threads.
 * Functions are called with the bus's lock held in config_* and bar_moved, without it
 * in bar_*; their own locks come after it.
 */
#ifndef DEVICES_PCI_H
#define DEVICES_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "devices/bus.h"

#define PCI_MAX_SLOTS	 32
#define PCI_CONFIG_BYTES 256
#define PCI_MAX_BARS	 6
#define PCI_BAR_MIN	 UINT32_C(4096) /* of memory; of ports 4 */

struct pci_function_ops {
	uint64_t (*bar_read)(void *context, unsigned int bar, uint32_t offset, unsigned int size);
	void (*bar_write)(void *context, unsigned int bar, uint32_t offset, uint64_t value,
			  unsigned int size);
	/* It answers at this address from now on; 0: nowhere. NULL: no interest. */
	void (*bar_moved)(void *context, unsigned int bar, uint32_t address);
	/* Before config bytes are read, after they have been written. NULL: no interest. */
	void (*config_read)(void *context, unsigned int offset, unsigned int size);
	void (*config_written)(void *context, unsigned int offset, unsigned int size);
};

/* Filled by its owner before pci_add(), who keeps it until the bus is gone. */
struct pci_function {
	const struct pci_function_ops *ops;
	void *context;
	uint8_t config[PCI_CONFIG_BYTES];   /* little-endian, as the guest sees it */
	uint8_t writable[PCI_CONFIG_BYTES]; /* bits that the guest can change */
	uint32_t bar_bytes[PCI_MAX_BARS];   /* powers of two from PCI_BAR_MIN on; 0: none */
	bool bar_is_ports[PCI_MAX_BARS];

	/* the bus's */
	uint32_t bar_starts[PCI_MAX_BARS]; /* where each answers now; 0: nowhere */
	uint8_t next_capability;	   /* of pci_add_capability() */
	uint8_t last_capability;
};

struct pci_bus {
	pthread_mutex_t lock; /* protects all below */
	uint32_t address;     /* configuration mechanism 1: the address register */
	struct pci_function *slots[PCI_MAX_SLOTS];
	struct pci_function bridge;
	uint32_t next_gpa; /* for the next BAR of memory */
	uint32_t next_port;
};

void pci_bus_init(struct pci_bus *bus);
void pci_bus_done(struct pci_bus *bus);

/* Puts the regions of the bus on the machine's. Errors as bus_add(). */
CHECKED int pci_bus_attach(struct pci_bus *bus, struct bus *ports, struct bus *addresses);

/* Sets what every function has. class: 24 bits. */
void pci_function_init(struct pci_function *function, uint16_t vendor, uint16_t device,
		       uint32_t class);

/*
 * Appends a capability of length bytes, its first two being set here; returns its
 * offset. For our own tables: it asserts that there is room.
 */
uint8_t pci_add_capability(struct pci_function *function, uint8_t id, uint8_t length);

/* Little-endian fields of the configuration space; size: 1, 2 or 4. */
uint32_t pci_config_get(const struct pci_function *function, unsigned int offset,
			unsigned int size);
void pci_config_set(struct pci_function *function, unsigned int offset, unsigned int size,
		    uint32_t value);

/* In the next free slot. -ENOSPC: there is none, or no room for its BARs. */
CHECKED int pci_add(struct pci_bus *bus, struct pci_function *function);

#endif
