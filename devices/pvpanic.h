/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvpanic.h - the port at which a guest's kernel reports that it panicked
 *
 * One byte, as in QEMU's docs/specs/pvpanic.rst. Linux's driver (pvpanic-mmio)
 * finds it through ACPI. Without that driver a guest with panic=-1 merely reboots.
 */
#ifndef DEVICES_PVPANIC_H
#define DEVICES_PVPANIC_H

#include "devices/bus.h"

#define PVPANIC_PORTS 1

/* No state of its own, so no lock. */
struct pvpanic {
	void (*panicked)(void *context); /* on a vCPU thread */
	void *context;
};

extern const struct bus_ops pvpanic_ops; /* context: the struct pvpanic */

#endif
