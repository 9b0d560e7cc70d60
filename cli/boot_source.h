/* SPDX-License-Identifier: Apache-2.0 */
/* boot_source.h - what a machine starts with: a kernel, a disk's own kernel, or a memory image */
#ifndef CLI_BOOT_SOURCE_H
#define CLI_BOOT_SOURCE_H

#include "base/auto.h"
#include "base/fail.h"
#include "cli/domain_seed.h"
#include "cli/machine.h"
#include "vmm/acpi.h"

/* Where it goes; all zero, and no vCPU runs. */
struct boot_target {
	struct gmem *gmem;
	struct vm *vm;
	struct acpi_config acpi;
	struct domain_seed *seed; /* by which its kernel is moved */
};

/*
 * Loads it, with the firmware tables, and sets where the first vCPU begins. Files are
 * read each time anew: after a reboot it may be another kernel. is_restart: there was a boot
 * before, and what a disk boots has to be found sooner.
 */
CHECKED int boot_source_load(const struct machine_config *config, const struct boot_target *target,
			     bool is_restart, struct fail *why);

#endif
