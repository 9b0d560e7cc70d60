/* SPDX-License-Identifier: Apache-2.0 */
/*
 * comparison.h - a guest's unique pages against those of its neighbours, byte by byte
 *
 * Unique pages, or as many of them as are asked for, evenly taken from all of its memory,
 * are looked for among the calm pages of the neighbours: unique ones and frames, each frame
 * once. Of these, too, no more than COMPARED_PAGES_MAX are read.
 */
#ifndef CLI_COMPARISON_H
#define CLI_COMPARISON_H

#include "cli/census.h"
#include "cli/twins.h"

#define SAMPLE_PAGES_MAX   65536u	       /* 256 MiB */
#define COMPARED_PAGES_MAX (UINT32_C(1) << 20) /* 4 GiB: a few seconds */

/*
 * sample_max: up to SAMPLE_PAGES_MAX. *ret_comparable: how many pages of neighbours could
 * have been read. Neighbours that end meanwhile are passed over.
 */
CHECKED int comparison_make(const struct census *guest, const struct census *others, size_t count,
			    uint32_t sample_max, struct twins_count *ret_count,
			    uint64_t *ret_comparable, struct fail *why);

/* Keeps `wanted` of `count` numbers, evenly, in their order. Returns how many are left. */
uint32_t numbers_thin(uint32_t *numbers, uint32_t count, uint32_t wanted);

#endif
