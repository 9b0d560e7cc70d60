/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h - what the kernel says of this process, in /proc */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdint.h>

/*
 * Memory of this process: what it shares counted in part (PSS), and what is mapped by huge
 * pages as a whole; 0: none, or not known.
 */
void proc_memory(uint64_t *ret_pss_bytes, uint64_t *ret_huge_bytes);
uint64_t proc_pss_bytes(void);
uint64_t proc_huge_bytes(void);

/* Memory of this process that it shares with nobody, nor with a file; 0: not known. */
uint64_t proc_anonymous_bytes(void);

/* What the host could give without swapping (MemAvailable); UINT64_MAX: not known. */
uint64_t proc_memory_available_bytes(void);

/*
 * How long that thread of this process has waited for processors whose name begins like this and
 * that waited most; 0: not known.
 */
uint64_t proc_threads_waited_ns(const char *name);

/* vm.max_map_count: mappings that a process may have; 0: not known. */
uint64_t proc_mappings_limit(void);

#endif
