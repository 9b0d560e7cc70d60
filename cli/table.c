/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - rows of text, printed with aligned columns */
#include "cli/table.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#define CELL_SIZE 72 /* a name of 63 bytes and more */
#define GAP	  2  /* blanks between columns */

struct table {
	const struct table_column *columns;
	size_t column_count;
	size_t cell_count;
	size_t cell_limit;
	char (*cells)[CELL_SIZE];
};

int table_create(const struct table_column *columns, size_t count, struct table **ret_table,
		 struct fail *why)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return fail_errno(why, ENOMEM, "cannot make a table");
	table->columns = columns;
	table->column_count = count;
	*ret_table = table;
	return 0;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->cells);
	free(table);
}

static bool table_has_room(struct table *table)
{
	size_t limit = table->cell_limit ? table->cell_limit * 2 : 64;
	void *cells;

	if (table->cell_count < table->cell_limit)
		return true;
	cells = realloc(table->cells, limit * sizeof(*table->cells));
	if (!cells)
		return false;
	table->cells = cells;
	table->cell_limit = limit;
	return true;
}

void table_text(struct table *table, const char *text)
{
	if (table_has_room(table))
		snprintf(table->cells[table->cell_count++], CELL_SIZE, "%s", text);
}

void table_format(struct table *table, const char *format, ...)
{
	char text[CELL_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	table_text(table, text);
}

void table_number(struct table *table, uint64_t number)
{
	table_format(table, "%" PRIu64, number);
}

void table_mib(struct table *table, int64_t bytes)
{
	table_format(table, "%.1f MiB", (double)bytes / (1024 * 1024));
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = strlen(table->columns[column].title);

	for (size_t i = column; i < table->cell_count; i += table->column_count) {
		size_t length = strlen(table->cells[i]);

		width = length > width ? length : width;
	}
	return width;
}

static void cell_print(const struct table *table, size_t column, const char *text, FILE *to)
{
	bool is_last = column + 1 == table->column_count;
	int width = (int)column_width(table, column);

	if (table->columns[column].side == TABLE_RIGHT)
		fprintf(to, "%*s", width, text);
	else
		fprintf(to, "%-*s", is_last ? 0 : width, text);
	fprintf(to, "%*s", is_last ? 0 : GAP, "");
	if (is_last)
		putc('\n', to);
}

void table_print(const struct table *table, FILE *to)
{
	assert(table->column_count > 0);
	for (size_t i = 0; i < table->column_count; i++)
		cell_print(table, i, table->columns[i].title, to);
	for (size_t i = 0; i < table->cell_count; i++)
		cell_print(table, i % table->column_count, table->cells[i], to);
}
