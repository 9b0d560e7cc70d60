/* SPDX-License-Identifier: Apache-2.0 */
/* check_boot_move.c - a bzImage's kernel is unpacked and moved; what can't be is left to itself, or
 * refused */
#include <elf.h>
#include <fcntl.h>
#include <lz4.h>
#include <lzma.h>
#include <stdbool.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/bzimage.h"
#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"
#include "vmm/boot.h"
#include "vmm/boot_image.h"

#define RAM	   (UINT64_C(64) << 20)
#define GPA	   UINT64_C(0x1000000)
#define LINKED	   UINT32_C(0x81000000)
#define SEGMENT_AT 0x1000
#define SEGMENT	   0x4000
#define ALIGN	   UINT64_C(0x200000)
#define VALUE_32   UINT32_C(0x81000010)
#define VALUE_64   UINT64_C(0xffffffff81000020)

/* Where in the segment an address stands, or its opposite. */
enum { AT_32 = 0x300, AT_INVERSE = 0x200, AT_64 = 0x100, AT_NOTHING = 0x400 };

static struct fail why;

struct bytes {
	unsigned char at[0x10000];
	size_t length;
};

static void add(struct bytes *bytes, const void *more, size_t length)
{
	ck_assert_uint_le(bytes->length + length, sizeof(bytes->at));
	memcpy(bytes->at + bytes->length, more, length);
	bytes->length += length;
}

static void add_number(struct bytes *bytes, uint32_t number)
{
	add(bytes, &number, sizeof(number));
}

/* An ELF file of one segment and one section header; no lists yet. */
static void elf_make(struct bytes *elf)
{
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = GPA,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shoff = SEGMENT_AT + SEGMENT,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 1,
	};
	const Elf64_Phdr load = { .p_type = PT_LOAD,
				  .p_offset = SEGMENT_AT,
				  .p_paddr = GPA,
				  .p_filesz = SEGMENT,
				  .p_memsz = 2 * SEGMENT };
	const uint32_t value_32 = VALUE_32, inverse = -VALUE_32;
	const uint64_t value_64 = VALUE_64;

	memset(elf, 0, sizeof(*elf));
	add(elf, &header, sizeof(header));
	add(elf, &load, sizeof(load));
	elf->length = SEGMENT_AT + SEGMENT + sizeof(Elf64_Shdr);
	memcpy(elf->at + SEGMENT_AT + AT_32, &value_32, sizeof(value_32));
	memcpy(elf->at + SEGMENT_AT + AT_INVERSE, &inverse, sizeof(inverse));
	memcpy(elf->at + SEGMENT_AT + AT_64, &value_64, sizeof(value_64));
	memcpy(elf->at + SEGMENT_AT + AT_NOTHING, &value_64, sizeof(value_64));
}

static void lists_add(struct bytes *elf, bool has_inverse)
{
	add_number(elf, 0);
	add_number(elf, LINKED + AT_64);
	add_number(elf, 0);
	if (has_inverse) {
		add_number(elf, LINKED + AT_INVERSE);
		add_number(elf, 0);
	}
	add_number(elf, LINKED + AT_32);
}

/* ---------------------------------------------------------------- packing */

static void pack_gzip(const struct bytes *in, struct bytes *out)
{
	z_stream stream = { .next_in = in->at,
			    .avail_in = (uInt)in->length,
			    .next_out = out->at,
			    .avail_out = sizeof(out->at) };

	ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, 0), Z_OK);
	ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
	out->length = stream.total_out;
	deflateEnd(&stream);
}

static void pack_xz(const struct bytes *in, struct bytes *out)
{
	out->length = 0;
	ck_assert_int_eq(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, in->at, in->length,
						 out->at, &out->length, sizeof(out->at)),
			 LZMA_OK);
	add_number(out, (uint32_t)in->length);
}

static void pack_zstd(const struct bytes *in, struct bytes *out)
{
	out->length = ZSTD_compress(out->at, sizeof(out->at), in->at, in->length, 19);
	ck_assert(!ZSTD_isError(out->length));
	add_number(out, (uint32_t)in->length);
}

/* Two blocks. */
static void pack_lz4(const struct bytes *in, struct bytes *out)
{
	size_t half = in->length / 2;

	out->length = 0;
	add_number(out, 0x184c2102);
	for (int i = 0; i < 2; i++) {
		char block[0x10000];
		size_t length = i == 0 ? half : in->length - half;
		int n = LZ4_compress_default((const char *)in->at + (size_t)i * half, block,
					     (int)length, sizeof(block));

		ck_assert_int_gt(n, 0);
		add_number(out, (uint32_t)n);
		add(out, block, (size_t)n);
	}
	add_number(out, (uint32_t)in->length);
}

static void pack_other(const struct bytes *in, struct bytes *out)
{
	out->length = 0;
	add(out, "BZh9-----", 10);
	add_number(out, (uint32_t)in->length);
}

static void (*const packs[])(const struct bytes *in, struct bytes *out) = { pack_gzip, pack_xz,
									    pack_zstd, pack_lz4 };

