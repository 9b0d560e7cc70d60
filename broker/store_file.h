/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_file.h - a file in memory that others can be given to read, and never to write
 *
 * A descriptor that was opened for reading is no protection by itself: who has it can
 * open /proc/self/fd/N anew for writing, where the file's mode allows that, and the
 * owner can set the mode. Seals don't help either, since a file that is sealed against
 * writing can't be punched. So the file lies in a tmpfs of its own that is mounted
 * twice, for writing and for reading only, in a namespace that is gone once both
 * descriptors are open. What was opened through the second mount stays on it, whoever
 * opens it anew: mode, owner and privileges don't matter.
 */
#ifndef BROKER_STORE_FILE_H
#define BROKER_STORE_FILE_H

#include "base/auto.h"

/*
 * Makes an empty file without a path. It takes the right to mount, or to make a user
 * namespace: -EPERM, -EACCES, -ENOSPC and others where there is neither. Forks; for
 * processes of one thread.
 */
CHECKED int store_file_create(const char *name, int *ret_fd, int *ret_read_only_fd);

#endif
