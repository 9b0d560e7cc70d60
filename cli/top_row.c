/* SPDX-License-Identifier: Apache-2.0 */
/* top_row.c - a line of samepage top: its columns, what is in them, which comes first */
#include "cli/top_row.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define GUESTS	.is_in[TOP_OF_GUESTS] = true
#define DOMAINS .is_in[TOP_OF_DOMAINS] = true
#define BOTH	GUESTS, DOMAINS

const struct top_column_type top_columns[TOP_COLUMNS] = {
	[TOP_NAME] = { "NAME", "name", TOP_TEXT, 8, BOTH },
	[TOP_DOMAIN] = { "DOMAIN", "domain", TOP_TEXT, 6, GUESTS },
	[TOP_STATE] = { "STATE", "state", TOP_TEXT, 8, GUESTS },
	[TOP_GUESTS] = { "GUESTS", "guests", TOP_COUNT, 6, DOMAINS },
	[TOP_RAM] = { "RAM", "ram", TOP_BYTES, 8, BOTH },
	[TOP_MEMORY] = { "MEMORY", "memory", TOP_BAR, 14, BOTH },
	[TOP_PRIVATE] = { "PRIVATE", "private", TOP_BYTES, 8, BOTH },
	[TOP_SHARED] = { "SHARED", "shared", TOP_BYTES, 8, BOTH },
	[TOP_ZERO] = { "ZERO", "zero", TOP_BYTES, 8, BOTH },
	[TOP_RETURNED] = { "RETURNED", "returned", TOP_BYTES, 8, BOTH },
	[TOP_RECLAIMED] = { "RECLAIMED", "reclaimed", TOP_BYTES, 9, BOTH },
	[TOP_PSS] = { "PSS", "pss", TOP_BYTES, 8, BOTH },
	[TOP_FRAMES] = { "FRAMES", "frames", TOP_COUNT, 9, DOMAINS },
	[TOP_STORE] = { "STORE", "store", TOP_BYTES, 8, DOMAINS },
	[TOP_MERGES] = { "MERGES/s", "merges", TOP_RATE, 8, BOTH },
	[TOP_BREAKS] = { "BREAKS/s", "breaks", TOP_RATE, 8, BOTH },
	[TOP_CPU] = { "CPU%", "cpu", TOP_PERCENT, 5, BOTH },
	[TOP_BROKER_CPU] = { "BROKER%", "broker", TOP_PERCENT, 7, DOMAINS },
	[TOP_OVERHEAD] = { "OVERHEAD", "overhead", TOP_BYTES, 8, BOTH },
};

const char top_part_marks[TOP_PARTS + 1] = "#=0-";

static const enum top_column part_columns[TOP_PARTS] = {
	[TOP_PART_PRIVATE] = TOP_PRIVATE,
	[TOP_PART_SHARED] = TOP_SHARED,
	[TOP_PART_ZERO] = TOP_ZERO,
	[TOP_PART_RETURNED] = TOP_RETURNED,
};

void top_row_init(struct top_row *row, const char *name)
{
	*row = (struct top_row){ .state = "" };
	snprintf(row->name, sizeof(row->name), "%s", name);
	for (unsigned int i = 0; i < TOP_COLUMNS; i++)
		row->values[i] = NAN;
}

void top_row_add(struct top_row *sum, const struct top_row *row)
{
	for (unsigned int i = 0; i < TOP_COLUMNS; i++) {
		if (isnan(row->values[i]))
			continue;
		if (isnan(sum->values[i]))
			sum->values[i] = 0;
		sum->values[i] += row->values[i];
	}
}

/* Bars are sorted by what is seen of them: how far their private part goes. */
void top_row_sum_up(struct top_row *row)
{
	row->values[TOP_MEMORY] =
		row->values[TOP_RAM] > 0 ? row->values[TOP_PRIVATE] / row->values[TOP_RAM] : NAN;
}

static const char *row_text(const struct top_row *row, enum top_column column)
{
	switch ((unsigned int)column) {
	case TOP_NAME:
		return row->name;
	case TOP_DOMAIN:
		return row->domain;
	default:
		return row->state;
	}
}

/* Numbers go down. */
static int compare_values(double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) - isnan(b);
	return (a < b) - (a > b);
}

int top_row_compare(const struct top_row *a, const struct top_row *b, enum top_column column,
		    bool reversed)
{
	int order;

	if (top_columns[column].unit == TOP_TEXT)
		order = strverscmp(row_text(a, column), row_text(b, column));
	else
		order = compare_values(a->values[column], b->values[column]);
	if (order == 0 && column != TOP_NAME)
		return strverscmp(a->name, b->name);
	return reversed ? -order : order;
}

int top_column_find(const char *word, enum top_kind kind, enum top_column *ret_column)
{
	for (unsigned int i = 0; i < TOP_COLUMNS; i++) {
		if (top_columns[i].is_in[kind] && strcmp(top_columns[i].word, word) == 0) {
			*ret_column = i;
			return 0;
		}
	}
	return -EINVAL;
}

enum top_column top_column_step(enum top_column column, enum top_kind kind, int step)
{
	unsigned int next = column;

	do
		next = (unsigned int)((int)next + TOP_COLUMNS + step) % TOP_COLUMNS;
	while (!top_columns[next].is_in[kind]);
	return next;
}

void top_row_cell(const struct top_row *row, enum top_column column, char *text, size_t size)
{
	double value = row->values[column];
	enum top_unit unit = top_columns[column].unit;

	if (unit == TOP_TEXT)
		snprintf(text, size, "%s", row_text(row, column));
	else if (isnan(value))
		snprintf(text, size, "-");
	else if (unit == TOP_BYTES)
		snprintf(text, size, "%.1f", value / (1024 * 1024));
	else
		snprintf(text, size, "%.*f", unit == TOP_COUNT ? 0 : 1, value);
}

/* Ends are rounded, not lengths: so they never add up to more than there is room for. */
void top_row_bar(const struct top_row *row, unsigned int width, unsigned int ret_ends[TOP_PARTS])
{
	double ram = row->values[TOP_RAM], end = 0;

	for (unsigned int i = 0; i < TOP_PARTS; i++) {
		double part = row->values[part_columns[i]];

		end += isnan(part) ? 0 : part;
		ret_ends[i] =
			ram > 0 ? (unsigned int)((end < ram ? end / ram : 1) * width + 0.5) : 0;
	}
}