static void bz_make(const struct bytes *payload, struct bytes *bz)
{
	struct setup_header setup = bzimage_setup();

	setup.payload_offset = 0x400;
	setup.payload_length = (uint32_t)payload->length;
	memset(bz, 0, sizeof(*bz));
	bz->length = BZIMAGE_START + setup.payload_offset;
	add(bz, payload->at, payload->length);
	bz->length = (bz->length + 15) / 16 * 16;
	setup.syssize = (uint32_t)(bz->length - BZIMAGE_START) / 16;
	memcpy(bz->at + BZIMAGE_SETUP_AT, &setup, sizeof(setup));
}

/* ---------------------------------------------------------------- booting */

static struct vcpu_entry entry;
static struct boot_params params;

static void file_write(const struct bytes *bz, char path[128])
{
	int fd;

	snprintf(path, 128, "%s/kernel", scratch_path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bz->at, bz->length), (ssize_t)bz->length);
	close(fd);
}

static int seed_give(void *context, uint64_t *ret_seed)
{
	memcpy(ret_seed, context, sizeof(*ret_seed));
	return 0;
}

static int boot(struct gmem *gmem, const struct bytes *bz, uint64_t seed, const char *cmdline)
{
	char path[128];
	const struct boot_files files = {
		.kernel = path, .cmdline = cmdline, .seed = seed_give, .seed_context = &seed
	};
	int rc;

	why.text[0] = '\0';
	file_write(bz, path);
	rc = boot_load(gmem, &files, &entry, &why);
	if (rc == 0)
		ck_assert_int_eq(gmem_read(gmem, entry.argument, &params, sizeof(params)), 0);
	return rc;
}

static struct gmem *ram(void)
{
	struct gmem *gmem;

	ck_assert_int_eq(gmem_create(RAM, &gmem, &why), 0);
	return gmem;
}

static uint32_t number_32(struct gmem *gmem, uint64_t at)
{
	uint32_t number;

	ck_assert_int_eq(gmem_read(gmem, GPA + at, &number, sizeof(number)), 0);
	return number;
}

static uint64_t number_64(struct gmem *gmem, uint64_t at)
{
	uint64_t number;

	ck_assert_int_eq(gmem_read(gmem, GPA + at, &number, sizeof(number)), 0);
	return number;
}

/* How far it was moved; all addresses by the same. */
static uint64_t moved_by(struct gmem *gmem, bool has_inverse)
{
	uint64_t offset = number_64(gmem, AT_64) - VALUE_64;

	ck_assert_uint_eq(entry.rip, GPA);
	ck_assert_uint_ne(params.hdr.loadflags & KASLR_FLAG, 0);
	ck_assert_uint_eq(number_32(gmem, AT_32), (uint32_t)(VALUE_32 + offset));
	ck_assert_uint_eq(number_32(gmem, AT_INVERSE),
			  (uint32_t) - (VALUE_32 + (has_inverse ? (uint32_t)offset : 0)));
	ck_assert_uint_eq(number_64(gmem, AT_NOTHING), VALUE_64);
	return offset;
}

static void packed_with(size_t format, bool has_inverse, struct bytes *bz)
{
	static struct bytes elf, payload;

	elf_make(&elf);
	lists_add(&elf, has_inverse);
	packs[format](&elf, &payload);
	bz_make(&payload, bz);
}

static struct bytes bz;

START_TEST(a_kernel_of_each_format_is_moved)
{
	for (size_t format = 0; format < ARRAY_SIZE(packs); format++) {
		struct gmem *gmem = ram();

		packed_with(format, true, &bz);
		ck_assert_int_eq(boot(gmem, &bz, 7, "quiet"), 0);
		ck_assert_uint_eq(moved_by(gmem, true), 7 * ALIGN);
		gmem_free(gmem);
	}
}
END_TEST

START_TEST(newer_kernels_have_one_list_less)
{
	struct gmem *gmem = ram();

	packed_with(2, false, &bz);
	ck_assert_int_eq(boot(gmem, &bz, 3, ""), 0);
	ck_assert_uint_eq(moved_by(gmem, false), 3 * ALIGN);
	gmem_free(gmem);
}
END_TEST

START_TEST(no_seed_moves_it_too_far)
{
	uint64_t most = 0, room = (UINT64_C(1) << 30) - GPA - 2 * SEGMENT;

	packed_with(2, true, &bz);
	for (uint64_t seed = 0; seed < 1100; seed++) {
		struct gmem *gmem = ram();
		uint64_t offset;

		ck_assert_int_eq(boot(gmem, &bz, seed, ""), 0);
		offset = moved_by(gmem, true);
		ck_assert_uint_eq(offset % ALIGN, 0);
		ck_assert_uint_le(offset, room);
		most = offset > most ? offset : most;
		gmem_free(gmem);
	}
	ck_assert_uint_gt(most, room - 8 * ALIGN);
}
END_TEST

