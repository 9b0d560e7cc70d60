/* SPDX-License-Identifier: Apache-2.0 */
/* boot_image.c - which kind of kernel a file is */
#include "vmm/boot_image.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#define BZIMAGE_MAGIC_OFFSET 0x202

static bool has_bytes_at(const unsigned char *head, size_t length, size_t offset,
			 const void *wanted, size_t wanted_length)
{
	return length >= offset + wanted_length &&
	       memcmp(head + offset, wanted, wanted_length) == 0;
}

int boot_image_read(const struct boot_source *source, struct boot_image *ret_image,
		    struct fail *why)
{
	unsigned char head[BZIMAGE_MAGIC_OFFSET + 4];
	size_t length = source->length < sizeof(head) ? source->length : sizeof(head);
	int rc;

	if (length == 0)
		return fail_set(why, ENOEXEC, "kernel '%s' is empty", source->name);
	rc = source->read(source, 0, head, length, why);
	if (rc < 0)
		return rc;
	if (has_bytes_at(head, length, 0, ELFMAG, SELFMAG))
		return boot_elf_read(source, ret_image, why);
	if (has_bytes_at(head, length, BZIMAGE_MAGIC_OFFSET, "HdrS", 4))
		return boot_bzimage_read(source, ret_image, why);
	return fail_set(why, ENOEXEC,
			"'%s' is no kernel that samepage can boot: it needs a bzImage or an ELF "
			"image with a PVH entry",
			source->name);
}

static int memory_read(const struct boot_source *source, uint64_t at, void *to, size_t length,
		       struct fail *why)
{
	memcpy(to, (const char *)source->bytes + at, length);
	return 0;
}

void boot_source_memory(struct boot_source *ret_source, const char *name, const void *bytes,
			size_t length)
{
	*ret_source = (struct boot_source){
		.name = name, .length = length, .read = memory_read, .bytes = bytes
	};
}

int boot_image_parse(const void *bytes, size_t length, const char *name,
		     struct boot_image *ret_image, struct fail *why)
{
	struct boot_source source;

	boot_source_memory(&source, name, bytes, length);
	return boot_image_read(&source, ret_image, why);
}
