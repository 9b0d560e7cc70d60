/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_boot.c - what a disk image boots by default, taken out of its own /boot
 *
 * The partitions are looked through in their order for a boot loader's configuration:
 * GRUB's first, since a system that has both boots through GRUB, and then its
 * configuration says whether the other entries count. The first that leads to a kernel
 * is taken. Paths in it are those of its own partition; if the kernel is not there, as
 * where `search' would have gone elsewhere, the other partitions are tried.
 *
 * What one partition has that can't be used does not keep the next from being tried;
 * but if none boots, the first such sentence is the one that is said.
 */
#include "cli/image_boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "cli/bls_entry.h"
#include "cli/boot_entry.h"
#include "cli/grub_menu.h"
#include "cli/image_files.h"

#define CONFIG_MAX_BYTES      (UINT64_C(1) << 20)
#define ENVIRONMENT_MAX_BYTES (UINT64_C(64) << 10)
#define ENTRY_MAX_BYTES	      (UINT64_C(64) << 10)
#define KERNEL_MAX_BYTES      (UINT64_C(256) << 20)
#define INITRD_MAX_BYTES      (UINT64_C(1) << 30)
#define BLS_ENTRIES_MAX	      64
#define PATH_SIZE	      512

struct finder {
	struct image_files files;
	uint64_t bytes_max, bytes_left; /* of what is taken out of a partition */
	unsigned int device;		/* the partition that is being looked at */
	struct fail said;		/* by the first configuration that can't be used */
	int said_rc;			/* with it; 0: there is none */
};

/* Whether to go on elsewhere: not without the tool, time or memory, nor when told to end. */
static bool is_final(int rc)
{
	return rc == -ENOPKG || rc == -ETIMEDOUT || rc == -ENOMEM || rc == -EINTR;
}

static void keep_sentence(struct finder *finder, int rc, const struct fail *why)
{
	if (finder->said_rc < 0)
		return;
	finder->said = *why;
	finder->said_rc = rc;
}

/* -------------------------------------------- boot loader specification entries */

struct bls_menu {
	struct bls_entry entries[BLS_ENTRIES_MAX];
	size_t count;
};

/* Entries that can't be read, or are for something else, don't count. */
static int bls_add(struct finder *finder, const char *directory, const char *name,
		   struct grub_menu *grub, struct bls_menu *menu, struct fail *why)
{
	struct bls_entry *entry = &menu->entries[menu->count];
	AUTO_FREE char *text = NULL;
	char path[PATH_SIZE];
	size_t length;
	int rc;

	if (snprintf(path, sizeof(path), "%s/entries/%s", directory, name) >= PATH_SIZE)
		return 0;
	rc = image_files_read(&finder->files, finder->device, path, ENTRY_MAX_BYTES, &text, &length,
			      why);
	if (rc < 0)
		return is_final(rc) ? rc : 0;
	rc = bls_entry_parse(name, text, length, grub ? grub_menu_expand : NULL, grub, entry);
	if (rc == 0 && entry->boot.kernel[0] && !entry->is_foreign)
		menu->count++;
	return 0;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t length = strlen(name), end = strlen(suffix);

	return length > end && strcmp(name + length - end, suffix) == 0;
}

static int bls_read(struct finder *finder, const char *directory, struct grub_menu *grub,
		    struct bls_menu *menu, struct fail *why)
{
	AUTO_FREE char *names = NULL;
	char path[PATH_SIZE], *rest;
	int rc;

	snprintf(path, sizeof(path), "%s/entries/", directory);
	rc = image_files_list(&finder->files, finder->device, path, &names, why);
	if (rc < 0)
		return is_final(rc) ? rc : 0;
	for (char *name = strtok_r(names, " \n", &rest);
	     rc == 0 && name && menu->count < BLS_ENTRIES_MAX; name = strtok_r(NULL, " \n", &rest))
		if (ends_in(name, ".conf"))
			rc = bls_add(finder, directory, name, grub, menu, why);
	qsort(menu->entries, menu->count, sizeof(*menu->entries), bls_entry_compare);
	return rc;
}

/* By number, id or title; NULL: none. */
static const struct bls_entry *bls_find(const struct bls_menu *menu, const char *name)
{
	uint64_t number;

	if (menu->count > 0 && parse_number(name, 0, menu->count - 1, &number) == 0)
		return &menu->entries[number];
	for (size_t i = 0; *name && i < menu->count; i++)
		if (strcmp(menu->entries[i].id, name) == 0 ||
		    strcmp(menu->entries[i].boot.title, name) == 0)
			return &menu->entries[i];
	return NULL;
}

/* What loader.conf names, else the first. */
static int bls_default(struct finder *finder, const char *directory, const struct bls_menu *menu,
		       const struct bls_entry **ret_entry, struct fail *why)
{
	char path[PATH_SIZE], pattern[BLS_TEXT_SIZE];
	AUTO_FREE char *text = NULL;
	size_t length = 0;
	int rc;

	*ret_entry = &menu->entries[0];
	snprintf(path, sizeof(path), "%s/loader.conf", directory);
	rc = image_files_read(&finder->files, finder->device, path, ENTRY_MAX_BYTES, &text, &length,
			      why);
	if (rc < 0)
		return is_final(rc) ? rc : 0;
	bls_loader_default(text, length, pattern);
	for (size_t i = menu->count; i > 0; i--)
		if (bls_entry_is(&menu->entries[i - 1], pattern))
			*ret_entry = &menu->entries[i - 1];
	return 0;
}

/* Entries that there are in GRUB's own configuration can be its default, too. */
static int bls_choose_with_grub(const struct bls_menu *menu, struct grub_menu *grub,
				struct boot_entry *ret_entry, struct fail *why)
{
	const struct bls_entry *entry = bls_find(menu, grub_menu_default(grub));

	if (menu->count == 0 || (!entry && grub_menu_names(grub, grub_menu_default(grub))))
		return grub_menu_boots(grub, ret_entry, why);
	*ret_entry = entry ? entry->boot : menu->entries[0].boot;
	return 0;
}

/* grub: whose menu they belong into; NULL: they are a menu of their own. */
static int bls_boots(struct finder *finder, struct grub_menu *grub, struct boot_entry *ret_entry,
		     struct fail *why)
{
	static const char *const directories[] = { "/loader", "/boot/loader" };
	AUTO_FREE struct bls_menu *menu = calloc(1, sizeof(*menu));
	const struct bls_entry *entry;
	size_t found = 0;
	int rc;

	if (!menu)
		return fail_errno(why, ENOMEM, "cannot read boot loader entries");
	rc = bls_read(finder, directories[found], grub, menu, why);
	if (rc == 0 && menu->count == 0)
		rc = bls_read(finder, directories[++found], grub, menu, why);
	if (rc < 0)
		return rc;
	if (grub)
		return bls_choose_with_grub(menu, grub, ret_entry, why);
	if (menu->count == 0)
		return fail_set(why, ENOENT, "there are no boot loader entries");
	rc = bls_default(finder, directories[found], menu, &entry, why);
	if (rc == 0)
		*ret_entry = entry->boot;
	return rc;
}

/* --------------------------------------------------------------------- GRUB */

static int grub_boots(struct finder *finder, const char *directory, const char *config,
		      size_t length, struct boot_entry *ret_entry, struct fail *why)
{
	AUTO_FREE char *environment = NULL;
	struct grub_menu *menu;
	size_t environment_length = 0;
	char path[PATH_SIZE];
	int rc;

	snprintf(path, sizeof(path), "%s/grubenv", directory);
	rc = image_files_read(&finder->files, finder->device, path, ENVIRONMENT_MAX_BYTES,
			      &environment, &environment_length, why);
	if (rc < 0 && is_final(rc))
		return rc;
	rc = grub_menu_create(config, length, environment, environment_length, &menu, why);
	if (rc < 0)
		return rc;
	rc = grub_menu_has_bls(menu) ? bls_boots(finder, menu, ret_entry, why)
				     : grub_menu_boots(menu, ret_entry, why);
	grub_menu_free(menu);
	return rc;
}

/* -ENOENT: no configuration of GRUB, or one that leads nowhere. */
static int grub_find(struct finder *finder, struct boot_entry *ret_entry, struct fail *why)
{
	static const char *const directories[] = { "/boot/grub", "/grub", "/boot/grub2", "/grub2" };
	int rc = -ENOENT;

	for (size_t i = 0; rc < 0 && !is_final(rc) && i < ARRAY_SIZE(directories); i++) {
		AUTO_FREE char *config = NULL;
		char path[PATH_SIZE];
		size_t length;

		snprintf(path, sizeof(path), "%s/grub.cfg", directories[i]);
		rc = image_files_read(&finder->files, finder->device, path, CONFIG_MAX_BYTES,
				      &config, &length, why);
		if (rc < 0)
			continue;
		rc = grub_boots(finder, directories[i], config, length, ret_entry, why);
		if (rc < 0)
			keep_sentence(finder, rc, why);
	}
	return rc;
}

/* --------------------------------------------------------------------- files */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Behind what is in fd, from the configuration's partition, else from any other. */
static int copy_file(struct finder *finder, const char *path, int fd, uint64_t max_bytes,
		     struct fail *why)
{
	off_t start = lseek(fd, 0, SEEK_CUR);
	int rc = image_files_copy(&finder->files, finder->device, path, fd, max_bytes, why);

	for (unsigned int i = 0; rc == -ENOENT && i < finder->files.count; i++) {
		if (i == finder->device)
			continue;
		if (ftruncate(fd, start) < 0 || lseek(fd, start, SEEK_SET) < 0)
			return fail_errno(why, errno, "cannot copy '%s' out of the image", path);
		rc = image_files_copy(&finder->files, i, path, fd, max_bytes, why);
	}
	if (rc == -ENOENT)
		fail_set(why, ENOENT, "'%s', which its boot entry names, is not in it", path);
	else if (rc == -EFBIG)
		fail_set(why, EFBIG, "'%s', which its boot entry names, is too large for the guest",
			 path);
	return rc;
}

/* What is in fd stays as it is, and counts. */
static int seal(struct finder *finder, int fd, struct fail *why)
{
	finder->bytes_left -= (uint64_t)lseek(fd, 0, SEEK_END);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return fail_errno(why, errno, "cannot seal what comes out of the image");
	return 0;
}

static int take_kernel(struct finder *finder, const struct boot_entry *entry, int *ret_fd,
		       struct fail *why)
{
	AUTO_CLOSE int fd = -1;
	int rc = image_memory_create("image-kernel", &fd, why);

	if (rc == 0)
		rc = copy_file(finder, entry->kernel, fd,
			       least(KERNEL_MAX_BYTES, finder->bytes_left), why);
	if (rc == 0)
		rc = seal(finder, fd, why);
	if (rc == 0)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

/* The kernel takes one initrd behind the other where each starts at a multiple of four. */
static int add_initrd(struct finder *finder, const char *path, int fd, uint64_t max_bytes,
		      struct fail *why)
{
	off_t used = (lseek(fd, 0, SEEK_END) + 3) & ~(off_t)3;

	if ((uint64_t)used > max_bytes)
		return fail_set(why, EFBIG, "its initrds are too large for the guest");
	if (ftruncate(fd, used) < 0 || lseek(fd, used, SEEK_SET) < 0)
		return fail_errno(why, errno, "cannot copy an initrd out of the image");
	return copy_file(finder, path, fd, max_bytes - (uint64_t)used, why);
}

static int take_initrds(struct finder *finder, const struct boot_entry *entry, int *ret_fd,
			struct fail *why)
{
	const uint64_t max_bytes = least(INITRD_MAX_BYTES, finder->bytes_left);
	AUTO_CLOSE int fd = -1;
	int rc;

	if (entry->initrd_count == 0)
		return 0;
	rc = image_memory_create("image-initrd", &fd, why);
	for (unsigned int i = 0; rc == 0 && i < entry->initrd_count; i++)
		rc = add_initrd(finder, entry->initrds[i], fd, max_bytes, why);
	if (rc == 0)
		rc = seal(finder, fd, why);
	if (rc == 0)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

static int take_files(struct finder *finder, const struct boot_entry *entry,
		      struct image_boot *boot, struct fail *why)
{
	int rc;

	finder->bytes_left = finder->bytes_max;
	rc = take_kernel(finder, entry, &boot->kernel_fd, why);
	if (rc == 0)
		rc = take_initrds(finder, entry, &boot->initrd_fd, why);
	if (rc < 0)
		return rc;
	boot->title = strdup(entry->title);
	boot->cmdline = strdup(entry->cmdline);
	boot->kernel_path = strdup(entry->kernel);
	if (!boot->title || !boot->cmdline || !boot->kernel_path)
		return fail_errno(why, ENOMEM, "cannot keep a boot entry");
	return 0;
}

/* -------------------------------------------------------------------- search */

static int try_device(struct finder *finder, struct image_boot *boot, struct fail *why)
{
	struct boot_entry entry;
	int rc = grub_find(finder, &entry, why);

	if (rc < 0 && !is_final(rc))
		rc = bls_boots(finder, NULL, &entry, why);
	if (rc < 0)
		return rc;
	if (boot_entry_ensure_console(&entry) < 0)
		rc = fail_set(why, E2BIG, "its command line is too long");
	else
		rc = take_files(finder, &entry, boot, why);
	if (rc < 0) {
		image_boot_done(boot);
		keep_sentence(finder, rc, why);
	}
	return rc;
}

static int search_devices(struct finder *finder, struct image_boot *boot, struct fail *why)
{
	int rc = -ENOENT;

	for (unsigned int i = 0; rc < 0 && !is_final(rc) && i < finder->files.count; i++) {
		finder->device = i;
		rc = try_device(finder, boot, why);
	}
	return rc;
}

int image_boot_find(const char *image, const struct image_limits *limits,
		    struct image_boot *ret_boot, struct fail *why)
{
	struct finder finder = { .bytes_max = limits->bytes };
	struct image_boot boot = IMAGE_BOOT_NONE;
	int rc = image_files_init(&finder.files, image, limits->seconds, why);

	if (rc < 0)
		return rc;
	rc = search_devices(&finder, &boot, why);
	image_files_done(&finder.files);
	if (rc == 0)
		*ret_boot = boot;
	else if (!is_final(rc) && finder.said_rc < 0)
		rc = fail_set(why, -finder.said_rc, "'%s' cannot be booted: %s", image,
			      finder.said.text);
	else if (!is_final(rc))
		rc = fail_set(why, ENOENT,
			      "'%s' has no boot loader configuration, neither GRUB's nor boot "
			      "loader entries: give a kernel with --kernel",
			      image);
	return rc;
}

void image_boot_done(struct image_boot *boot)
{
	auto_close(&boot->kernel_fd);
	auto_close(&boot->initrd_fd);
	free(boot->title);
	free(boot->cmdline);
	free(boot->kernel_path);
	*boot = IMAGE_BOOT_NONE;
}
