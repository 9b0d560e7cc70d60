/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steady.h - what the memory of `steady` is, and what changes in it in each round
 *
 * Every guest has the same image. Eight of each sixteen pages get a word of the guest's own,
 * so that half of all pages are shared once merging has converged. Then, in each round, some
 * of the guest's own pages get another word of its own (they are always at work), and some
 * pages, others in each round, become the same in all guests: the new duplicates.
 *
 * For the guest as for the process under KSM: the same writes, word by word.
 */
#ifndef BENCH_STEADY_H
#define BENCH_STEADY_H

#include <stdint.h>

#define STEADY_PAGE_WORDS 512u
#define STEADY_HOT	  64u	/* pages that change in each round */
#define STEADY_FRESH	  32u	/* new duplicates in each round */
#define STEADY_RUN	  8u	/* pages of a kind that lie side by side */
#define STEADY_STRIDE	  7919u /* a prime: fresh pages are no neighbours */

static inline void steady_begin(volatile uint64_t *memory, uint64_t pages, uint64_t own)
{
	for (uint64_t page = 0; page < pages; page++)
		if (page & STEADY_RUN)
			memory[page * STEADY_PAGE_WORDS] = own << 32 | page;
}

static inline void steady_round(volatile uint64_t *memory, uint64_t pages, uint64_t own,
				uint64_t round)
{
	uint64_t others = pages - 2 * STEADY_HOT;

	for (uint64_t i = 0; i < 2 * STEADY_HOT; i++)
		if (i & STEADY_RUN)
			memory[i * STEADY_PAGE_WORDS + 1] = own << 32 | round;
	for (uint64_t i = 0; i < STEADY_FRESH; i++) {
		uint64_t n = (round * STEADY_FRESH + i) * STEADY_STRIDE % others;

		memory[(2 * STEADY_HOT + n) * STEADY_PAGE_WORDS] = ~round;
	}
}

#endif
