/* SPDX-License-Identifier: Apache-2.0 */
/*
 * new_file.h - a file that gets its name when it is whole
 *
 * What fails leaves neither half a file nor an older one destroyed, and neither does a
 * signal that ends us. One at a time.
 */
#ifndef CLI_NEW_FILE_H
#define CLI_NEW_FILE_H

#include <stdio.h>
#include <sys/types.h>

#include "base/auto.h"
#include "base/fail.h"

/* Beside the wanted one, so that a rename is enough. The caller closes *ret_fd. */
CHECKED int new_file_create(const char *path, mode_t mode, int *ret_fd, struct fail *why);
/* Gives it its name, where rc is 0, or removes it. Returns rc, or why there is no such file. */
CHECKED int new_file_end(const char *path, int rc, struct fail *why);

/*
 * Writes the file with fn, as everybody may read it whom the umask lets; "-" is standard
 * output.
 */
typedef int new_file_fn(const void *context, FILE *to, struct fail *why);
CHECKED int new_file_write(const char *path, new_file_fn *fn, const void *context,
			   struct fail *why);

#endif
