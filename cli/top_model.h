/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_model.h - what samepage top shows: rows made of one report after the other
 *
 * Rates are what counters grew by from a guest's report to its next one, over the time in
 * between by the guest's own clock. They are unknown in the first report of a guest, and
 * where a counter went back: that is another guest of the same name, or one that began
 * anew. A guest that does not answer keeps its last figures, and is called silent.
 */
#ifndef CLI_TOP_MODEL_H
#define CLI_TOP_MODEL_H

#include <stdint.h>

#include "cli/report.h"
#include "cli/top_row.h"

/* What is to be seen of it. */
struct top_choice {
	enum top_kind kind;
	enum top_column sort[TOP_KINDS];
	bool is_reversed;
	char domain[WIRE_TEXT_SIZE]; /* only of this one; "": of all */
};

struct top_model;

CHECKED int top_model_create(struct top_model **ret_model, struct fail *why);
void top_model_free(struct top_model *model); /* NULL is fine */

/* at_ns: when the report was collected. Nothing has changed where it fails. */
CHECKED int top_model_take(struct top_model *model, const struct report *report, uint64_t at_ns,
			   struct fail *why);

/*
 * The rows of a choice, in order, and their sum. They are the model's, until it is called
 * for again or takes a report.
 */
const struct top_row *const *top_model_rows(struct top_model *model,
					    const struct top_choice *choice, size_t *ret_count,
					    struct top_row *ret_sum);

/* How many guests and domains belong to the choice. */
void top_model_count(const struct top_model *model, const struct top_choice *choice,
		     size_t *ret_guests, size_t *ret_domains);

/* The name of the domain behind this one, in their order; "" behind the last, and is before the
 * first. */
const char *top_model_next_domain(const struct top_model *model, const char *domain);

/* Why somebody is missing; NULL: nobody is. */
const char *top_model_complaint(const struct top_model *model);

#endif
