/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explanation.h - where a guest's memory is, and what keeps it apart from its neighbours'
 *
 * Made of what each guest of the domain says of its pages, and of a comparison of bytes
 * where there was one. All counts are of pages. The definitions are in samepage-explain(1).
 */
#ifndef CLI_EXPLANATION_H
#define CLI_EXPLANATION_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/census.h"
#include "cli/twins.h"

struct neighbour {
	char name[WIRE_TEXT_SIZE];
	uint64_t common; /* pages of the guest from frames that the neighbour maps as well */
};

struct explanation {
	char name[WIRE_TEXT_SIZE];
	char domain[WIRE_TEXT_SIZE];
	uint64_t pages;
	uint64_t kinds[CENSUS_KINDS]; /* add up to all pages */
	/* These add up to kinds[CENSUS_SHARED]: whose frame */
	uint64_t between;	      /* a neighbour maps too */
	uint64_t within;	      /* the guest alone maps, more than once */
	uint64_t alone;		      /* nobody else maps any more */
	struct neighbour *neighbours; /* who shares most first */
	size_t neighbour_count;
	struct twins_count twins; /* sample 0: nothing was compared */
	uint64_t comparable;	  /* pages that twins.compared was chosen from */
};

/* others: those of the domain that answered, in any order; what is not needed is copied. */
CHECKED int explanation_build(const struct census *guest, const char *domain,
			      const struct census *others, size_t count,
			      struct explanation **ret_explanation, struct fail *why);
void explanation_free(struct explanation *explanation); /* NULL is fine */

/* So many of all unique pages as twins says of those that were compared, rounded down. */
uint64_t explanation_estimate(const struct explanation *explanation, uint64_t of_sample);

/* A count above, as it is called: all of those in a list add up to the whole. */
struct explanation_part {
	const char *key;   /* in JSON */
	const char *title; /* for people, and what it means in more words */
	const char *meaning;
	size_t offset; /* of the uint64_t, in struct explanation */
};

#define EXPLANATION_PARTS (CENSUS_KINDS + 2)
#define TWINS_PARTS	  (TWIN_CAUSES + 1)

extern const struct explanation_part explanation_parts[EXPLANATION_PARTS]; /* of all pages */
extern const struct explanation_part twins_parts[TWINS_PARTS]; /* of the sample; the rest: none */

static inline uint64_t explanation_pages(const struct explanation *explanation,
					 const struct explanation_part *part)
{
	return *(const uint64_t *)((const char *)explanation + part->offset);
}

/* One line of JSON. */
CHECKED int explanation_print_json(const struct explanation *explanation, FILE *to,
				   struct fail *why);
/* For people. */
CHECKED int explanation_print_table(const struct explanation *explanation, FILE *to,
				    struct fail *why);

#endif
