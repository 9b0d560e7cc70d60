/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_share.h - shares a guest's memory with the other guests of its domain
 *
 * The only glue between guest memory and dedup/. One thread a guest runs the engine
 * over its RAM, keeps the link to the broker, and keeps to the CPU budget. If the
 * broker can't be reached, or dies, the guest goes on and the thread tries again.
 * The same thread gives back what the guest gives away: gmem_discard.h.
 */
#ifndef VMM_GMEM_SHARE_H
#define VMM_GMEM_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/history.h"
#include "vmm/gmem.h"

struct gmem_share;

struct gmem_share_config {
	const char *domain;
	const char *name;
	unsigned int cpu_percent; /* 1 to 100, of one CPU */
	uint32_t max_sharers;	  /* guests on one frame; 0: any number */
	uint64_t rest_ns;	  /* before the first pass: a guest that boots changes all it has */
};

/* dedup/tally.h and doc/life-of-a-page.md say what each figure means. */
struct gmem_share_report {
	uint64_t populated_bytes;
	uint64_t shared_bytes;
	uint64_t zero_bytes;
	uint64_t returned_bytes;  /* given away by the guest, and not written to since */
	uint64_t discarded_total; /* pages that were given away, each time anew */
	uint64_t breaks_total;
	uint64_t merges_total;
	uint64_t mappings;
	uint64_t mappings_limit;
	uint64_t declined_bytes;  /* unshared for lack of mappings */
	uint64_t old_store_bytes; /* over the store of an earlier link */
	uint64_t cpu_ns;	  /* of the dedup thread */
	uint64_t passes;
	bool tracks_writes;	 /* a pass looks at what was written since the last one only */
	uint64_t overhead_bytes; /* the engine's own memory, pins, and the kernel's for mappings */
};

/*
 * Starts the thread. The strings are copied; the gmem is borrowed and outlives the
 * share. Fails where the kernel lacks what sharing needs, not for want of a broker.
 */
CHECKED int gmem_share_create(struct gmem *gmem, const struct gmem_share_config *config,
			      struct gmem_share **ret_share, struct fail *why);

/*
 * Ends the thread. Pages that are shared stay so; requests to discard that wait are
 * completed with -ECANCELED, and so are those that come later. NULL is fine.
 */
void gmem_share_free(struct gmem_share *share);

/* From now on the thread looks at no page for so long. Any thread. */
void gmem_share_rest(struct gmem_share *share, uint64_t rest_ns);

/*
 * The same, and the broker is hung up on until then: the guest starts anew, and has to get
 * all of its memory back soon, also from a thread that waits for a broker that hangs. The
 * broker loses nothing by it: what it counts for this guest is released at once. Any thread.
 */
void gmem_share_restart(struct gmem_share *share, uint64_t rest_ns);

/*
 * Fresh figures: the thread looks at all pages first. Where it can't within two
 * seconds, because the broker hangs, the figures are those of its last look. Any thread.
 */
void gmem_share_report(struct gmem_share *share, struct gmem_share_report *ret_report);

/*
 * What each page is (dedup/census.h), after such a look: entries has room for all of them.
 * *ret_store tells one store from another; 0: there is none yet. -ETIMEDOUT: the thread
 * can't within two seconds. One thread at a time.
 */
CHECKED int gmem_share_census(struct gmem_share *share, uint32_t *entries, uint64_t *ret_store);

/* What the thread has seen since its beginning: enum control_history. Any thread. */
void gmem_share_history(struct gmem_share *share, struct history *ret_history);

#endif
