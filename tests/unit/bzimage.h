/* SPDX-License-Identifier: Apache-2.0 */
/* bzimage.h - the setup header of the smallest bzImage that is one, but for its sizes */
#ifndef TESTS_UNIT_BZIMAGE_H
#define TESTS_UNIT_BZIMAGE_H

#include <asm/bootparam.h>

#define BZIMAGE_SETUP_AT 0x1f1	   /* of the file */
#define BZIMAGE_START	 (5 * 512) /* of what is behind the boot sector and four more */

static inline struct setup_header bzimage_setup(void)
{
	return (struct setup_header){
		.setup_sects = 4,
		.boot_flag = 0xaa55,
		.jump = (0x6a << 8) | 0xeb,
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = LOADED_HIGH,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.initrd_addr_max = 0x7fffffff,
		.pref_address = 0x1000000,
		.init_size = 0x100000,
	};
}

#endif
