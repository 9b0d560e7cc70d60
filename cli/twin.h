/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twin.h - two pages that are almost the same, and why they may not be quite
 *
 * Pages are 4096 bytes at any address, in memory that does not change meanwhile; words
 * have 8 bytes.
 */
#ifndef CLI_TWIN_H
#define CLI_TWIN_H

#include <stdint.h>

#define TWIN_WORDS_MAX 16u /* pages that differ in more are no twins */

/* In how many words they differ; limit + 1 where these are more than the limit. */
unsigned int twin_differences(const uint8_t *a, const uint8_t *b, unsigned int limit);

/* What all the differences look like. A guess, by values alone. */
enum twin_cause {
	TWIN_KERNEL,  /* addresses of the guests' kernels: nokaslr makes them the same */
	TWIN_PROGRAM, /* addresses of programs, and perhaps of kernels */
	TWIN_OTHER,   /* something else among them */
	TWIN_CAUSES,
};

/* Of pages that differ. */
enum twin_cause twin_cause(const uint8_t *a, const uint8_t *b);

#endif
