/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.h - a kernel, its initrd and its command line into guest memory
 *
 * Files are foreign data and may change while they are read: whatever they hold
 * ends in a sentence or in a boot, never in a crash of samepage.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "vmm/gmem.h"
#include "vmm/vcpu.h"

struct boot_files {
	const char *kernel;
	const char *initrd;  /* NULL: none */
	const char *cmdline; /* never NULL */
	uint64_t rsdp;	     /* gpa of the ACPI root */
	/*
	 * By what to move the kernel, where it can be moved (boot_move.h). NULL, or no 0: it is
	 * left to itself.
	 */
	int (*seed)(void *context, uint64_t *ret_seed);
	void *seed_context;
};

/*
 * Loads all, checks that it fits, and says where the boot vCPU starts. The
 * memory is fresh (all zero); on failure what it holds is undefined.
 */
CHECKED int boot_load(struct gmem *gmem, const struct boot_files *files,
		      struct vcpu_entry *ret_entry, struct fail *why);

#endif