START_TEST(nokaslr_leaves_it_to_itself)
{
	static const struct {
		const char *cmdline;
		uint64_t rip;
	} cases[] = {
		{ "nokaslr", GPA + 0x200 },	     { "quiet nokaslr x", GPA + 0x200 },
		{ "xnokaslr nokaslr", GPA + 0x200 }, { "xnokaslr", GPA },
		{ "nokaslr=1 quiet", GPA },
	};

	packed_with(0, true, &bz);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gmem *gmem = ram();

		ck_assert_int_eq(boot(gmem, &bz, 7, cases[i].cmdline), 0);
		ck_assert_uint_eq(entry.rip, cases[i].rip);
		gmem_free(gmem);
	}
}
END_TEST

/* Then it starts as any bzImage does. */
static void expect_left_to_itself(const struct bytes *payload)
{
	struct gmem *gmem = ram();

	bz_make(payload, &bz);
	ck_assert_int_eq(boot(gmem, &bz, 7, ""), 0);
	ck_assert_uint_eq(entry.rip, GPA + 0x200);
	ck_assert_uint_eq(params.hdr.loadflags & KASLR_FLAG, 0);
	gmem_free(gmem);
}

START_TEST(what_is_packed_otherwise_is_left_to_itself)
{
	static struct bytes elf, payload;

	elf_make(&elf);
	lists_add(&elf, true);
	pack_other(&elf, &payload);
	expect_left_to_itself(&payload);
}
END_TEST

START_TEST(what_has_no_lists_is_left_to_itself)
{
	static struct bytes elf, payload;

	elf_make(&elf);
	pack_zstd(&elf, &payload);
	expect_left_to_itself(&payload);

	add_number(&elf, 0); /* one list is too few, four are too many */
	pack_zstd(&elf, &payload);
	expect_left_to_itself(&payload);
	for (int i = 0; i < 3; i++)
		add_number(&elf, 0);
	pack_zstd(&elf, &payload);
	expect_left_to_itself(&payload);
}
END_TEST

START_TEST(what_is_no_kernel_inside_is_left_to_itself)
{
	static struct bytes text, payload;

	text.length = 0;
	add(&text, "not an ELF file", 16);
	pack_xz(&text, &payload);
	expect_left_to_itself(&payload);
	text.length = 0;
	add(&text, ELFMAG, SELFMAG);
	pack_xz(&text, &payload);
	expect_left_to_itself(&payload);
}
END_TEST

/* The guest may have made the file: it does not say how much memory we take. */
START_TEST(what_does_not_fit_is_not_unpacked)
{
	static struct bytes elf, payload;
	uint32_t more = 0x100001; /* than init_size */

	elf_make(&elf);
	lists_add(&elf, true);
	pack_zstd(&elf, &payload);
	memcpy(payload.at + payload.length - sizeof(more), &more, sizeof(more));
	expect_left_to_itself(&payload);
	more = UINT32_MAX;
	memcpy(payload.at + payload.length - sizeof(more), &more, sizeof(more));
	expect_left_to_itself(&payload);
}
END_TEST

START_TEST(lists_that_lead_outside_are_refused)
{
	static const uint32_t places[] = { 1, LINKED - 1, LINKED + 2 * SEGMENT,
					   LINKED + 2 * SEGMENT - 3, UINT32_MAX };
	static struct bytes elf, payload;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct gmem *gmem = ram();

		elf_make(&elf);
		lists_add(&elf, true);
		add_number(&elf, places[i]);
		pack_zstd(&elf, &payload);
		bz_make(&payload, &bz);
		ck_assert_int_lt(boot(gmem, &bz, 7, ""), 0);
		ck_assert_ptr_nonnull(strstr(why.text, "cannot be moved"));
		gmem_free(gmem);
	}
}
END_TEST

/* Whatever is wrong with what was packed: an answer. */
START_TEST(every_changed_byte_gets_an_answer)
{
	for (size_t format = 0; format < ARRAY_SIZE(packs); format++) {
		struct gmem *gmem = ram();
		size_t begin = BZIMAGE_START + 0x400;

		packed_with(format, true, &bz);
		for (size_t at = begin; at < bz.length; at++) {
			int rc;

			bz.at[at] ^= 0x41;
			rc = boot(gmem, &bz, 7, "");
			if (rc < 0)
				ck_assert_uint_gt(strlen(why.text), 0);
			else
				ck_assert(entry.rip == GPA || entry.rip == GPA + 0x200);
			bz.at[at] ^= 0x41;
		}
		gmem_free(gmem);
	}
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_kernel_of_each_format_is_moved },
	{ "core", &newer_kernels_have_one_list_less },
	{ "core", &nokaslr_leaves_it_to_itself },
	{ "limits", &no_seed_moves_it_too_far },
	{ "misuse", &what_is_packed_otherwise_is_left_to_itself },
	{ "misuse", &what_has_no_lists_is_left_to_itself },
	{ "misuse", &what_is_no_kernel_inside_is_left_to_itself },
	{ "misuse", &what_does_not_fit_is_not_unpacked },
	{ "misuse", &lists_that_lead_outside_are_refused },
	{ "misuse", &every_changed_byte_gets_an_answer },
};

SUITE_MAIN_AROUND("boot_move", tests, scratch_make, scratch_remove)
