/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_files.h - files inside a disk image, read without mounting it
 *
 * GRUB's grub-fstest does the reading: it knows partition tables, LVM and the file
 * systems that Linux boots from, and needs no privilege. Each call is one run of it, as a
 * child with bounded memory, output and time that can write nowhere else and is killed
 * when we die. It gets its arguments one by one: no shell sees a name from the image. What it
 * prints and copies is foreign data. Nothing is written to the image.
 */
#ifndef CLI_IMAGE_FILES_H
#define CLI_IMAGE_FILES_H

#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

#define IMAGE_DEVICES_MAX 32
#define IMAGE_DEVICE_SIZE 64

struct image_files {
	char *image; /* absolute; heap */
	uint64_t deadline_ns;
	/* Partitions and volumes, as grub-fstest calls them: `(loop0,gpt1)'; the whole disk last.
	 */
	char devices[IMAGE_DEVICES_MAX][IMAGE_DEVICE_SIZE];
	unsigned int count;
};

/*
 * All that is done with it has to be over in so many seconds from now. -ENOPKG:
 * grub-fstest is not installed; others as usual. Until image_files_done(). From this and
 * all below, -EINTR: SIGINT, SIGTERM or SIGHUP came, which the caller blocks; it is left
 * pending.
 */
CHECKED int image_files_init(struct image_files *files, const char *image, unsigned int seconds,
			     struct fail *why);
void image_files_done(struct image_files *files);

/*
 * Copies a file behind what is in fd, anonymous memory, at its offset. -ENOENT: it is not
 * there, is no file, or can't be read. -EFBIG: larger than max_bytes, and something of it
 * may be in fd. -ETIMEDOUT.
 */
CHECKED int image_files_copy(struct image_files *files, unsigned int device, const char *path,
			     int fd, uint64_t max_bytes, struct fail *why);

/* The same into heap memory: a text of *ret_length bytes, with a zero byte behind it. */
CHECKED int image_files_read(struct image_files *files, unsigned int device, const char *path,
			     uint64_t max_bytes, char **ret_text, size_t *ret_length,
			     struct fail *why);

/*
 * The names in a directory, with blanks between them, those of directories with a slash
 * at their end; an empty text if there is no such directory. Heap memory.
 */
CHECKED int image_files_list(struct image_files *files, unsigned int device, const char *path,
			     char **ret_names, struct fail *why);

/* Empty anonymous memory; name: for /proc only. */
CHECKED int image_memory_create(const char *name, int *ret_fd, struct fail *why);

#endif
