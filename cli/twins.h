/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twins.h - which pages of a sample are almost the same as others
 *
 * First the sample is added, then any number of other pages are compared with all of it;
 * of each page of the sample the closest is remembered. Pages need 128 bytes in common,
 * at the same place and not all the same word, to be seen at all: pages that are nearly
 * empty are no twins of each other.
 *
 * Memory: 4.6 KiB for each page of the sample. One thread. What is in the pages costs time
 * within bounds, and at most hides twins: it is foreign data.
 */
#ifndef CLI_TWINS_H
#define CLI_TWINS_H

#include "base/auto.h"
#include "cli/twin.h"

struct twins;

struct twins_count {
	uint64_t sample;	    /* pages */
	uint64_t compared;	    /* with so many others */
	uint64_t equal;		    /* of the sample: have an equal page among them */
	uint64_t near[TWIN_CAUSES]; /* have none, but a twin */
};

/* -ENOMEM. */
CHECKED int twins_create(uint32_t sample_max, struct twins **ret_twins);
void twins_free(struct twins *twins); /* NULL is fine */

/* Copies it; not more than sample_max of them. */
void twins_add(struct twins *twins, const uint8_t *page);

/* The page does not change meanwhile. */
void twins_compare(struct twins *twins, const uint8_t *page);

/* All of the sample that has a twin. */
uint64_t twins_near(const struct twins_count *count);

struct twins_count twins_count(const struct twins *twins);

#endif
