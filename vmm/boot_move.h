/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_move.h - a bzImage's kernel, unpacked and moved by us instead of by itself
 *
 * A kernel that chooses its own random address writes it into nearly all pages of its image, and
 * no two guests have one of these in common. So we unpack it, as it would do, and move it by an
 * offset that guests of one domain have in common: they share it, and whoever is not in the domain
 * knows as little about the address as before.
 *
 * Only its virtual address is random then; it lies where it prefers to in physical memory.
 */
#ifndef VMM_BOOT_MOVE_H
#define VMM_BOOT_MOVE_H

#include "vmm/boot_image.h"
#include "vmm/gmem.h"

/* A kernel that can be moved. */
struct boot_moved {
	struct boot_image image;     /* of its segments in source; entered as a 64-bit Linux is */
	unsigned char *bytes;	     /* the unpacked kernel, owned */
	struct boot_source source;   /* the same */
	uint64_t offset;	     /* from the address that it was linked for */
	const unsigned char *relocs; /* in the unpacked kernel: where addresses are in it */
	size_t reloc_bytes;
	size_t lists; /* of them, each behind a zero */
};

/*
 * packed: what boot_bzimage_read() says of the file. room: the guest's memory, in bytes; what does
 * not fit into it is not even unpacked. seed: what the offset is chosen by. Fails with a sentence
 * on why this kernel has to move itself, which any kernel may have to.
 */
CHECKED int boot_move_read(const struct boot_source *file, const struct boot_image *packed,
			   uint64_t room, uint64_t seed, struct boot_moved *ret_moved,
			   struct fail *why);
void boot_move_free(struct boot_moved *moved); /* zeroes are fine */

/* Once its segments are in memory. -EBADMSG: it names addresses outside of itself. */
CHECKED int boot_move_apply(struct gmem *gmem, const struct boot_moved *moved);

#endif
