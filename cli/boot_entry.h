/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_entry.h - one entry of a boot menu: a kernel, its initrds and its command line
 *
 * What boot loaders' configurations are read into, see grub_menu.h and bls_entry.h.
 * Paths are those of the image, from the root of a file system on: they mean nothing
 * outside. Everything is foreign text of bounded length.
 */
#ifndef CLI_BOOT_ENTRY_H
#define CLI_BOOT_ENTRY_H

#include <stddef.h>

#include "base/auto.h"

#define BOOT_TITLE_SIZE	  128
#define BOOT_PATH_SIZE	  512
#define BOOT_INITRDS_MAX  8
#define BOOT_CMDLINE_SIZE 4096 /* twice of what the kernel takes on x86 */

struct boot_entry {
	char title[BOOT_TITLE_SIZE]; /* printable ASCII, cut off where it is too long */
	char kernel[BOOT_PATH_SIZE]; /* absolute; empty: none is named */
	char initrds[BOOT_INITRDS_MAX][BOOT_PATH_SIZE];
	unsigned int initrd_count;
	char cmdline[BOOT_CMDLINE_SIZE];
};

void boot_entry_init(struct boot_entry *entry);

/* Bytes that are not printable become question marks. */
void boot_entry_set_title(struct boot_entry *entry, const char *title);

/*
 * A path as boot loaders write it: a device in front, as in (hd0,gpt2)/vmlinuz or
 * ($root)/vmlinuz, is left out. -EINVAL: what is left is not absolute, or has control characters;
 * -ENAMETOOLONG; -E2BIG: too many initrds.
 */
CHECKED int boot_entry_set_kernel(struct boot_entry *entry, const char *path);
CHECKED int boot_entry_add_initrd(struct boot_entry *entry, const char *path);

/* Behind what is there, a blank between them. -E2BIG; -EINVAL: control characters. */
CHECKED int boot_entry_add_cmdline(struct boot_entry *entry, const char *arguments);

/* The kernel's first console is the screen, which a guest does not have. -E2BIG. */
CHECKED int boot_entry_ensure_console(struct boot_entry *entry);

#endif
