/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_share.h - shares a guest's memory with the other guests of its domain
 *
 * The only glue between guest memory and dedup/. One thread a guest runs the engine
 * over its RAM, keeps the link to the broker, and keeps to the CPU budget. If the
 * broker can't be reached, or dies, the guest goes on and the thread tries again.
 */
#ifndef VMM_GMEM_SHARE_H
#define VMM_GMEM_SHARE_H

#include <stdint.h>

#include "base/fail.h"
#include "vmm/gmem.h"

struct gmem_share;

struct gmem_share_config {
	const char *domain;
	const char *name;
	unsigned int cpu_percent; /* 1 to 100, of one CPU */
};

/* dedup/tally.h and doc/life-of-a-page.md say what each figure means. */
struct gmem_share_report {
	uint64_t populated_bytes;
	uint64_t shared_bytes;
	uint64_t zero_bytes;
	uint64_t breaks_total;
	uint64_t merges_total;
	uint64_t mappings;
	uint64_t mappings_limit;
	uint64_t cpu_ns; /* of the dedup thread */
	uint64_t passes;
	uint64_t overhead_bytes; /* the engine's own memory, and the kernel's for mappings */
};

/*
 * Starts the thread. The strings are copied; the gmem is borrowed and outlives the
 * share. Fails where the kernel lacks what sharing needs, not for want of a broker.
 */
CHECKED int gmem_share_create(struct gmem *gmem, const struct gmem_share_config *config,
			      struct gmem_share **ret_share, struct fail *why);

/* Ends the thread. Pages that are shared stay so. NULL is fine. */
void gmem_share_free(struct gmem_share *share);

/*
 * Fresh figures: the thread looks at all pages first. Where it can't within two
 * seconds, because the broker hangs, the figures are those of its last look. Any thread.
 */
void gmem_share_report(struct gmem_share *share, struct gmem_share_report *ret_report);

#endif
