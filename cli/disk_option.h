/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_option.h - --disk FILE[,ro][,raw][,overlay[=DIR]][,serial=TEXT]
 *
 * A comma that is part of a name is written twice. %n stands for the guest's name.
 */
#ifndef CLI_DISK_OPTION_H
#define CLI_DISK_OPTION_H

#include <limits.h>
#include <stdbool.h>

#include "base/auto.h"
#include "base/fail.h"
#include "devices/virtio_blk.h"
#include "disk/disk.h"

struct disk_option {
	char file[PATH_MAX];
	char overlay_dir[PATH_MAX]; /* empty: not given */
	char serial[VIRTIO_BLK_MAX_SERIAL + 1];
	bool read_only, raw, overlay;
	bool is_each_guests; /* several guests can have it, or each has its own */
};

/* name: of the guest; NULL: to check, %n stays as it is. -EINVAL, -ENAMETOOLONG. */
CHECKED int disk_option_parse(const char *text, const char *name, struct disk_option *ret_option,
			      struct fail *why);

/*
 * The same disk, with its relative paths behind the directory, which ends with a slash.
 * The caller frees the text.
 * -ENOMEM, -ENAMETOOLONG.
 */
CHECKED int disk_option_resolve(const char *text, const char *directory, char **ret_text);

/* Borrows from the option. */
struct disk_config disk_option_config(const struct disk_option *option);

#endif
