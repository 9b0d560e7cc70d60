/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_elf.c - an ELF kernel with a PVH entry, or the one inside a bzImage
 *
 * The entry is not the ELF header's but the one that a note names: owner "Xen",
 * type 18, 4 or 8 bytes of physical address, 32-bit protected mode (Xen's
 * docs/misc/pvh.pandoc). An unpacked Linux vmlinux with CONFIG_PVH is such a file.
 *
 * Every offset and size is 64 bits of foreign data: range_is_inside() is the only
 * place where two of them meet.
 */
#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot_image.h"

#define NOTE_OWNER	  "Xen"
#define NOTE_PHYS32_ENTRY 18
#define MAX_HEADERS	  128

/* Of one segment of notes: a kernel has some hundred. */
#define NOTES_MAX_BYTES 65536

/* Linux's COMMAND_LINE_SIZE, final NUL included; PVH has no field that says it. */
#define PVH_CMDLINE_MAX 2047

static int broken(struct fail *why, const char *name, const char *what)
{
	return fail_set(why, ENOEXEC, "kernel '%s' is broken or cut short: %s", name, what);
}

static bool range_is_inside(uint64_t offset, uint64_t length, uint64_t limit)
{
	return offset <= limit && length <= limit - offset;
}

static int header_check(const Elf64_Ehdr *elf, size_t length, const char *name, struct fail *why)
{
	if (elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_ident[EI_DATA] != ELFDATA2LSB ||
	    elf->e_machine != EM_X86_64)
		return fail_set(why, ENOTSUP, "kernel '%s' is not for 64-bit x86 processors", name);
	if (elf->e_type != ET_EXEC && elf->e_type != ET_DYN)
		return fail_set(why, ENOTSUP, "'%s' is an ELF file, but not an executable one",
				name);
	if (elf->e_phentsize != sizeof(Elf64_Phdr) || elf->e_phnum == 0 ||
	    elf->e_phnum > MAX_HEADERS)
		return broken(why, name, "its program headers make no sense");
	if (!range_is_inside(elf->e_phoff, elf->e_phnum * sizeof(Elf64_Phdr), length))
		return broken(why, name, "its program headers lie outside the file");
	return 0;
}

static int segment_add(struct boot_image *image, const Elf64_Phdr *header, size_t length,
		       const char *name, struct fail *why)
{
	struct boot_segment *segment = &image->segments[image->segment_count];

	if (header->p_memsz == 0)
		return 0;
	if (image->segment_count == BOOT_MAX_SEGMENTS)
		return broken(why, name, "it has too many segments");
	if (!range_is_inside(header->p_offset, header->p_filesz, length))
		return broken(why, name, "a segment lies outside the file");
	if (header->p_filesz > header->p_memsz)
		return broken(why, name, "a segment is larger in the file than in memory");
	if (header->p_paddr < BOOT_LOWEST_LOAD ||
	    !range_is_inside(header->p_paddr, header->p_memsz, UINT64_C(1) << 32))
		return broken(why, name, "a segment's address is not between 1 MiB and 4 GiB");
	*segment = (struct boot_segment){
		.file_offset = header->p_offset,
		.file_bytes = header->p_filesz,
		.gpa = header->p_paddr,
		.mem_bytes = header->p_memsz,
	};
	if (segment->gpa + segment->mem_bytes > image->end)
		image->end = segment->gpa + segment->mem_bytes;
	image->segment_count++;
	return 0;
}

static uint64_t note_round(uint64_t size)
{
	return (size + 3) & ~UINT64_C(3);
}

/* Looks through the notes; true: *ret_entry is set. */
static bool notes_find_entry(const unsigned char *bytes, uint64_t end, uint64_t *ret_entry)
{
	uint64_t at = 0;

	while (end - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name_at, desc_at, size;

		memcpy(&note, bytes + at, sizeof(note));
		name_at = at + sizeof(note);
		desc_at = name_at + note_round(note.n_namesz);
		size = sizeof(note) + note_round(note.n_namesz) + note_round(note.n_descsz);
		if (size > end - at)
			return false;
		if (note.n_type == NOTE_PHYS32_ENTRY && note.n_namesz == sizeof(NOTE_OWNER) &&
		    memcmp(bytes + name_at, NOTE_OWNER, sizeof(NOTE_OWNER)) == 0 &&
		    (note.n_descsz == 4 || note.n_descsz == 8)) {
			*ret_entry = 0;
			memcpy(ret_entry, bytes + desc_at, note.n_descsz);
			return true;
		}
		at += size;
	}
	return false;
}

