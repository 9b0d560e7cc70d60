/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_huge.h - huge pages below guest memory, for as long as they are wanted
 *
 * A part of struct gmem; gmem.c has the mapping, dedup/huge.c decides which huge pages
 * are split.
 */
#ifndef VMM_GMEM_HUGE_H
#define VMM_GMEM_HUGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"

#define GMEM_HUGE_SIZE (UINT64_C(2) << 20)

struct gmem;

/* In the order of samepage run's --hugepages. */
enum gmem_hugepages {
	GMEM_HUGEPAGES_OFF,
	GMEM_HUGEPAGES_THP,  /* for ever */
	GMEM_HUGEPAGES_AUTO, /* while the guest boots */
};

struct gmem_huge {
	unsigned char *base; /* guest memory, at a multiple of GMEM_HUGE_SIZE; borrowed */
	uint64_t bytes;
	enum gmem_hugepages hugepages;
	atomic_bool is_on; /* what is touched becomes huge pages */
};

/* No huge pages, until gmem_huge_begin(). */
void gmem_huge_init(struct gmem_huge *huge, unsigned char *base, uint64_t bytes);

/* From now on; before anything has touched the memory, or nobody does at the moment. */
void gmem_set_hugepages(struct gmem *gmem, enum gmem_hugepages hugepages);
enum gmem_hugepages gmem_hugepages(struct gmem *gmem);

/*
 * The guest boots: what it touches from now on becomes huge pages, where it may have
 * any and the host has them to give. Before its memory is discarded, if it had another
 * boot before: what was small pages has to be mapped anew to become huge.
 */
void gmem_huge_begin(struct gmem *gmem);

/* The boot is over: no more huge pages come, but with GMEM_HUGEPAGES_THP. Any thread. */
void gmem_huge_end(struct gmem *gmem);

/* Whether some of it may be huge pages, or become so before the next boot. Walks all of it. */
bool gmem_huge_is_used(struct gmem *gmem);

/* Whether what is touched becomes huge pages now. huge NULL: no. Any thread. */
bool gmem_huge_is_on(const struct gmem_huge *huge);
/* The kernel shall treat this part, which is mapped anew, as the rest. */
void gmem_huge_advise(const struct gmem_huge *huge, void *address, uint64_t bytes);

#endif
