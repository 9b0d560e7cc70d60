/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_grub_menu.c - GRUB's configuration, from a disk image that lies
 *
 * The input is a grub.cfg; what follows the first zero byte, if there is one, is a
 * grubenv. What comes out must be texts that can be used as they are.
 */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/grub_menu.h"

/* Ends within its array, and has nothing that a terminal would obey. */
static void expect_text(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	if (length == size)
		abort();
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)text[i]) && text[i] != '\t')
			abort();
}

static void expect_entry(const struct boot_entry *entry)
{
	expect_text(entry->title, sizeof(entry->title));
	expect_text(entry->cmdline, sizeof(entry->cmdline));
	expect_text(entry->kernel, sizeof(entry->kernel));
	if (entry->kernel[0] != '/' || entry->initrd_count > BOOT_INITRDS_MAX)
		abort();
	for (unsigned int i = 0; i < entry->initrd_count; i++) {
		expect_text(entry->initrds[i], sizeof(entry->initrds[i]));
		if (entry->initrds[i][0] != '/')
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *config = (const char *)bytes;
	const char *zero = memchr(config, '\0', length);
	size_t config_length = zero ? (size_t)(zero - config) : length;
	struct grub_menu *menu;
	struct boot_entry entry;
	struct fail why;
	char expanded[64];

	if (grub_menu_create(config, config_length, zero ? zero + 1 : NULL,
			     zero ? length - config_length - 1 : 0, &menu, &why) < 0)
		return 0;
	if (grub_menu_boots(menu, &entry, &why) == 0)
		expect_entry(&entry);
	if (grub_menu_expand(menu, "$default$prefix$", expanded, sizeof(expanded)) == 0 &&
	    strnlen(expanded, sizeof(expanded)) == sizeof(expanded))
		abort();
	grub_menu_names(menu, grub_menu_default(menu));
	grub_menu_free(menu);
	return 0;
}
