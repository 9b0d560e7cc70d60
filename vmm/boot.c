/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.c - a kernel, its initrd and its command line into guest memory
 *
 * Order: find out what the kernel is, check that everything fits, only then read it
 * and the initrd to where they belong, without a copy in between: most of the time
 * until a guest starts goes into this. The initrd goes as high as kernel and RAM
 * allow, so that the kernel, which unpacks itself upwards from where it was loaded,
 * has the room below.
 */
#include "vmm/boot.h"

#include <string.h>

#include "base/log.h"
#include "vmm/boot_file.h"
#include "vmm/boot_layout.h"
#include "vmm/boot_memmap.h"
#include "vmm/boot_move.h"
#include "vmm/boot_protocol.h"

/* A vmlinux with all its debugging symbols stays below. */
#define KERNEL_MAX_BYTES (UINT64_C(2) << 30)

static unsigned long long mib_up(uint64_t bytes)
{
	return (bytes + (1u << 20) - 1) >> 20;
}

static int file_read(const struct boot_source *source, uint64_t at, void *to, size_t length,
		     struct fail *why)
{
	return boot_file_read("kernel", source->name, source->fd, at, to, length, why);
}

/*
 * Some file systems read straight into the page, and the memory of a guest that starts
 * anew is looked through meanwhile: so it is pinned around a read.
 */
static int ram_pin(struct gmem *gmem, const void *to, size_t length, const char *path,
		   struct fail *why)
{
	int rc = gmem_pin(gmem, to, length);

	return rc < 0 ? fail_errno(why, -rc, "cannot load '%s'", path) : 0;
}

static int segments_load(struct gmem *gmem, const struct boot_image *image,
			 const struct boot_source *source, struct fail *why)
{
	if (image->end > boot_low_end(gmem))
		return fail_set(why, ENOMEM,
				"kernel '%s' needs at least %llu MiB of memory, the guest has %llu "
				"MiB: raise --mem",
				source->name, mib_up(image->end), mib_up(gmem_bytes(gmem)));
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct boot_segment *segment = &image->segments[i];

		/* the rest of mem_bytes is zero, as fresh memory is */
		void *to = gmem_span(gmem, segment->gpa, segment->file_bytes);
		int rc;

		if (!to)
			return fail_set(why, ENOMEM, "kernel '%s' does not fit into RAM",
					source->name);
		rc = ram_pin(gmem, to, segment->file_bytes, source->name, why);
		if (rc < 0)
			return rc;
		rc = source->read(source, segment->file_offset, to, segment->file_bytes, why);
		gmem_unpin(gmem, to, segment->file_bytes);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* As the kernel takes its command line apart. */
static bool separates(char c)
{
	return (unsigned char)c <= ' ';
}

/* nokaslr, as a word of its own: then it stays where it was linked for. */
static bool stays(const char *cmdline)
{
	static const char word[] = "nokaslr";
	const char *at = cmdline;

	while ((at = strstr(at, word))) {
		const char *end = at + strlen(word);

		if ((at == cmdline || separates(at[-1])) && separates(*end))
			return true;
		at = end;
	}
	return false;
}

static int moved_load(struct gmem *gmem, const struct boot_moved *moved, struct fail *why)
{
	int rc = segments_load(gmem, &moved->image, &moved->source, why);

	if (rc < 0)
		return rc;
	rc = boot_move_apply(gmem, moved);
	return rc < 0 ? fail_errno(why, -rc, "kernel '%s' is broken: it cannot be moved",
				   moved->source.name)
		      : 0;
}

/* Moved by us, or as it is in the file: then it moves itself. */
static int image_load(struct gmem *gmem, const struct boot_files *files,
		      const struct boot_source *source, struct boot_image *image, struct fail *why)
{
	struct boot_moved moved = { 0 };
	struct fail reason;
	uint64_t seed;
	int rc;

	if (!files->seed || image->protocol != BOOT_LINUX64 || stays(files->cmdline) ||
	    files->seed(files->seed_context, &seed) < 0)
		return segments_load(gmem, image, source, why);
	if (boot_move_read(source, image, boot_low_end(gmem), seed, &moved, &reason) < 0) {
		log_debug("kernel '%s' chooses its address itself: %s", source->name, reason.text);
		return segments_load(gmem, image, source, why);
	}
	log_debug("kernel '%s' is moved by %#llx", source->name, (unsigned long long)moved.offset);
	*image = moved.image;
	rc = moved_load(gmem, &moved, why);
	boot_move_free(&moved);
	return rc;
}

static int kernel_load(struct gmem *gmem, const struct boot_files *files,
		       struct boot_image *ret_image, struct fail *why)
{
	const char *path = files->kernel;
	AUTO_CLOSE int fd = -1;
	struct boot_source source = { .name = path, .read = file_read };
	int rc = boot_file_open("kernel", path, &fd, &source.length, why);

	if (rc < 0)
		return rc;
	if (source.length > KERNEL_MAX_BYTES)
		return fail_set(why, EFBIG, "'%s' is too large to be a kernel", path);
	source.fd = fd;
	rc = boot_image_read(&source, ret_image, why);
	return rc < 0 ? rc : image_load(gmem, files, &source, ret_image, why);
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
	rc = ram_pin(gmem, to, bytes, path, why);
	if (rc < 0)
		return rc;
	rc = boot_file_read("initrd", path, fd, 0, to, bytes, why);
	gmem_unpin(gmem, to, bytes);
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
	struct boot_placed placed = { .rsdp = files->rsdp };
	struct boot_image image;
	int rc = kernel_load(gmem, files, &image, why);

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
