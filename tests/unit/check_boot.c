/* SPDX-License-Identifier: Apache-2.0 */
/* check_boot.c - kernel files are foreign data: good ones parse, bad ones are refused */
#include <elf.h>

#include "vmm/boot_image.h"

#include "tests/unit/bzimage.h"
#include "tests/unit/suite.h"

#define BZ_BYTES   0x6000
#define ELF_BYTES  0x3000
#define ELF_GPA	   UINT64_C(0x1000000)
#define NOTE_AT	   0x200
#define SEGMENT_AT 0x1000

static struct fail why;
static struct boot_image image;

/* The smallest bzImage that is one: header, four setup sectors, a kernel. */
struct bzimage {
	unsigned char bytes[BZ_BYTES];
	struct setup_header *setup;
};

static void bz_make(struct bzimage *bz)
{
	memset(bz, 0, sizeof(*bz));
	bz->setup = (struct setup_header *)(void *)(bz->bytes + BZIMAGE_SETUP_AT);
	*bz->setup = bzimage_setup();
	bz->setup->syssize = (BZ_BYTES - BZIMAGE_START) / 16;
}

static int bz_parse(const struct bzimage *bz, size_t length)
{
	return boot_image_parse(bz->bytes, length, "kernel.bin", &image, &why);
}

struct elf {
	unsigned char bytes[ELF_BYTES];
	Elf64_Ehdr *header;
	Elf64_Phdr *load;
	Elf64_Phdr *notes;
	Elf64_Nhdr *note;
	uint64_t *entry;
};

static void elf_make(struct elf *elf)
{
	memset(elf, 0, sizeof(*elf));
	elf->header = (Elf64_Ehdr *)(void *)elf->bytes;
	elf->load = (Elf64_Phdr *)(void *)(elf->bytes + sizeof(Elf64_Ehdr));
	elf->notes = elf->load + 1;
	elf->note = (Elf64_Nhdr *)(void *)(elf->bytes + NOTE_AT);
	elf->entry = (uint64_t *)(void *)(elf->bytes + NOTE_AT + sizeof(Elf64_Nhdr) + 4);
	memcpy(elf->header->e_ident, ELFMAG, SELFMAG);
	elf->header->e_ident[EI_CLASS] = ELFCLASS64;
	elf->header->e_ident[EI_DATA] = ELFDATA2LSB;
	elf->header->e_type = ET_EXEC;
	elf->header->e_machine = EM_X86_64;
	elf->header->e_phoff = sizeof(Elf64_Ehdr);
	elf->header->e_phentsize = sizeof(Elf64_Phdr);
	elf->header->e_phnum = 2;
	*elf->load = (Elf64_Phdr){ .p_type = PT_LOAD,
				   .p_offset = SEGMENT_AT,
				   .p_paddr = ELF_GPA,
				   .p_filesz = 0x1000,
				   .p_memsz = 0x8000 };
	*elf->notes = (Elf64_Phdr){ .p_type = PT_NOTE,
				    .p_offset = NOTE_AT,
				    .p_filesz = sizeof(Elf64_Nhdr) + 12 };
	*elf->note = (Elf64_Nhdr){ .n_namesz = 4, .n_descsz = 8, .n_type = 18 };
	memcpy(elf->bytes + NOTE_AT + sizeof(Elf64_Nhdr), "Xen", 4);
	*elf->entry = ELF_GPA + 0x10;
}

static int elf_parse(const struct elf *elf, size_t length)
{
	return boot_image_parse(elf->bytes, length, "vmlinux", &image, &why);
}

START_TEST(a_bzimage_goes_to_its_preferred_address)
{
	struct bzimage bz;

	bz_make(&bz);
	ck_assert_int_eq(bz_parse(&bz, BZ_BYTES), 0);
	ck_assert_int_eq(image.protocol, BOOT_LINUX64);
	ck_assert_uint_eq(image.segment_count, 1);
	ck_assert_uint_eq(image.segments[0].file_offset, BZIMAGE_START);
	ck_assert_uint_eq(image.segments[0].file_bytes, BZ_BYTES - BZIMAGE_START);
	ck_assert_uint_eq(image.entry, 0x1000200);
	ck_assert_uint_eq(image.end, 0x1100000);
	ck_assert_uint_eq(image.initrd_last, 0x7fffffff);
	ck_assert_uint_eq(image.cmdline_max, 2047);
}
END_TEST

START_TEST(an_elf_kernel_starts_where_its_note_says)
{
	struct elf elf;

	elf_make(&elf);
	ck_assert_int_eq(elf_parse(&elf, ELF_BYTES), 0);
	ck_assert_int_eq(image.protocol, BOOT_PVH);
	ck_assert_uint_eq(image.entry, ELF_GPA + 0x10);
	ck_assert_uint_eq(image.end, ELF_GPA + 0x8000);
	ck_assert_uint_eq(image.segments[0].file_bytes, 0x1000);
	elf.note->n_descsz = 4;
	ck_assert_int_eq(elf_parse(&elf, ELF_BYTES), 0);
	ck_assert_uint_eq(image.entry, ELF_GPA + 0x10);
}
END_TEST

