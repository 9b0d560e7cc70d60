/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acpi.h - the firmware tables with which a stock kernel finds its machine
 *
 * RSDP, XSDT, FADT, MADT and the DSDT (dsdt.asl); with PCI also MCFG and an SSDT
 * (ssdt_pci.asl). Hardware-reduced ACPI 6: no
 * legacy interrupt controller, timer, keyboard controller or VGA is there, and
 * the flags say so, which spares the guest from probing for them.
 */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "vmm/gmem.h"

/* All tables together, whatever the number of vCPUs. */
#define ACPI_MAX_BYTES 8192

struct acpi_config {
	unsigned int cpus; /* 1 to VM_MAX_CPUS */
	bool has_pci;	   /* without, a guest does not look for PCI: it starts sooner */
};

/*
 * Builds the tables as they stand at gpa; returns their length. The root (RSDP)
 * comes first.
 */
size_t acpi_build(const struct acpi_config *config, uint64_t gpa,
		  unsigned char ret_bytes[ACPI_MAX_BYTES]);

/* Writes them to their place in the first MiB; *ret_rsdp: gpa of the root. */
CHECKED int acpi_write(struct gmem *gmem, const struct acpi_config *config, uint64_t *ret_rsdp);

#endif
