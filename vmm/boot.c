/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.c - a kernel, its initrd and its command line into guest memory
 *
 * Order: read and parse the kernel, check that everything fits, only then copy.
 * The initrd goes as high as kernel and RAM allow, so that the kernel, which
 * unpacks itself upwards from where it was loaded, has the room below.
 */
#include "vmm/boot.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/boot_file.h"
#include "vmm/boot_layout.h"
#include "vmm/boot_memmap.h"
#include "vmm/boot_protocol.h"

/* A vmlinux with all its debugging symbols stays below. */
#define KERNEL_MAX_BYTES (UINT64_C(2) << 30)

static unsigned long long mib_up(uint64_t bytes)
{
	return (bytes + (1u << 20) - 1) >> 20;
}

static int kernel_read(const char *path, void **ret_bytes, size_t *ret_length, struct fail *why)
{
	AUTO_CLOSE int fd = -1;
	AUTO_FREE void *bytes = NULL;
	uint64_t length;
	int rc = boot_file_open("kernel", path, &fd, &length, why);

	if (rc < 0)
		return rc;
	if (length > KERNEL_MAX_BYTES)
		return fail_set(why, EFBIG, "'%s' is too large to be a kernel", path);
	bytes = malloc(length ? length : 1);
	if (!bytes)
		return fail_errno(why, ENOMEM, "cannot read kernel '%s'", path);
	rc = boot_file_read("kernel", path, fd, bytes, length, why);
	if (rc < 0)
		return rc;
	*ret_bytes = TAKE(bytes);
	*ret_length = length;
	return 0;
}

static int segments_load(struct gmem *gmem, const struct boot_image *image, const void *bytes,
			 const char *path, struct fail *why)
{
	if (image->end > boot_low_end(gmem))
		return fail_set(why, ENOMEM,
				"kernel '%s' needs at least %llu MiB of memory, the guest has %llu "
				"MiB: raise --mem",
				path, mib_up(image->end), mib_up(gmem_bytes(gmem)));
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct boot_segment *segment = &image->segments[i];

		/* the rest of mem_bytes is zero, as fresh memory is */
		if (gmem_write(gmem, segment->gpa, (const char *)bytes + segment->file_offset,
			       segment->file_bytes) < 0)
			return fail_set(why, ENOMEM, "kernel '%s' does not fit into RAM", path);
	}
	return 0;
}

/* Where an initrd of that size goes; 0: nowhere. */
static uint64_t initrd_place(const struct gmem *gmem, const struct boot_image *image,
			     uint64_t bytes)
{
	uint64_t limit = boot_low_end(gmem), start;

	if (image->initrd_last < limit)
		limit = image->initrd_last + 1;
	if (bytes > limit)
		return 0;
	start = (limit - bytes) & ~(GMEM_PAGE_SIZE - 1);
	return start >= image->end ? start : 0;
}

static int initrd_load(struct gmem *gmem, const struct boot_image *image, const char *path,
		       struct boot_placed *placed, struct fail *why)
{
	AUTO_CLOSE int fd = -1;
	uint64_t bytes, gpa;
	void *to;
	int rc = boot_file_open("initrd", path, &fd, &bytes, why);

	if (rc < 0)
		return rc;
	if (bytes == 0)
		return fail_set(why, EINVAL, "initrd '%s' is empty", path);
	gpa = initrd_place(gmem, image, bytes);
	to = gpa ? gmem_span(gmem, gpa, bytes) : NULL;
	if (!to)
		return fail_set(why, ENOMEM,
				"initrd '%s' (%llu MiB) does not fit into memory beside the "
				"kernel: raise --mem",
				path, mib_up(bytes));
	rc = boot_file_read("initrd", path, fd, to, bytes, why);
	if (rc < 0)
		return rc;
	placed->initrd_gpa = gpa;
	placed->initrd_bytes = bytes;
	return 0;
}

static int cmdline_load(struct gmem *gmem, const struct boot_image *image, const char *cmdline,
			struct fail *why)
{
	size_t length = strlen(cmdline);

	if (length > image->cmdline_max)
		return fail_set(why, E2BIG,
				"the kernel command line is too long: %zu bytes, this kernel takes "
				"%zu",
				length, image->cmdline_max);
	if (gmem_write(gmem, LAYOUT_CMDLINE, cmdline, length + 1) < 0)
		return fail_set(why, ENOMEM, "the kernel command line does not fit into RAM");
	return 0;
}

int boot_load(struct gmem *gmem, const struct boot_files *files, struct vcpu_entry *ret_entry,
	      struct fail *why)
{
	AUTO_FREE void *bytes = NULL;
	struct boot_placed placed = { .rsdp = files->rsdp };
	struct boot_image image;
	size_t length = 0;
	int rc = kernel_read(files->kernel, &bytes, &length, why);

	if (rc == 0)
		rc = boot_image_parse(bytes, length, files->kernel, &image, why);
	if (rc == 0)
		rc = segments_load(gmem, &image, bytes, files->kernel, why);
	if (rc == 0 && files->initrd)
		rc = initrd_load(gmem, &image, files->initrd, &placed, why);
	if (rc == 0)
		rc = cmdline_load(gmem, &image, files->cmdline, why);
	if (rc < 0)
		return rc;
	rc = image.protocol == BOOT_PVH ? boot_pvh_prepare(gmem, &image, &placed, ret_entry)
					: boot_linux64_prepare(gmem, &image, &placed, ret_entry);
	return rc < 0 ? fail_errno(why, -rc, "cannot prepare the boot") : 0;
}
