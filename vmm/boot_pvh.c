/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_pvh.c - what a PVH entry wants to find
 *
 * The start info of Xen's public interface (xen/include/public/arch-x86/hvm/
 * start_info.h, version 1), which any hypervisor may use: command line, one
 * module for the initrd, the memory map and the ACPI root.
 */
#include "vmm/boot_layout.h"
#include "vmm/boot_memmap.h"
#include "vmm/boot_protocol.h"

#define START_INFO_MAGIC   0x336ec578
#define START_INFO_VERSION 1

struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t module_count;
	uint64_t modules_gpa;
	uint64_t cmdline_gpa;
	uint64_t rsdp_gpa;
	uint64_t memmap_gpa;
	uint32_t memmap_count;
	uint32_t reserved;
};

struct module_entry {
	uint64_t gpa;
	uint64_t bytes;
	uint64_t cmdline_gpa;
	uint64_t reserved;
};

struct memmap_entry {
	uint64_t gpa;
	uint64_t bytes;
	uint32_t type;
	uint32_t reserved;
};

/* All three in one piece, at LAYOUT_START_INFO. */
struct start_page {
	struct start_info info;
	struct module_entry initrd;
	struct memmap_entry memmap[BOOT_MEMMAP_MAX];
};

int boot_pvh_prepare(struct gmem *gmem, const struct boot_image *image,
		     const struct boot_placed *placed, struct vcpu_entry *ret_entry)
{
	struct boot_memory map[BOOT_MEMMAP_MAX];
	size_t count = boot_memmap(gmem, map);
	struct start_page page = {
		.info = {
			.magic = START_INFO_MAGIC,
			.version = START_INFO_VERSION,
			.module_count = placed->initrd_bytes > 0,
			.modules_gpa = LAYOUT_START_INFO + offsetof(struct start_page, initrd),
			.cmdline_gpa = LAYOUT_CMDLINE,
			.rsdp_gpa = placed->rsdp,
			.memmap_gpa = LAYOUT_START_INFO + offsetof(struct start_page, memmap),
			.memmap_count = (uint32_t)count,
		},
		.initrd = { .gpa = placed->initrd_gpa, .bytes = placed->initrd_bytes },
	};
	int rc;

	for (size_t i = 0; i < count; i++)
		page.memmap[i] = (struct memmap_entry){ map[i].gpa, map[i].bytes, map[i].type, 0 };
	rc = gmem_write(gmem, LAYOUT_START_INFO, &page, sizeof(page));
	if (rc < 0)
		return rc;
	*ret_entry = (struct vcpu_entry){
		.mode = VCPU_PROTECTED_MODE,
		.rip = image->entry,
		.argument = LAYOUT_START_INFO,
		.stack = LAYOUT_STACK,
	};
	return 0;
}
