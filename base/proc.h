/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h - what the kernel says of processes, in /proc: of this one, where nothing else is said */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdint.h>
#include <sys/types.h>

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

/* What the threads of a process have had of processors, since each began. */
struct proc_threads {
	unsigned int count;
	unsigned int runnable;	 /* so many run, or wait for a processor, right now */
	uint64_t ran_ns;	 /* all together */
	uint64_t waited_ns;	 /* for a processor, all together */
	uint64_t waited_most_ns; /* the one that waited most */
};

/* Of those whose name begins like this. Zeroes: there are none, or the kernel does not tell. */
void proc_threads_read(pid_t pid, const char *name, struct proc_threads *ret_threads);

/* vm.max_map_count: mappings that a process may have; 0: not known. */
uint64_t proc_mappings_limit(void);

#endif
