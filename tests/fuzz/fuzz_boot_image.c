/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_boot_image.c - a kernel file, as it comes from anywhere
 *
 * The input is a whole file. Where a parser takes it, what it says has to be true of this
 * file: segments inside of it and above what stands below 1 MiB, sums that fit, an entry in
 * what was loaded. Kernels that fit into a small guest's RAM are loaded there, and started:
 * the boot structures must be readable where the processor is told that they are.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot_move.h"
#include "vmm/boot_protocol.h"

#define RAM (UINT64_C(32) << 20)

static struct gmem *gmem;

static void expect(bool is_so)
{
	if (!is_so)
		abort();
}

static bool is_inside(uint64_t start, uint64_t length, uint64_t limit)
{
	return start <= limit && length <= limit - start;
}

static bool has_entry(const struct boot_segment *segment, uint64_t entry)
{
	return entry >= segment->gpa && entry - segment->gpa < segment->file_bytes;
}

static void expect_sound(const struct boot_image *image, size_t length)
{
	bool is_entered = false;

	expect(image->segment_count >= 1 && image->segment_count <= BOOT_MAX_SEGMENTS);
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct boot_segment *segment = &image->segments[i];

		expect(is_inside(segment->file_offset, segment->file_bytes, length));
		expect(segment->file_bytes <= segment->mem_bytes);
		expect(segment->gpa >= BOOT_LOWEST_LOAD && segment->gpa <= UINT32_MAX);
		expect(is_inside(segment->gpa, segment->mem_bytes, image->end));
		is_entered = is_entered || has_entry(segment, image->entry);
	}
	expect(is_entered && image->end <= UINT64_C(2) << 32);
	expect(image->cmdline_max > 0 && image->cmdline_max <= 0xffff);
}

/* Returns whether all of it fits. */
static bool load(const struct boot_image *image, const uint8_t *bytes)
{
	if (image->end > RAM)
		return false;
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct boot_segment *segment = &image->segments[i];

		expect(gmem_write(gmem, segment->gpa, bytes + segment->file_offset,
				  segment->file_bytes) == 0);
	}
	return true;
}

/* What is packed in it is as foreign as the rest. */
static void move(const struct boot_image *image, const uint8_t *bytes, size_t length)
{
	struct boot_source source;
	struct boot_moved moved;
	struct fail why;
	int rc;

	boot_source_memory(&source, "fuzzed", bytes, length);
	if (boot_move_read(&source, image, RAM, length, &moved, &why) < 0)
		return;
	expect_sound(&moved.image, moved.source.length);
	expect(moved.offset + moved.image.end <= UINT64_C(1) << 30 || moved.offset == 0);
	if (load(&moved.image, moved.bytes)) {
		rc = boot_move_apply(gmem, &moved);
		expect(rc == 0 || rc == -EBADMSG);
	}
	boot_move_free(&moved);
}

static void start(const struct boot_image *image)
{
	const struct boot_placed placed = { .initrd_gpa = RAM - 0x10000, .initrd_bytes = 0x1000 };
	struct vcpu_entry entry = { 0 };
	unsigned char page[4096];
	int rc = image->protocol == BOOT_PVH ? boot_pvh_prepare(gmem, image, &placed, &entry)
					     : boot_linux64_prepare(gmem, image, &placed, &entry);

	expect(rc == 0 && entry.rip == image->entry);
	expect(gmem_read(gmem, entry.argument, page, sizeof(page)) == 0);
	expect(entry.stack > 0 && entry.stack <= BOOT_LOWEST_LOAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct boot_image image;
	struct fail why;
	int rc;

	if (!gmem)
		expect(gmem_create(RAM, &gmem, &why) == 0);
	why.text[0] = '\0';
	rc = boot_image_parse(bytes, length, "fuzzed", &image, &why);
	if (rc < 0) {
		expect((rc == -ENOEXEC || rc == -ENOTSUP) && strstr(why.text, "fuzzed"));
		return 0;
	}
	expect(rc == 0);
	expect_sound(&image, length);
	if (image.protocol == BOOT_LINUX64)
		move(&image, bytes, length);
	if (load(&image, bytes))
		start(&image);
	return 0;
}
