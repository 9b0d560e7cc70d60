/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h - what the kernel says of this process, in /proc */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdint.h>

/* Memory of this process, what it shares counted in part (PSS); 0: not known. */
uint64_t proc_pss_bytes(void);

/* vm.max_map_count: mappings that a process may have; 0: not known. */
uint64_t proc_mappings_limit(void);

#endif