/* A segment of notes that is no such thing is passed over: there may be another. */
static int notes_read_entry(const struct boot_source *source, const Elf64_Phdr *header,
			    bool *has_entry, uint64_t *ret_entry, struct fail *why)
{
	AUTO_FREE unsigned char *bytes = NULL;
	int rc;

	if (header->p_filesz > NOTES_MAX_BYTES ||
	    !range_is_inside(header->p_offset, header->p_filesz, source->length))
		return 0;
	bytes = malloc(header->p_filesz + 1);
	if (!bytes)
		return fail_errno(why, ENOMEM, "cannot read kernel '%s'", source->name);
	rc = source->read(source, header->p_offset, bytes, header->p_filesz, why);
	if (rc == 0)
		*has_entry = notes_find_entry(bytes, header->p_filesz, ret_entry);
	return rc;
}

static bool entry_is_inside(const struct boot_image *image)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct boot_segment *segment = &image->segments[i];

		if (image->entry >= segment->gpa &&
		    image->entry - segment->gpa < segment->file_bytes)
			return true;
	}
	return false;
}

/* What a note says of the entry, where that is asked for. */
struct note_entry {
	bool was_found;
	uint64_t gpa;
};

/* Segments into image; notes: NULL, or what they say. */
static int headers_read(const struct boot_source *source, const Elf64_Ehdr *elf,
			struct boot_image *image, struct note_entry *notes, struct fail *why)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < elf->e_phnum; i++) {
		Elf64_Phdr header;

		rc = source->read(source, elf->e_phoff + i * sizeof(header), &header,
				  sizeof(header), why);
		if (rc == 0 && header.p_type == PT_LOAD)
			rc = segment_add(image, &header, source->length, source->name, why);
		else if (rc == 0 && header.p_type == PT_NOTE && notes && !notes->was_found)
			rc = notes_read_entry(source, &header, &notes->was_found, &notes->gpa, why);
	}
	return rc;
}

static int header_read(const struct boot_source *source, Elf64_Ehdr *ret_elf, struct fail *why)
{
	int rc;

	if (source->length < sizeof(*ret_elf))
		return broken(why, source->name, "it ends inside its header");
	rc = source->read(source, 0, ret_elf, sizeof(*ret_elf), why);
	return rc < 0 ? rc : header_check(ret_elf, source->length, source->name, why);
}

int boot_elf_read(const struct boot_source *source, struct boot_image *ret_image, struct fail *why)
{
	struct boot_image image = { .protocol = BOOT_PVH,
				    .initrd_last = UINT32_MAX,
				    .cmdline_max = PVH_CMDLINE_MAX };
	struct note_entry entry = { 0 };
	Elf64_Ehdr elf;
	int rc = header_read(source, &elf, why);

	if (rc == 0)
		rc = headers_read(source, &elf, &image, &entry, why);
	if (rc < 0)
		return rc;
	if (!entry.was_found)
		return fail_set(why, ENOTSUP,
				"ELF kernel '%s' has no PVH entry: it needs a Linux built with "
				"CONFIG_PVH, or a bzImage",
				source->name);
	image.entry = entry.gpa;
	if (!entry_is_inside(&image))
		return broken(why, source->name, "its PVH entry lies outside its segments");
	*ret_image = image;
	return 0;
}

int boot_elf_read_linux64(const struct boot_source *source, const struct boot_image *bzimage,
			  struct boot_image *ret_image, struct fail *why)
{
	struct boot_image image = { .protocol = BOOT_LINUX64,
				    .initrd_last = bzimage->initrd_last,
				    .cmdline_max = bzimage->cmdline_max,
				    .setup = bzimage->setup };
	Elf64_Ehdr elf;
	int rc;

	if (source->length < SELFMAG || memcmp(source->bytes, ELFMAG, SELFMAG) != 0)
		return broken(why, source->name, "what it carries is no ELF file");
	rc = header_read(source, &elf, why);
	if (rc == 0)
		rc = headers_read(source, &elf, &image, NULL, why);
	if (rc < 0)
		return rc;
	image.entry = elf.e_entry;
	if (!entry_is_inside(&image))
		return broken(why, source->name, "its entry lies outside its segments");
	*ret_image = image;
	return 0;
}
