/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_move.c - a bzImage's kernel, unpacked and moved by us instead of by itself
 *
 * Format: arch/x86/boot/compressed/misc.c and arch/x86/tools/relocs.c of Linux. The payload is an
 * ELF file without symbols; behind its end are lists of 32-bit numbers, each list behind a zero:
 * the low halves of the addresses at which an address of the kernel stands, as it was linked. From
 * the end backwards: 32-bit addresses; 32-bit distances to the area of each processor, from which
 * an offset is subtracted (not from Linux 6.15 on); 64-bit addresses.
 *
 * A table is there if and only if the kernel is built to be moved (CONFIG_RANDOMIZE_BASE); then
 * it may lie anywhere in the first GiB from __START_KERNEL_map on.
 */
#include "vmm/boot_move.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot_unpack.h"

/* __START_KERNEL_map, of which lists have the low half: what is linked there is at gpa 0. */
#define LINKED_AT   UINT32_C(0x80000000)
#define KERNEL_ROOM (UINT64_C(1) << 30) /* KERNEL_IMAGE_SIZE */
#define ALIGN_LEAST (UINT64_C(2) << 20)
#define LISTS_MAX   3
#define MIN_VERSION 0x020e /* Linux 4.20: older ones may have been built for less room */

static int not_movable(struct fail *why, const char *what)
{
	return fail_set(why, ENOTSUP, "%s", what);
}

/* ------------------------------------------------------------ the payload */

/* A kernel unpacks itself in place: so its header says how much room that takes. */
static int payload_unpack(const struct boot_source *file, const struct boot_image *packed,
			  uint64_t room, struct boot_moved *moved, struct fail *why)
{
	const struct setup_header *setup = &packed->setup;
	uint64_t start = packed->segments[0].file_offset + setup->payload_offset;
	AUTO_FREE unsigned char *payload = NULL;
	size_t length;
	int rc;

	if (setup->init_size < room)
		room = setup->init_size;
	if (setup->payload_length > room || start > file->length ||
	    setup->payload_length > file->length - start)
		return not_movable(why, "what it carries lies outside the file, or is too large");
	payload = malloc(setup->payload_length + 1);
	if (!payload)
		return fail_errno(why, ENOMEM, "it cannot be unpacked");
	rc = file->read(file, start, payload, setup->payload_length, why);
	if (rc == 0)
		rc = boot_unpack(payload, setup->payload_length, room, &moved->bytes, &length, why);
	if (rc == 0)
		boot_source_memory(&moved->source, file->name, moved->bytes, length);
	return rc;
}

/* ----------------------------------------------------------------- lists */

/* Behind all that its headers name; 0: they make no sense. */
static uint64_t elf_end(const unsigned char *bytes, size_t length)
{
	uint64_t end;
	Elf64_Ehdr elf;

	memcpy(&elf, bytes, sizeof(elf)); /* it was read before */
	if (elf.e_shentsize != sizeof(Elf64_Shdr) || elf.e_shoff > length ||
	    elf.e_shnum * sizeof(Elf64_Shdr) > length - elf.e_shoff)
		return 0;
	end = elf.e_shoff + elf.e_shnum * sizeof(Elf64_Shdr);
	for (size_t i = 0; i < elf.e_shnum; i++) {
		Elf64_Shdr section;

		memcpy(&section, bytes + elf.e_shoff + i * sizeof(section), sizeof(section));
		if (section.sh_type == SHT_NOBITS || section.sh_type == SHT_NULL)
			continue;
		if (section.sh_offset > length || section.sh_size > length - section.sh_offset)
			return 0;
		if (section.sh_offset + section.sh_size > end)
			end = section.sh_offset + section.sh_size;
	}
	return end;
}

/* The lists are all that is behind the ELF file, and start with the zero of the last one. */
static bool lists_find(struct boot_moved *moved)
{
	const unsigned char *bytes = moved->bytes;
	uint64_t length = moved->source.length, end = elf_end(bytes, length);

	if (end == 0 || (length - end) % sizeof(uint32_t) != 0 || length - end < sizeof(uint32_t) ||
	    boot_number_at(bytes + end) != 0)
		return false;
	for (uint64_t at = end; at < length; at += sizeof(uint32_t))
		moved->lists += boot_number_at(bytes + at) == 0;
	moved->relocs = bytes + end;
	moved->reloc_bytes = length - end;
	return moved->lists == LISTS_MAX || moved->lists == LISTS_MAX - 1;
}

