/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_image.h - what a kernel file asks for, whichever protocol it speaks
 *
 * A kernel file is foreign data. The parsers read the few bytes of it that say what
 * it is, believe nothing, and either fill a struct boot_image, in which every segment
 * lies inside the file and every sum fits, or say in one sentence what is wrong
 * (-ENOEXEC: not such a kernel, or a broken one; -ENOTSUP: one we can't start). The
 * kernel itself is not looked at: it goes from the file into guest memory at once.
 */
#ifndef VMM_BOOT_IMAGE_H
#define VMM_BOOT_IMAGE_H

#include <asm/bootparam.h>
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/auto.h"
#include "base/fail.h"

#define BOOT_MAX_SEGMENTS 16

/* Below this are the boot structures (boot_layout.h), so no kernel may load there. */
#define BOOT_LOWEST_LOAD UINT64_C(0x100000)

enum boot_protocol {
	BOOT_LINUX64, /* bzImage, entered at its 64-bit entry point */
	BOOT_PVH,     /* ELF with a PVH note, entered in 32-bit mode */
};

struct boot_segment {
	uint64_t file_offset;
	uint64_t file_bytes;
	uint64_t gpa;
	uint64_t mem_bytes; /* at least file_bytes; the rest is zero */
};

struct boot_image {
	enum boot_protocol protocol;
	uint64_t entry; /* gpa, inside a segment's file bytes */
	uint64_t end;	/* gpa behind the last byte that any segment needs */
	size_t segment_count;
	struct boot_segment segments[BOOT_MAX_SEGMENTS];
	uint64_t initrd_last;	   /* gpa of the last byte that an initrd may use */
	size_t cmdline_max;	   /* bytes, without the final NUL */
	struct setup_header setup; /* BOOT_LINUX64: as in the file, but for what boot_move.h adds */
};

/* Where a kernel's bytes come from. They may change between two reads. */
struct boot_source {
	const char *name; /* the file, for sentences */
	uint64_t length;
	/* Exactly length bytes from at, which all lie inside the source. */
	int (*read)(const struct boot_source *source, uint64_t at, void *to, size_t length,
		    struct fail *why);
	const void *bytes; /* of a source in memory */
	int fd;		   /* of a file */
};

/* A number of a file: little-endian, and aligned to nothing. */
static inline uint32_t boot_number_at(const unsigned char *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return le32toh(number);
}

/* A source of bytes in memory, borrowed. name: for sentences. */
void boot_source_memory(struct boot_source *ret_source, const char *name, const void *bytes,
			size_t length);

/* Finds out by content which of the two it is. */
CHECKED int boot_image_read(const struct boot_source *source, struct boot_image *ret_image,
			    struct fail *why);

/* The same for a kernel in memory. name: for sentences. */
CHECKED int boot_image_parse(const void *bytes, size_t length, const char *name,
			     struct boot_image *ret_image, struct fail *why);

/* A source of at least one byte. */
CHECKED int boot_bzimage_read(const struct boot_source *source, struct boot_image *ret_image,
			      struct fail *why);
CHECKED int boot_elf_read(const struct boot_source *source, struct boot_image *ret_image,
			  struct fail *why);
/* An ELF file that is the kernel of a bzImage, which has said the rest: see boot_move.h. */
CHECKED int boot_elf_read_linux64(const struct boot_source *source,
				  const struct boot_image *bzimage, struct boot_image *ret_image,
				  struct fail *why);

#endif
