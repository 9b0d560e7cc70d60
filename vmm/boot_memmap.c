/* SPDX-License-Identifier: Apache-2.0 */
/* boot_memmap.c - what the kernel is told about guest memory */
#include "vmm/boot_memmap.h"

#include "vmm/boot_image.h"
#include "vmm/boot_layout.h"

uint64_t boot_low_end(const struct gmem *gmem)
{
	struct gmem_region regions[GMEM_MAX_REGIONS];

	gmem_regions(gmem, regions);
	return regions[0].bytes;
}

size_t boot_memmap(const struct gmem *gmem, struct boot_memory ret_map[BOOT_MEMMAP_MAX])
{
	struct gmem_region regions[GMEM_MAX_REGIONS];
	size_t region_count = gmem_regions(gmem, regions), count = 0;

	/* a gmem has at least 1 MiB, so the first region reaches over both */
	ret_map[count++] = (struct boot_memory){ 0, LAYOUT_LOW_END, BOOT_MEMORY_RAM };
	ret_map[count++] = (struct boot_memory){ LAYOUT_ACPI, LAYOUT_ACPI_END - LAYOUT_ACPI,
						 BOOT_MEMORY_ACPI };
	if (regions[0].bytes > BOOT_LOWEST_LOAD)
		ret_map[count++] =
			(struct boot_memory){ BOOT_LOWEST_LOAD, regions[0].bytes - BOOT_LOWEST_LOAD,
					      BOOT_MEMORY_RAM };
	if (region_count > 1)
		ret_map[count++] =
			(struct boot_memory){ regions[1].gpa, regions[1].bytes, BOOT_MEMORY_RAM };
	return count;
}
