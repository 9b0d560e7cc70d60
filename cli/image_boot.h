/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_boot.h - what a disk image boots by default, taken out of its own /boot
 *
 * Kernel, initrd and command line come from the image's boot loader configuration:
 * entries of the Boot Loader Specification, or GRUB's grub.cfg. The image is not
 * mounted and no privilege is needed: grub-fstest (of the package grub-common), a
 * child process, reads its partitions and file systems. Nothing is written to it.
 *
 * Call it before threads are started, or accept that a child is forked while they run.
 * It may take some seconds: the kernel is copied out of the image.
 */
#ifndef CLI_IMAGE_BOOT_H
#define CLI_IMAGE_BOOT_H

#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

/*
 * Both files are sealed anonymous memory, close-on-exec; to something that opens
 * paths they are /proc/self/fd/N. Texts are heap memory. All of it belongs to whoever
 * holds the struct, until image_boot_done().
 */
/* The guest may have made the image; so it sizes nothing here. */
struct image_limits {
	uint64_t bytes;	      /* of kernel and initrds together: what is larger fits no guest */
	unsigned int seconds; /* for everything; 0.3 are usual */
};

struct image_boot {
	int kernel_fd;
	int initrd_fd; /* -1: none. Several initrds of one entry stand in it one behind the other */
	char *title;   /* of the entry, for people: printable, may be empty */
	char *cmdline; /* has a console= argument: console=ttyS0 where the image names none */
	char *kernel_path; /* inside the image, for sentences */
};

/* Nothing held yet; image_boot_done() is fine on it. */
#define IMAGE_BOOT_NONE ((struct image_boot){ .kernel_fd = -1, .initrd_fd = -1 })

/*
 * Finds what the raw disk image (or block device) boots by default and extracts it.
 * -ENOENT: it has no boot loader configuration that could be read, or what that names
 * is missing. -ENOPKG: grub-fstest is not installed. -EFBIG: a kernel of more than
 * 256 MiB, an initrd of more than 1 GiB, or more than the limits. -ETIMEDOUT: the tool did not end
 * in time. -EINVAL, -EIO and others: why says it.
 */
CHECKED int image_boot_find(const char *image, const struct image_limits *limits,
			    struct image_boot *ret_boot, struct fail *why);

void image_boot_done(struct image_boot *boot);

#endif
