/* SPDX-License-Identifier: Apache-2.0 */
/* boot_entry.c - one entry of a boot menu: a kernel, its initrds and its command line */
#include "cli/boot_entry.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void boot_entry_init(struct boot_entry *entry)
{
	entry->title[0] = entry->kernel[0] = entry->cmdline[0] = '\0';
	entry->initrd_count = 0;
}

void boot_entry_set_title(struct boot_entry *entry, const char *title)
{
	size_t length = strnlen(title, sizeof(entry->title) - 1);

	for (size_t i = 0; i < length; i++)
		entry->title[i] = (char)(isprint((unsigned char)title[i]) ? title[i] : '?');
	entry->title[length] = '\0';
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text) && *text != '\t')
			return false;
	return true;
}

static int set_path(char to[BOOT_PATH_SIZE], const char *path)
{
	const char *device_end = *path == '(' ? strchr(path, ')') : NULL;

	if (device_end)
		path = device_end + 1;
	if (*path != '/' || !is_printable(path))
		return -EINVAL;
	if (strlen(path) >= BOOT_PATH_SIZE)
		return -ENAMETOOLONG;
	strcpy(to, path);
	return 0;
}

int boot_entry_set_kernel(struct boot_entry *entry, const char *path)
{
	return set_path(entry->kernel, path);
}

int boot_entry_add_initrd(struct boot_entry *entry, const char *path)
{
	int rc;

	if (entry->initrd_count == BOOT_INITRDS_MAX)
		return -E2BIG;
	rc = set_path(entry->initrds[entry->initrd_count], path);
	if (rc == 0)
		entry->initrd_count++;
	return rc;
}

int boot_entry_add_cmdline(struct boot_entry *entry, const char *arguments)
{
	size_t used = strlen(entry->cmdline), length = strlen(arguments);

	if (!is_printable(arguments))
		return -EINVAL;
	if (length == 0)
		return 0;
	if (used + 1 + length >= sizeof(entry->cmdline))
		return -E2BIG;
	if (used > 0)
		entry->cmdline[used++] = ' ';
	memcpy(entry->cmdline + used, arguments, length + 1);
	return 0;
}

static bool names_console(const char *cmdline)
{
	static const char name[] = "console=";
	const char *at = cmdline;

	while ((at = strstr(at, name))) {
		if (at == cmdline || isblank((unsigned char)at[-1]))
			return true;
		at += strlen(name);
	}
	return false;
}

int boot_entry_ensure_console(struct boot_entry *entry)
{
	return names_console(entry->cmdline) ? 0 : boot_entry_add_cmdline(entry, "console=ttyS0");
}
