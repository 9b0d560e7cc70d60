/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spare.h - anonymous memory that joins guest RAM as if it had always been there
 *
 * As large as guest RAM, and empty but for moments: it takes up addresses, and no memory.
 * Any part of it can be filled and then put over the same part of guest RAM, at once.
 */
#ifndef VMM_SPARE_H
#define VMM_SPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

struct spare {
	unsigned char *base; /* stands for that of guest RAM; NULL: there is none */
	uint64_t bytes;
	bool is_soiled; /* something may be left in it */
};

/*
 * For guest RAM at `ram`, of which nothing has been touched yet. The page before it is the
 * caller's as well, part of the same mapping, and of no use. -errno: no spare memory here.
 */
CHECKED int spare_create(struct spare *spare, unsigned char *ram, uint64_t bytes);
void spare_free(struct spare *spare);

/*
 * Puts memory with these bytes over the same part of guest RAM; bytes: NULL, or `length` of
 * them, which don't change meanwhile. NULL: memory that was never touched. Whoever reads there
 * finds what was there before, or this. After failure all is as before. The memory is
 * neither registered with userfaultfd nor huge, and is not dumped.
 */
CHECKED int spare_put(struct spare *spare, unsigned char *ram, uint64_t offset, size_t length,
		      const unsigned char *bytes);

#endif
