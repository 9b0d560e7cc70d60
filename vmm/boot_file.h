/* SPDX-License-Identifier: Apache-2.0 */
/* boot_file.h - a kernel or initrd file, read part by part */
#ifndef VMM_BOOT_FILE_H
#define VMM_BOOT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

/* what: "kernel" or "initrd", for sentences. Only regular files have a size. */
CHECKED int boot_file_open(const char *what, const char *path, int *ret_fd, uint64_t *ret_bytes,
			   struct fail *why);

/* Exactly length bytes of the file, from byte `at` on. */
CHECKED int boot_file_read(const char *what, const char *path, int fd, uint64_t at, void *to,
			   size_t length, struct fail *why);

#endif
