/* SPDX-License-Identifier: Apache-2.0 */
/* definition.c - what a guest is, as options or a section of a file define it */
#include "cli/definition.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "cli/disk_option.h"
#include "cli/net_option.h"
#include "devices/virtio_vsock.h"

static int check_boot(const struct definition *definition, struct fail *why)
{
	if (definition->ram_image && (definition->kernel || definition->image))
		return fail_set(why, EINVAL, "--%s and --ram-image exclude each other",
				definition->kernel ? "kernel" : "image");
	if (definition->image && (definition->kernel || definition->initrd))
		return fail_set(why, EINVAL,
				"--image brings its own kernel and initrd: leave out --kernel and "
				"--initrd, or give the disk with --disk");
	if (definition->ram_image && !definition->paused)
		return fail_set(
			why, EINVAL,
			"--ram-image needs --paused: an image holds memory, but no CPU state");
	if (definition->image && strncmp(definition->image, "nbd", 3) == 0 &&
	    strstr(definition->image, "://"))
		return fail_set(
			why, EINVAL,
			"--image takes a raw image or a block device: give '%s' with --disk, "
			"and its kernel with --kernel",
			definition->image);
	if (!definition->ram_image && !definition->kernel && !definition->image)
		return fail_set(
			why, EINVAL,
			"--kernel is missing: say which kernel to boot, or with --image which disk");
	if (definition->ram_image && (definition->initrd || definition->cmdline))
		return fail_set(why, EINVAL, "--initrd and --cmdline need --kernel");
	if (definition->mem % GMEM_PAGE_SIZE)
		return fail_set(why, EINVAL, "--mem %" PRIu64 "K is not a multiple of 4K",
				definition->mem >> 10);
	return 0;
}

bool definition_console_is_file(const struct definition *definition)
{
	const char *console = definition->console;

	return console && strcmp(console, "stdio") != 0 && strcmp(console, "none") != 0;
}

static int check_console(const struct definition *definition, bool detach, struct fail *why)
{
	const char *console = definition->console;

	if (console && !*console)
		return fail_set(why, EINVAL, "--console is empty: say stdio, none or a file");
	if (detach && console && strcmp(console, "stdio") == 0)
		return fail_set(why, EINVAL,
				"--console stdio and --detach exclude each other: a detached guest "
				"has no terminal");
	if (definition->count > 1 && definition_console_is_file(definition) &&
	    !strstr(console, "%n"))
		return fail_set(why, EINVAL,
				"several guests can't share the console file '%s': put %%n, which "
				"stands for the guest's name, into it",
				console);
	return 0;
}

unsigned int definition_disks(const struct definition *definition)
{
	return definition->disks.count + (definition->image ? 1 : 0);
}

const char *definition_disk(const struct definition *definition, unsigned int i)
{
	if (!definition->image)
		return definition->disks.texts[i];
	return i == 0 ? definition->image : definition->disks.texts[i - 1];
}

static int check_disks(const struct definition *definition, struct fail *why)
{
	struct disk_option disk;
	int rc = 0;

	if (definition_disks(definition) > BOARD_MAX_DISKS)
		return fail_set(why, EINVAL, "a guest has at most %d disks", BOARD_MAX_DISKS);
	for (unsigned int i = 0; rc == 0 && i < definition_disks(definition); i++) {
		rc = disk_option_parse(definition_disk(definition, i), NULL, &disk, why);
		if (rc == 0 && definition->count > 1 && !disk.is_each_guests)
			rc = fail_set(
				why, EINVAL,
				"several guests can't write to the disk '%s': add ro or overlay, "
				"or put %%n, which stands for the guest's name, into it",
				disk.file);
	}
	return rc;
}

static int check_nets(const struct definition *definition, struct fail *why)
{
	struct net_options nets;
	int rc = net_options_parse(&definition->nets, "guest", (unsigned int)definition->cpus,
				   &nets, why);

	if (rc == 0 && definition->count > 1)
		rc = net_options_check_shared(&definition->nets, why);
	return rc;
}

int definition_check(const struct definition *definition, bool detach, struct fail *why)
{
	int rc = check_boot(definition, why);

	if (rc == 0)
		rc = check_console(definition, detach, why);
	if (rc == 0)
		rc = check_disks(definition, why);
	if (rc == 0)
		rc = check_nets(definition, why);
	if (rc == 0 && definition->vsock + definition->count - 1 > VIRTIO_VSOCK_LAST_CID)
		rc = fail_set(why, ERANGE, "--vsock %" PRIu64 " is too high for --count %" PRIu64,
			      definition->vsock, definition->count);
	if (rc == 0 && definition->name && definition->count > 1 &&
	    strlen(definition->name) + strlen("-1000") > NAME_MAX_LENGTH)
		rc = fail_set(why, EINVAL, "--name '%s' is too long: with --count a number follows",
			      definition->name);
	return rc;
}

void definition_name(const struct definition *definition, uint16_t index,
		     char ret_name[WIRE_TEXT_SIZE])
{
	char stem[NAME_MAX_LENGTH + 1];

	if (definition->name)
		snprintf(stem, sizeof(stem), "%s", definition->name);
	else
		snprintf(stem, sizeof(stem), "guest-%d", (int)getpid());
	if (definition->count == 1)
		snprintf(ret_name, WIRE_TEXT_SIZE, "%s", stem);
	else
		snprintf(ret_name, WIRE_TEXT_SIZE, "%.57s-%u", stem, index + 1u);
}