/* ---------------------------------------------------------------- reading */

/* How far a kernel of that size may be moved. */
static uint64_t offset_choose(const struct boot_image *image, uint64_t seed)
{
	uint64_t align = image->setup.kernel_alignment;

	if (align < ALIGN_LEAST)
		align = ALIGN_LEAST;
	if (image->end >= KERNEL_ROOM)
		return 0;
	return seed % ((KERNEL_ROOM - image->end) / align + 1) * align;
}

int boot_move_read(const struct boot_source *file, const struct boot_image *packed, uint64_t room,
		   uint64_t seed, struct boot_moved *ret_moved, struct fail *why)
{
	struct boot_moved moved = { 0 };
	int rc;

	if (packed->protocol != BOOT_LINUX64 || !packed->setup.relocatable_kernel ||
	    packed->setup.version < MIN_VERSION)
		return not_movable(why, "it is not made to be moved");
	rc = payload_unpack(file, packed, room, &moved, why);
	if (rc == 0)
		rc = boot_elf_read_linux64(&moved.source, packed, &moved.image, why);
	if (rc == 0 && !lists_find(&moved))
		rc = not_movable(why, "it does not say where addresses are in it");
	if (rc < 0) {
		boot_move_free(&moved);
		return rc;
	}
	moved.offset = offset_choose(&moved.image, seed);
	/* it randomises the rest by itself, and says so */
	moved.image.setup.loadflags |= KASLR_FLAG;
	*ret_moved = moved;
	return 0;
}

void boot_move_free(struct boot_moved *moved)
{
	free(moved->bytes);
	moved->bytes = NULL;
}

/* ----------------------------------------------------------------- moving */

/* The kernel in memory. */
struct span {
	unsigned char *bytes;
	uint64_t gpa, length;
};

/* NULL: so many bytes are not inside. */
static unsigned char *place_of(const struct span *span, uint32_t linked_at, size_t bytes)
{
	uint64_t gpa = (uint64_t)linked_at - LINKED_AT;

	if (linked_at < LINKED_AT || gpa < span->gpa || span->length < bytes ||
	    gpa - span->gpa > span->length - bytes)
		return NULL;
	return span->bytes + (gpa - span->gpa);
}

/* To a number of so many bytes; a processor of this kind has its low ones first. */
static bool add(const struct span *span, uint32_t linked_at, size_t bytes, uint64_t offset)
{
	unsigned char *place = place_of(span, linked_at, bytes);
	uint64_t number = 0;

	if (!place)
		return false;
	memcpy(&number, place, bytes);
	number += offset;
	memcpy(place, &number, bytes);
	return true;
}

/* From the end of the lists backwards, to the zero before the one at hand. */
static bool list_apply(const struct boot_moved *moved, size_t *at, const struct span *span,
		       size_t bytes, uint64_t offset)
{
	while (*at > 0) {
		uint32_t linked_at;

		*at -= sizeof(uint32_t);
		linked_at = boot_number_at(moved->relocs + *at);
		if (linked_at == 0)
			return true;
		if (!add(span, linked_at, bytes, offset))
			return false;
	}
	return false;
}

int boot_move_apply(struct gmem *gmem, const struct boot_moved *moved)
{
	const struct boot_image *image = &moved->image;
	struct span span = { .gpa = image->end };
	size_t at = moved->reloc_bytes;

	for (size_t i = 0; i < image->segment_count; i++)
		if (image->segments[i].gpa < span.gpa)
			span.gpa = image->segments[i].gpa;
	span.length = image->end - span.gpa;
	span.bytes = gmem_span(gmem, span.gpa, span.length);
	if (!span.bytes || !list_apply(moved, &at, &span, sizeof(uint32_t), moved->offset))
		return -EBADMSG;
	if (moved->lists == LISTS_MAX &&
	    !list_apply(moved, &at, &span, sizeof(uint32_t), -moved->offset))
		return -EBADMSG;
	if (!list_apply(moved, &at, &span, sizeof(uint64_t), moved->offset) || at != 0)
		return -EBADMSG;
	gmem_mark_written(gmem, span.bytes, span.length);
	return 0;
}
