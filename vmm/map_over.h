/* SPDX-License-Identifier: Apache-2.0 */
/* map_over.h - maps something else where guest RAM is, and never leaves a hole there */
#ifndef VMM_MAP_OVER_H
#define VMM_MAP_OVER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/auto.h"

/*
 * Maps [address, address + length) anew: private, readable and writable, of the file, or of
 * fresh memory with MAP_ANONYMOUS among the flags. -errno: all is as before. Any thread; may
 * wait for the host to have memory again, and ends the process where it has none for long.
 */
CHECKED int map_over(void *address, size_t length, int flags, int fd, off_t offset);

/*
 * The same with private memory that is mapped at `from`, and is mapped there no longer
 * afterwards.
 */
CHECKED int move_over(void *address, size_t length, void *from);

#endif
