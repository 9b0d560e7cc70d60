/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reset_vector.c - the only code of our firmware: what a reboot through the BIOS finds
 *
 * On a hardware-reduced ACPI machine Linux does not use the reset register: it
 * asks EFI to reboot, and where there is none, it goes back to real mode and jumps
 * to where a PC's BIOS starts. What stands there is up to us, so it writes the
 * reset register itself. Without it the guest would run through zeroes for ever.
 */
#include "vmm/reset_vector.h"

#include "vmm/platform.h"

#define RESET_VECTOR_GPA 0xffff0

int reset_vector_write(struct gmem *gmem)
{
	static const unsigned char code[] = {
		0xba,
		PLATFORM_RESET_PORT & 0xff,
		PLATFORM_RESET_PORT >> 8, /* mov dx, port */
		0xb0,
		PLATFORM_RESET_VALUE, /* mov al, value */
		0xee,		      /* out dx, al */
		0xf4,		      /* hlt */
		0xeb,
		0xfd, /* jmp to the hlt */
	};

	return gmem_write(gmem, RESET_VECTOR_GPA, code, sizeof(code));
}
