/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_linux64.c - what Linux's 64-bit entry wants to find
 *
 * The zero page (struct boot_params): the kernel's own setup header, filled in
 * where the loader has to, the memory map and the ACPI root. Page tables that
 * map the first 4 GiB at their own addresses, in 2 MiB pages: the protocol
 * asks for the kernel, the zero page and the command line only, but the same
 * tables do for any of them.
 */
#include <string.h>

#include "vmm/boot_layout.h"
#include "vmm/boot_memmap.h"
#include "vmm/boot_protocol.h"

#define LOADER_UNDEFINED 0xff

#define ENTRY_PRESENT  UINT64_C(0x01)
#define ENTRY_WRITABLE UINT64_C(0x02)
#define ENTRY_LARGE    UINT64_C(0x80)
#define ENTRIES	       512
#define LARGE_PAGE     UINT64_C(0x200000)
#define DIRECTORIES    4 /* 1 GiB each */

static int page_tables_write(struct gmem *gmem)
{
	uint64_t tables[2 + DIRECTORIES][ENTRIES] = { 0 };
	uint64_t flags = ENTRY_PRESENT | ENTRY_WRITABLE;

	tables[0][0] = (LAYOUT_PAGE_TABLES + GMEM_PAGE_SIZE) | flags;
	for (uint64_t i = 0; i < DIRECTORIES; i++) {
		tables[1][i] = (LAYOUT_PAGE_TABLES + (2 + i) * GMEM_PAGE_SIZE) | flags;
		for (uint64_t j = 0; j < ENTRIES; j++)
			tables[2 + i][j] = (i * ENTRIES + j) * LARGE_PAGE | flags | ENTRY_LARGE;
	}
	return gmem_write(gmem, LAYOUT_PAGE_TABLES, tables, sizeof(tables));
}

static void e820_fill(const struct gmem *gmem, struct boot_params *params)
{
	struct boot_memory map[BOOT_MEMMAP_MAX];
	size_t count = boot_memmap(gmem, map);

	for (size_t i = 0; i < count; i++)
		params->e820_table[i] = (struct boot_e820_entry){ .addr = map[i].gpa,
								  .size = map[i].bytes,
								  .type = map[i].type };
	params->e820_entries = (__u8)count;
}

int boot_linux64_prepare(struct gmem *gmem, const struct boot_image *image,
			 const struct boot_placed *placed, struct vcpu_entry *ret_entry)
{
	struct boot_params params = { .hdr = image->setup };
	int rc;

	params.hdr.type_of_loader = LOADER_UNDEFINED;
	params.hdr.loadflags &= (__u8) ~(CAN_USE_HEAP | QUIET_FLAG);
	params.hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	params.hdr.ramdisk_image = (__u32)placed->initrd_gpa;
	params.hdr.ramdisk_size = (__u32)placed->initrd_bytes;
	params.hdr.code32_start = (__u32)image->segments[0].gpa;
	params.hdr.setup_data = 0;
	params.acpi_rsdp_addr = placed->rsdp;
	e820_fill(gmem, &params);
	rc = gmem_write(gmem, LAYOUT_ZERO_PAGE, &params, sizeof(params));
	if (rc == 0)
		rc = page_tables_write(gmem);
	if (rc < 0)
		return rc;
	*ret_entry = (struct vcpu_entry){
		.mode = VCPU_LONG_MODE,
		.rip = image->entry,
		.argument = LAYOUT_ZERO_PAGE,
		.stack = LAYOUT_STACK,
		.page_table = LAYOUT_PAGE_TABLES,
		.gdt = LAYOUT_GDT,
	};
	return 0;
}
