/* SPDX-License-Identifier: Apache-2.0 */
/* boot_image.c - which kind of kernel a file is */
#include "vmm/boot_image.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#define BZIMAGE_MAGIC_OFFSET 0x202

static bool has_bytes_at(const void *bytes, size_t length, size_t offset, const void *wanted,
			 size_t wanted_length)
{
	return length >= wanted_length && offset <= length - wanted_length &&
	       memcmp((const char *)bytes + offset, wanted, wanted_length) == 0;
}

int boot_image_parse(const void *bytes, size_t length, const char *name,
		     struct boot_image *ret_image, struct fail *why)
{
	if (length == 0)
		return fail_set(why, ENOEXEC, "kernel '%s' is empty", name);
	if (has_bytes_at(bytes, length, 0, ELFMAG, SELFMAG))
		return boot_elf_parse(bytes, length, name, ret_image, why);
	if (has_bytes_at(bytes, length, BZIMAGE_MAGIC_OFFSET, "HdrS", 4))
		return boot_bzimage_parse(bytes, length, name, ret_image, why);
	return fail_set(why, ENOEXEC,
			"'%s' is no kernel that samepage can boot: it needs a bzImage or an ELF "
			"image with a PVH entry",
			name);
}
