/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pagemap.h - what backs each page of this process, by the kernel's word
 *
 * Reads /proc/self/pagemap: Documentation/admin-guide/mm/pagemap.rst. The frame
 * numbers there are for root only and are not used; the flags are for all.
 */
#ifndef VMM_PAGEMAP_H
#define VMM_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "dedup/memory.h"

/* A close-on-exec descriptor, or -errno. */
CHECKED int pagemap_open(void);

/* What one entry of pagemap says. */
enum look pagemap_entry_look(uint64_t entry);

/* enum look of dedup/memory.h for each of count pages from address on. */
CHECKED int pagemap_look(int fd, const void *address, uint32_t count, uint8_t *ret_looks);

/* Whether userfaultfd write-protects every one of them. */
CHECKED int pagemap_is_protected(int fd, const void *address, uint32_t count, bool *ret_protected);

/* Whether one huge page is mapped there, as a whole; -ENOTTY: the kernel does not tell (6.7). */
CHECKED int pagemap_is_huge(int fd, const void *address);

#endif
