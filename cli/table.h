/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - rows of text, printed with aligned columns
 *
 * Cells are added from left to right; a row is full when each column has its
 * cell, and the next cell starts the next row. Widths are known only at the end,
 * so nothing is printed before table_print(). A table that ran out of memory
 * prints what it has.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/fail.h"

enum table_side { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
	const char *title;
	enum table_side side;
};

struct table;

/* The columns are borrowed. */
CHECKED int table_create(const struct table_column *columns, size_t count, struct table **ret_table,
			 struct fail *why);
void table_free(struct table *table); /* NULL is fine */

void table_text(struct table *table, const char *text);
void table_number(struct table *table, uint64_t number);
void table_mib(struct table *table, int64_t bytes); /* "12.3 MiB" */
void table_format(struct table *table, const char *format, ...) PRINTF(2, 3);

void table_print(const struct table *table, FILE *to);

#endif
