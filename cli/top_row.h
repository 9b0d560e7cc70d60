/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_row.h - a line of samepage top: its columns, what is in them, which comes first
 *
 * A row is a guest, a domain, or the sum of rows. What a column means is in samepage-top(1).
 */
#ifndef CLI_TOP_ROW_H
#define CLI_TOP_ROW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "wire/codec.h"

/* In the order of the screen. */
enum top_column {
	TOP_NAME,
	TOP_DOMAIN,
	TOP_STATE,
	TOP_GUESTS,
	TOP_RAM,
	TOP_MEMORY, /* the bar */
	TOP_PRIVATE,
	TOP_SHARED,
	TOP_ZERO,
	TOP_RETURNED,
	TOP_RECLAIMED,
	TOP_PSS,
	TOP_FRAMES,
	TOP_STORE,
	TOP_MERGES,
	TOP_BREAKS,
	TOP_CPU,
	TOP_BROKER_CPU,
	TOP_OVERHEAD,
	TOP_COLUMNS,
};

/* What there is a row for. */
enum top_kind { TOP_OF_GUESTS, TOP_OF_DOMAINS, TOP_KINDS };

enum top_unit { TOP_TEXT, TOP_BAR, TOP_COUNT, TOP_BYTES, TOP_RATE, TOP_PERCENT };

struct top_column_type {
	const char *title;
	const char *word; /* for --sort */
	enum top_unit unit;
	unsigned int width; /* at least */
	bool is_in[TOP_KINDS];
};

extern const struct top_column_type top_columns[TOP_COLUMNS];

struct top_row {
	char name[WIRE_TEXT_SIZE];
	char domain[WIRE_TEXT_SIZE];
	const char *state;
	double values[TOP_COLUMNS]; /* NAN: not known; of numbers only */
};

/* Nothing is known of it but the name. */
void top_row_init(struct top_row *row, const char *name);

/* What is not known of one adds nothing; call top_row_sum_up() behind the last. */
void top_row_add(struct top_row *sum, const struct top_row *row);
void top_row_sum_up(struct top_row *row);

/*
 * Below 0: a comes first. Texts go up, web-9 before web-10; numbers go down, and what is
 * not known is behind them; what is equal goes by name. reversed: the other way round.
 */
int top_row_compare(const struct top_row *a, const struct top_row *b, enum top_column column,
		    bool reversed);

/* -EINVAL: no column of this kind of rows is called so. */
CHECKED int top_column_find(const char *word, enum top_kind kind, enum top_column *ret_column);
/* The column of this kind that is so many places further; it goes on at the other end. */
enum top_column top_column_step(enum top_column column, enum top_kind kind, int step);

/* As it stands in a column, sizes in MiB; "-" for what is not known. For all but the bar. */
void top_row_cell(const struct top_row *row, enum top_column column, char *text, size_t size);

/* The parts of a guest's memory, and the characters that show them. */
enum top_part { TOP_PART_PRIVATE, TOP_PART_SHARED, TOP_PART_ZERO, TOP_PART_RETURNED, TOP_PARTS };
extern const char top_part_marks[TOP_PARTS + 1];
#define TOP_UNTOUCHED '.' /* what is left: pages that the guest has never had */

/* Where each part ends in a bar of so many cells. */
void top_row_bar(const struct top_row *row, unsigned int width, unsigned int ret_ends[TOP_PARTS]);

#endif