/* Whatever a file was cut to: an answer, no read beyond its end (ASan looks on). */
START_TEST(every_length_of_a_file_gets_an_answer)
{
	struct bzimage bz;
	struct elf elf;

	bz_make(&bz);
	elf_make(&elf);
	for (size_t length = 0; length < 0x1200; length++) {
		unsigned char *cut = malloc(length ? length : 1);

		memcpy(cut, bz.bytes, length);
		ck_assert_int_lt(boot_image_parse(cut, length, "cut", &image, &why), 0);
		memcpy(cut, elf.bytes, length);
		ck_assert_int_lt(boot_image_parse(cut, length, "cut", &image, &why), 0);
		free(cut);
	}
	ck_assert_int_eq(bz_parse(&bz, BZ_BYTES - 32), -ENOEXEC);
	ck_assert_int_eq(elf_parse(&elf, SEGMENT_AT + 0xfff), -ENOEXEC);
}
END_TEST

START_TEST(what_is_no_kernel_is_named)
{
	char text[1024] = "root:x:0:0:root:/root:/bin/bash";

	ck_assert_int_eq(boot_image_parse(text, sizeof(text), "passwd", &image, &why), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(why.text, "passwd"));
	ck_assert_int_eq(boot_image_parse(text, 0, "nothing", &image, &why), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(why.text, "empty"));
}
END_TEST

START_TEST(old_and_32_bit_kernels_are_told_apart_from_broken_ones)
{
	struct bzimage bz;

	bz_make(&bz);
	bz.setup->version = 0x020b;
	ck_assert_int_eq(bz_parse(&bz, BZ_BYTES), -ENOTSUP);
	bz_make(&bz);
	bz.setup->xloadflags = 0;
	ck_assert_int_eq(bz_parse(&bz, BZ_BYTES), -ENOTSUP);
	bz_make(&bz);
	bz.setup->loadflags = 0;
	ck_assert_int_eq(bz_parse(&bz, BZ_BYTES), -ENOTSUP);
}
END_TEST

/* Each line breaks one field of a good header. */
START_TEST(header_fields_that_make_no_sense_are_refused)
{
	struct bzimage bz;

#define BROKEN(field, value)                                                                       \
	do {                                                                                       \
		bz_make(&bz);                                                                      \
		bz.setup->field = (value);                                                         \
		ck_assert_int_eq(bz_parse(&bz, BZ_BYTES), -ENOEXEC);                               \
	} while (0)
	BROKEN(boot_flag, 0);
	BROKEN(kernel_alignment, 0);
	BROKEN(kernel_alignment, 3);
	BROKEN(pref_address, 0);
	BROKEN(pref_address, 0x80000);
	BROKEN(pref_address, UINT64_MAX & ~UINT64_C(0x1fffff));
	BROKEN(pref_address, 0x1000001);
	BROKEN(cmdline_size, 0);
	BROKEN(setup_sects, 255);
	BROKEN(syssize, 0);
	BROKEN(syssize, 1);
	BROKEN(syssize, UINT32_MAX);
	BROKEN(init_size, 0x1000);
}
END_TEST

START_TEST(largest_sizes_do_not_overflow)
{
	struct bzimage bz;

	bz_make(&bz);
	bz.setup->pref_address = 0xffe00000;
	bz.setup->init_size = UINT32_MAX;
	ck_assert_int_eq(bz_parse(&bz, BZ_BYTES), 0);
	ck_assert_uint_eq(image.end, UINT64_C(0xffe00000) + UINT32_MAX);
}
END_TEST

START_TEST(elf_ranges_that_overflow_are_refused)
{
	struct elf elf;

#define ELF_BROKEN(field, value)                                                                   \
	do {                                                                                       \
		elf_make(&elf);                                                                    \
		elf.field = (value);                                                               \
		ck_assert_int_eq(elf_parse(&elf, ELF_BYTES), -ENOEXEC);                            \
	} while (0)
	ELF_BROKEN(header->e_phoff, UINT64_MAX);
	ELF_BROKEN(header->e_phoff, ELF_BYTES - sizeof(Elf64_Phdr));
	ELF_BROKEN(header->e_phnum, 0);
	ELF_BROKEN(header->e_phnum, UINT16_MAX);
	ELF_BROKEN(header->e_phentsize, 8);
	ELF_BROKEN(load->p_offset, UINT64_MAX);
	ELF_BROKEN(load->p_offset, UINT64_MAX - 0xfff);
	ELF_BROKEN(load->p_filesz, UINT64_MAX);
	ELF_BROKEN(load->p_filesz, 0x9000);
	ELF_BROKEN(load->p_memsz, UINT64_MAX);
	ELF_BROKEN(load->p_paddr, UINT64_MAX - 0xfff);
	ELF_BROKEN(load->p_paddr, 0x1000);
	ELF_BROKEN(load->p_paddr, 0xffffa000);
	ELF_BROKEN(entry[0], ELF_GPA - 1);
	ELF_BROKEN(entry[0], ELF_GPA + 0x1000);
	ELF_BROKEN(entry[0], UINT64_MAX);
}
END_TEST

