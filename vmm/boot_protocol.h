/* SPDX-License-Identifier: Apache-2.0 */
/* boot_protocol.h - the two ways in: what each writes beside the loaded kernel */
#ifndef VMM_BOOT_PROTOCOL_H
#define VMM_BOOT_PROTOCOL_H

#include "vmm/boot_image.h"
#include "vmm/gmem.h"
#include "vmm/vcpu.h"

/* What was placed in guest memory before; below 4 GiB all. */
struct boot_placed {
	uint64_t initrd_gpa;
	uint64_t initrd_bytes; /* 0: no initrd */
	uint64_t rsdp;
};

CHECKED int boot_linux64_prepare(struct gmem *gmem, const struct boot_image *image,
				 const struct boot_placed *placed, struct vcpu_entry *ret_entry);
CHECKED int boot_pvh_prepare(struct gmem *gmem, const struct boot_image *image,
			     const struct boot_placed *placed, struct vcpu_entry *ret_entry);

#endif
