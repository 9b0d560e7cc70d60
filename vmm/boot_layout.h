/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_layout.h - what stands where in the first MiB when the kernel starts
 *
 * Guest physical addresses. The kernel itself loads above 1 MiB, its initrd as
 * high as it may. All of this but the ACPI tables is the kernel's to reuse.
 */
#ifndef VMM_BOOT_LAYOUT_H
#define VMM_BOOT_LAYOUT_H

#define LAYOUT_GDT	   0x500
#define LAYOUT_START_INFO  0x6000  /* PVH: start info, module list, memory map */
#define LAYOUT_ZERO_PAGE   0x7000  /* 64-bit entry: struct boot_params */
#define LAYOUT_STACK	   0x9000  /* its top; grows down to 0x8000 */
#define LAYOUT_PAGE_TABLES 0x9000  /* six pages: the first 4 GiB, each at its own address */
#define LAYOUT_CMDLINE	   0x20000 /* up to 64 KiB */
#define LAYOUT_LOW_END	   0xa0000 /* RAM for the kernel ends; then what was video memory */
#define LAYOUT_ACPI	   0xe0000 /* firmware tables; the last 16 bytes: reset_vector.c */
#define LAYOUT_ACPI_END	   0x100000

#endif