START_TEST(notes_that_are_broken_are_no_entry)
{
	struct elf elf;

#define NO_ENTRY(field, value)                                                                     \
	do {                                                                                       \
		elf_make(&elf);                                                                    \
		elf.field = (value);                                                               \
		ck_assert_int_eq(elf_parse(&elf, ELF_BYTES), -ENOTSUP);                            \
	} while (0)
	NO_ENTRY(note->n_namesz, UINT32_MAX);
	NO_ENTRY(note->n_descsz, UINT32_MAX);
	NO_ENTRY(note->n_descsz, 16);
	NO_ENTRY(note->n_type, 17);
	NO_ENTRY(notes->p_offset, UINT64_MAX - 3);
	NO_ENTRY(notes->p_filesz, 8);
	NO_ENTRY(header->e_phnum, 1);
	NO_ENTRY(header->e_machine, EM_AARCH64);
	NO_ENTRY(header->e_type, ET_REL);
}
END_TEST

START_TEST(notes_of_no_sensible_size_are_passed_over)
{
	struct elf elf;
	size_t length = 128 << 10;
	unsigned char *file = calloc(1, length);

	elf_make(&elf);
	elf.notes->p_filesz = (64 << 10) + 1;
	memcpy(file, elf.bytes, sizeof(elf.bytes));
	ck_assert_int_eq(boot_image_parse(file, length, "vmlinux", &image, &why), -ENOTSUP);
	elf.notes->p_filesz = 64 << 10;
	memcpy(file, elf.bytes, sizeof(elf.bytes));
	ck_assert_int_eq(boot_image_parse(file, length, "vmlinux", &image, &why), 0);
	free(file);
}
END_TEST

static int reads_left;

/* A file that breaks off after some reads. */
static int read_or_fail(const struct boot_source *source, uint64_t at, void *to, size_t length,
			struct fail *read_why)
{
	if (reads_left-- == 0)
		return fail_set(read_why, EIO, "'%s' shrank", source->name);
	memcpy(to, (const unsigned char *)source->bytes + at, length);
	return 0;
}

static int reads_until_success(const void *bytes, size_t length)
{
	struct boot_source source = {
		.name = "kernel", .length = length, .read = read_or_fail, .bytes = bytes
	};

	for (int reads = 0; reads < 20; reads++) {
		int rc;

		reads_left = reads;
		rc = boot_image_read(&source, &image, &why);
		if (rc == 0)
			return reads;
		ck_assert_int_eq(rc, -EIO);
		ck_assert_str_eq(why.text, "'kernel' shrank");
	}
	return -1;
}

START_TEST(a_file_that_cannot_be_read_ends_in_its_sentence)
{
	struct bzimage bz;
	struct elf elf;

	bz_make(&bz);
	ck_assert_int_gt(reads_until_success(bz.bytes, BZ_BYTES), 1);
	elf_make(&elf);
	ck_assert_int_gt(reads_until_success(elf.bytes, ELF_BYTES), 1);
}
END_TEST

/* A cheap cousin of the fuzzer: no single changed byte may crash a parser. */
START_TEST(every_changed_byte_gets_an_answer)
{
	static const unsigned char values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	struct bzimage bz;
	struct elf elf;

	for (size_t i = 0; i < 0x280; i++)
		for (size_t j = 0; j < sizeof(values); j++) {
			bz_make(&bz);
			elf_make(&elf);
			bz.bytes[i] = elf.bytes[i] = values[j];
			ck_assert_int_le(bz_parse(&bz, BZ_BYTES), 0);
			ck_assert_int_le(elf_parse(&elf, ELF_BYTES), 0);
		}
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_bzimage_goes_to_its_preferred_address },
	{ "core", &an_elf_kernel_starts_where_its_note_says },
	{ "limits", &every_length_of_a_file_gets_an_answer },
	{ "limits", &largest_sizes_do_not_overflow },
	{ "limits", &elf_ranges_that_overflow_are_refused },
	{ "misuse", &what_is_no_kernel_is_named },
	{ "misuse", &old_and_32_bit_kernels_are_told_apart_from_broken_ones },
	{ "faults", &header_fields_that_make_no_sense_are_refused },
	{ "faults", &notes_that_are_broken_are_no_entry },
	{ "faults", &notes_of_no_sensible_size_are_passed_over },
	{ "faults", &a_file_that_cannot_be_read_ends_in_its_sentence },
	{ "faults", &every_changed_byte_gets_an_answer },
};
SUITE_MAIN("boot", tests)
