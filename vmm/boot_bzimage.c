/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_bzimage.c - Linux's own kernel format, by its 64-bit boot protocol
 *
 * Format and rules: Documentation/arch/x86/boot.rst of Linux. A bzImage is a
 * boot sector and some real-mode sectors, which we skip but for the header in
 * them, and the protected-mode kernel behind, which goes to pref_address as it
 * is and unpacks itself. Its 64-bit entry is 0x200 bytes in.
 *
 * 2.12 is the first version that says whether there is a 64-bit entry at all;
 * every kernel since 3.8 (2013) has it.
 */
#include <stdbool.h>
#include <string.h>

#include "vmm/boot_image.h"

#define SECTOR		     512
#define HEADER_OFFSET	     0x1f1
#define HEADER_LENGTH_OFFSET 0x201 /* one byte: the header ends that far behind 0x202 */
#define BOOT_FLAG	     0xaa55
#define MIN_VERSION	     0x020c
#define ENTRY_64	     0x200
#define DEFAULT_SETUP_SECTS  4 /* what zero means, since the first Linux */

/* cmdline_size is the kernel's; what we can place is less than a segment. */
#define CMDLINE_LIMIT 0xffff

static int broken(struct fail *why, const char *name, const char *what)
{
	return fail_set(why, ENOEXEC, "kernel '%s' is broken or cut short: %s", name, what);
}

/* The header's known part; what the file's is too short for stays zero. */
static int header_read(const struct boot_source *source, struct setup_header *ret_setup,
		       struct fail *why)
{
	unsigned char bytes[2 * SECTOR];
	struct setup_header setup = { 0 };
	size_t known = sizeof(setup), end;
	int rc;

	if (source->length < sizeof(bytes))
		return broken(why, source->name, "it ends inside its header");
	rc = source->read(source, 0, bytes, sizeof(bytes), why);
	if (rc < 0)
		return rc;
	end = HEADER_LENGTH_OFFSET + 1u + bytes[HEADER_LENGTH_OFFSET];
	if (end - HEADER_OFFSET < known)
		known = end - HEADER_OFFSET;
	memcpy(&setup, bytes + HEADER_OFFSET, known);
	if (setup.boot_flag != BOOT_FLAG || memcmp(&setup.header, "HdrS", 4) != 0)
		return broken(why, source->name, "its boot header has no signature");
	*ret_setup = setup;
	return 0;
}

static int header_check(const struct setup_header *setup, const char *name, struct fail *why)
{
	if (setup->version < MIN_VERSION || !(setup->xloadflags & XLF_KERNEL_64))
		return fail_set(why, ENOTSUP,
				"kernel '%s' has no 64-bit entry point: it needs a 64-bit kernel, "
				"Linux 3.8 or newer",
				name);
	if (!(setup->loadflags & LOADED_HIGH))
		return fail_set(why, ENOTSUP, "kernel '%s' is a zImage, not a bzImage", name);
	if (setup->pref_address < BOOT_LOWEST_LOAD || setup->pref_address > UINT32_MAX)
		return broken(why, name, "its preferred address makes no sense");
	if (setup->kernel_alignment == 0 ||
	    (setup->kernel_alignment & (setup->kernel_alignment - 1)))
		return broken(why, name, "its alignment is no power of two");
	if (setup->pref_address & (setup->kernel_alignment - 1))
		return broken(why, name, "its preferred address is not aligned as it demands");
	if (setup->cmdline_size == 0)
		return broken(why, name, "it takes no command line");
	return 0;
}

int boot_bzimage_read(const struct boot_source *source, struct boot_image *ret_image,
		      struct fail *why)
{
	const char *name = source->name;
	struct boot_image image = { .protocol = BOOT_LINUX64, .segment_count = 1 };
	const struct setup_header *setup = &image.setup;
	uint64_t length = source->length, start, payload;
	int rc = header_read(source, &image.setup, why);

	if (rc == 0)
		rc = header_check(setup, name, why);
	if (rc < 0)
		return rc;
	start = (setup->setup_sects ? setup->setup_sects : DEFAULT_SETUP_SECTS) + 1;
	start *= SECTOR;
	if (start >= length)
		return broken(why, name, "it ends before its 64-bit part");
	/* in paragraphs of 16 bytes, the last one perhaps not filled */
	payload = (uint64_t)setup->syssize * 16;
	if (payload == 0 || payload > length - start + 15)
		return broken(why, name, "it is shorter than its header says");
	if (payload > length - start)
		payload = length - start;
	if (payload <= ENTRY_64 || setup->init_size < payload)
		return broken(why, name, "the sizes in its header contradict each other");

	image.segments[0] = (struct boot_segment){
		.file_offset = start,
		.file_bytes = payload,
		.gpa = setup->pref_address,
		.mem_bytes = setup->init_size,
	};
	image.entry = setup->pref_address + ENTRY_64;
	image.end = setup->pref_address + setup->init_size;
	image.initrd_last = setup->initrd_addr_max;
	image.cmdline_max =
		setup->cmdline_size < CMDLINE_LIMIT ? setup->cmdline_size : CMDLINE_LIMIT;
	*ret_image = image;
	return 0;
}
