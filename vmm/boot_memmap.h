/* SPDX-License-Identifier: Apache-2.0 */
/* boot_memmap.h - what the kernel is told about guest memory */
#ifndef VMM_BOOT_MEMMAP_H
#define VMM_BOOT_MEMMAP_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/gmem.h"

/* The numbers that e820 and PVH both use. */
enum boot_memory_type { BOOT_MEMORY_RAM = 1, BOOT_MEMORY_RESERVED = 2, BOOT_MEMORY_ACPI = 3 };

#define BOOT_MEMMAP_MAX 4

struct boot_memory {
	uint64_t gpa;
	uint64_t bytes;
	enum boot_memory_type type;
};

/* Sorted, without overlap; returns the count. */
size_t boot_memmap(const struct gmem *gmem, struct boot_memory ret_map[BOOT_MEMMAP_MAX]);

/* The end of RAM below the 32-bit hole. */
uint64_t boot_low_end(const struct gmem *gmem);

#endif
