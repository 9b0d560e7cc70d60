/* SPDX-License-Identifier: Apache-2.0 */
/* top_picture.c - how samepage top looks, on a screen of any size and on paper */
#include "cli/top_picture.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define CELL_SIZE   72 /* a name of 63 bytes and more */
#define PAPER_WIDTH 512
#define PAPER_BAR   20
#define NAME_PART   6 /* of the width, for names: leaves room for what tells most at 80 columns */
#define SUMMARY	    5 /* lines with sums and the legend, at most */

void top_view_set_clock(struct top_view *view)
{
	time_t now = time(NULL);
	struct tm local;

	if (!localtime_r(&now, &local) ||
	    strftime(view->clock, sizeof(view->clock), "%H:%M:%S", &local) == 0)
		strcpy(view->clock, "-");
}

/* ------------------------------------------------------------ which columns */

/* What there is always room for comes first. */
static const enum top_column priorities[TOP_COLUMNS] = {
	TOP_NAME,     TOP_MEMORY,     TOP_GUESTS,   TOP_STATE,	TOP_RECLAIMED,
	TOP_CPU,      TOP_BROKER_CPU, TOP_OVERHEAD, TOP_MERGES, TOP_BREAKS,
	TOP_STORE,    TOP_SHARED,     TOP_PRIVATE,  TOP_FRAMES, TOP_ZERO,
	TOP_RETURNED, TOP_RAM,	      TOP_PSS,	    TOP_DOMAIN,
};

/* A row of the table on its way to the canvas. */
struct table_view {
	const struct top_row *const *rows;
	size_t count;
	enum top_column sort;
	enum top_kind kind;
	unsigned int widths[TOP_COLUMNS]; /* 0: not shown */
};

static unsigned int column_width(const struct table_view *table, enum top_column column,
				 unsigned int width)
{
	const struct top_column_type *type = &top_columns[column];
	unsigned int wanted = type->width, limit = width / NAME_PART;
	char text[CELL_SIZE];

	for (size_t i = 0; type->unit != TOP_BAR && i < table->count; i++) {
		size_t length;

		top_row_cell(table->rows[i], column, text, sizeof(text));
		length = strlen(text);
		wanted = length > wanted ? (unsigned int)length : wanted;
	}
	if (type->unit == TOP_TEXT && wanted > limit)
		return limit > type->width ? limit : type->width;
	return wanted;
}

/* The bar gets what the columns leave. */
static void table_lay_out(struct table_view *table, unsigned int width, unsigned int bar_limit)
{
	unsigned int used = 0, bar;
	enum top_column order[TOP_COLUMNS + 1] = { TOP_NAME, table->sort };

	memcpy(order + 2, priorities + 1, (TOP_COLUMNS - 1) * sizeof(*order));
	for (unsigned int i = 0; i <= TOP_COLUMNS; i++) {
		enum top_column column = order[i];
		unsigned int wanted;

		if (!top_columns[column].is_in[table->kind] || table->widths[column] > 0)
			continue;
		wanted = column_width(table, column, width);
		if (i > 0 && used + 1 + wanted > width)
			continue;
		table->widths[column] = wanted;
		used += wanted + (i > 0);
	}
	bar = table->widths[TOP_MEMORY];
	if (bar > 0 && width > used)
		bar += width - used;
	table->widths[TOP_MEMORY] = bar < bar_limit ? bar : bar_limit;
}

/* ------------------------------------------------------------ the table */

static const enum canvas_style part_styles[TOP_PARTS] = {
	[TOP_PART_PRIVATE] = CANVAS_PRIVATE,
	[TOP_PART_SHARED] = CANVAS_SHARED,
	[TOP_PART_ZERO] = CANVAS_ZERO,
	[TOP_PART_RETURNED] = CANVAS_RETURNED,
};

static void draw_bar(struct canvas *canvas, unsigned int line, unsigned int column,
		     const struct top_row *row, unsigned int width)
{
	unsigned int ends[TOP_PARTS], part = 0;

	if (isnan(row->values[TOP_RAM])) {
		canvas_put(canvas, line, column, CANVAS_PLAIN, "-");
		return;
	}
	top_row_bar(row, width, ends);
	for (unsigned int cell = 0; cell < width; cell++) {
		char mark[2] = { TOP_UNTOUCHED };

		while (part < TOP_PARTS && ends[part] <= cell)
			part++;
		if (part < TOP_PARTS)
			mark[0] = top_part_marks[part];
		canvas_put(canvas, line, column + cell,
			   part < TOP_PARTS ? part_styles[part] : CANVAS_PLAIN, mark);
	}
}

/* Names of one fleet differ at their ends, so what is left out is in the middle. */
static void text_shorten(char *text, unsigned int width)
{
	const unsigned int tail = 4;
	size_t length = strlen(text);

	if (length <= width || width < tail + 2)
		return;
	text[width - tail - 1] = '~';
	memmove(text + width - tail, text + length - tail, tail + 1);
}

static void draw_cell(struct canvas *canvas, unsigned int line, unsigned int column,
		      const struct top_row *row, enum top_column type, unsigned int width)
{
	bool is_amiss = type == TOP_STATE &&
			(strcmp(row->state, "silent") == 0 || strcmp(row->state, "crashed") == 0);
	char text[CELL_SIZE];

	if (top_columns[type].unit == TOP_BAR) {
		draw_bar(canvas, line, column, row, width);
		return;
	}
	top_row_cell(row, type, text, sizeof(text));
	if (top_columns[type].unit == TOP_TEXT) {
		text_shorten(text, width);
		canvas_format(canvas, line, column, is_amiss ? CANVAS_WARNING : CANVAS_PLAIN,
			      "%.*s", (int)width, text);
		return;
	}
	canvas_format(canvas, line, column, CANVAS_PLAIN, "%*s", (int)width, text);
}

static void draw_head(struct canvas *canvas, unsigned int line, const struct table_view *table)
{
	unsigned int column = 0;

	for (unsigned int i = 0; i < canvas->width; i++)
		canvas_put(canvas, line, i, CANVAS_HEAD, " ");
	for (unsigned int i = 0; i < TOP_COLUMNS; i++) {
		bool is_left = top_columns[i].unit <= TOP_BAR;
		int width = (int)table->widths[i];

		if (width == 0)
			continue;
		canvas_format(canvas, line, column,
			      i == table->sort ? CANVAS_HEAD_CHOSEN : CANVAS_HEAD, "%*s",
			      is_left ? -width : width, top_columns[i].title);
		column += (unsigned int)width + 1;
	}
}

static void draw_row(struct canvas *canvas, unsigned int line, const struct table_view *table,
		     const struct top_row *row)
{
	unsigned int column = 0;

	for (unsigned int i = 0; i < TOP_COLUMNS; i++) {
		if (table->widths[i] == 0)
			continue;
		draw_cell(canvas, line, column, row, i, table->widths[i]);
		column += table->widths[i] + 1;
	}
}

/* ------------------------------------------------------------ above the table */

/* "3 guests" */
static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void draw_title(struct canvas *canvas, const struct top_model *model,
		       const struct top_view *view)
{
	const struct top_choice *choice = &view->choice;
	size_t guests, domains;
	unsigned int column = canvas_put(canvas, 0, 0, CANVAS_STRONG, "samepage top");

	top_model_count(model, choice, &guests, &domains);
	column = canvas_format(canvas, 0, column, CANVAS_PLAIN, "  %s  ", view->clock);
	if (*choice->domain)
		column = canvas_format(canvas, 0, column, CANVAS_STRONG,
				       "domain %s: ", choice->domain);
	column = canvas_format(canvas, 0, column, CANVAS_PLAIN, "%zu guest%s", guests,
			       plural(guests));
	if (!*choice->domain)
		column = canvas_format(canvas, 0, column, CANVAS_PLAIN, " in %zu domain%s", domains,
				       plural(domains));
	column = canvas_format(canvas, 0, column, CANVAS_PLAIN, ", by %s%s, every %llu s",
			       top_columns[choice->sort[choice->kind]].word,
			       choice->is_reversed ? " reversed" : "",
			       (unsigned long long)view->interval_seconds);
	if (view->is_paused)
		canvas_put(canvas, 0, column, CANVAS_WARNING, "  PAUSED");
}

/* A value of the sum with the word behind it, and what follows. */
static unsigned int draw_sum(struct canvas *canvas, unsigned int line, unsigned int column,
			     const struct top_row *sum, enum top_column value, const char *words)
{
	char text[CELL_SIZE];

	top_row_cell(sum, value, text, sizeof(text));
	column = canvas_put(canvas, line, column, CANVAS_STRONG, text);
	return canvas_put(canvas, line, column, CANVAS_PLAIN, words);
}

static void draw_memory(struct canvas *canvas, const struct top_row *sum)
{
	unsigned int column = canvas_put(canvas, 1, 0, CANVAS_PLAIN, "memory   ");

	column = draw_sum(canvas, 1, column, sum, TOP_RAM, " MiB: ");
	column = draw_sum(canvas, 1, column, sum, TOP_PRIVATE, " private, ");
	column = draw_sum(canvas, 1, column, sum, TOP_SHARED, " shared, ");
	column = draw_sum(canvas, 1, column, sum, TOP_ZERO, " zero, ");
	draw_sum(canvas, 1, column, sum, TOP_RETURNED, " returned");
}

static void draw_sharing(struct canvas *canvas, const struct top_row *sum)
{
	unsigned int column = canvas_put(canvas, 2, 0, CANVAS_PLAIN, "sharing  ");

	column = draw_sum(canvas, 2, column, sum, TOP_RECLAIMED, " MiB reclaimed, ");
	column = draw_sum(canvas, 2, column, sum, TOP_MERGES, " merges/s, ");
	draw_sum(canvas, 2, column, sum, TOP_BREAKS, " breaks/s");
}

static void draw_cost(struct canvas *canvas, const struct top_row *sum)
{
	unsigned int column = canvas_put(canvas, 3, 0, CANVAS_PLAIN, "cost     ");

	column = draw_sum(canvas, 3, column, sum, TOP_OVERHEAD, " MiB overhead, CPU ");
	column = draw_sum(canvas, 3, column, sum, TOP_CPU, "% in guests' processes, ");
	draw_sum(canvas, 3, column, sum, TOP_BROKER_CPU, "% in brokers");
}

static void draw_legend(struct canvas *canvas)
{
	static const char *const words[TOP_PARTS] = { " private  ", " shared  ", " zero  ",
						      " returned  " };
	unsigned int column = canvas_put(canvas, 4, 0, CANVAS_PLAIN, "bars     ");

	for (unsigned int i = 0; i < TOP_PARTS; i++) {
		char mark[2] = { top_part_marks[i] };

		column = canvas_put(canvas, 4, column, part_styles[i], mark);
		column = canvas_put(canvas, 4, column, CANVAS_PLAIN, words[i]);
	}
	canvas_format(canvas, 4, column, CANVAS_PLAIN, "%c never touched; sizes in MiB",
		      TOP_UNTOUCHED);
}

/* How many lines of the summary a screen is high enough for. */
static unsigned int summary_lines(unsigned int height)
{
	if (height >= 16)
		return SUMMARY;
	return height >= 10 ? SUMMARY - 1 : 1;
}

/* Behind a whole summary is a blank line. Returns the first line behind it. */
static unsigned int draw_summary(struct canvas *canvas, const struct top_model *model,
				 const struct top_view *view, const struct top_row *sum,
				 unsigned int lines)
{
	draw_title(canvas, model, view);
	if (lines > 1) {
		draw_memory(canvas, sum);
		draw_sharing(canvas, sum);
		draw_cost(canvas, sum);
	}
	if (lines == SUMMARY) {
		draw_legend(canvas);
		lines++;
	}
	return lines;
}

/* ------------------------------------------------------------ the whole */

static const char *const help[] = {
	"samepage top - what guests share, and what that costs",
	"",
	"  q         quit                         d       guests or domains",
	"  < >       sort by the next column      f       only the next domain, or all",
	"  r         the other way round          p       pause, or go on",
	"  up down   scroll by a line             + -     longer or shorter interval",
	"  ^F ^B     scroll by a screen           ^L      draw all anew",
	"",
	"The bar is the guest's memory:",
	"  # PRIVATE    of its own               0 ZERO      only zeroes, handed back",
	"  = SHARED     from the domain's store  - RETURNED  given away by the guest",
	"",
	"  RECLAIMED    what the guest costs less than without sharing",
	"  MERGES/s     pages that became shared, BREAKS/s: that were written to then",
	"  CPU%         of one processor, used by the guest's dedup thread",
	"  BROKER%      the same, used by the domain's broker",
	"  OVERHEAD     memory that sharing itself takes up",
	"",
	"A silent guest does not answer: its figures are the last that it told. Where",
	"the screen is too narrow for a column, sort by it to see it. All sizes in MiB.",
	"",
	"any key: back",
};

static void draw_help(struct canvas *canvas)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(help); i++)
		canvas_put(canvas, i, 0, i == 0 ? CANVAS_STRONG : CANVAS_PLAIN, help[i]);
}

static struct table_view table_make(struct top_model *model, const struct top_view *view,
				    struct top_row *ret_sum)
{
	const struct top_choice *choice = &view->choice;
	struct table_view table = { .kind = choice->kind, .sort = choice->sort[choice->kind] };

	table.rows = top_model_rows(model, choice, &table.count, ret_sum);
	return table;
}

static void draw_nobody(struct canvas *canvas, unsigned int line, const struct top_view *view)
{
	if (!*view->clock)
		canvas_put(canvas, line, 0, CANVAS_PLAIN, "asking the guests ...");
	else if (*view->choice.domain)
		canvas_format(canvas, line, 0, CANVAS_PLAIN, "no guest runs in domain '%s'",
			      view->choice.domain);
	else
		canvas_put(canvas, line, 0, CANVAS_PLAIN,
			   view->has_names ? "no guest that was named runs" : "no guest runs");
}

/* What is amiss, or the keys; and which rows are shown where that is not all. */
static void draw_foot(struct canvas *canvas, const struct top_model *model,
		      const struct top_view *view, size_t shown, size_t count)
{
	const char *complaint = top_model_complaint(model);
	unsigned int line = canvas->height - 1;
	char place[64];

	if (complaint)
		canvas_put(canvas, line, 0, CANVAS_WARNING, complaint);
	else
		canvas_put(canvas, line, 0, CANVAS_PLAIN,
			   "q quit  ? help  d domains  f filter  < > sort  r reverse  p pause");
	if (shown == count)
		return;
	snprintf(place, sizeof(place), "  %zu-%zu of %zu", view->first + 1, view->first + shown,
		 count);
	if (strlen(place) < canvas->width)
		canvas_put(canvas, line, canvas->width - (unsigned int)strlen(place), CANVAS_STRONG,
			   place);
}

unsigned int top_picture_rows(unsigned int height)
{
	unsigned int lines = summary_lines(height), around = lines + (lines == SUMMARY) + 2;

	return height > around ? height - around : 0;
}

void top_picture_draw(struct canvas *canvas, struct top_model *model, struct top_view *view)
{
	unsigned int rows = top_picture_rows(canvas->height), line;
	struct table_view table;
	struct top_row sum;
	size_t last, shown;

	if (view->shows_help) {
		draw_help(canvas);
		return;
	}
	table = table_make(model, view, &sum);
	table_lay_out(&table, canvas->width, canvas->width);
	last = table.count > rows ? table.count - rows : 0;
	view->first = view->first < last ? view->first : last;
	shown = table.count - view->first < rows ? table.count - view->first : rows;
	line = draw_summary(canvas, model, view, &sum, summary_lines(canvas->height));
	draw_head(canvas, line++, &table);
	if (table.count == 0)
		draw_nobody(canvas, line, view);
	for (size_t i = 0; i < shown; i++)
		draw_row(canvas, line++, &table, table.rows[view->first + i]);
	if (canvas->height > 2)
		draw_foot(canvas, model, view, shown, table.count);
}

int top_picture_print(struct top_model *model, const struct top_view *view, FILE *to,
		      struct fail *why)
{
	const char *complaint = top_model_complaint(model);
	struct canvas *canvas;
	struct table_view table;
	struct top_row sum;
	unsigned int line;
	int rc;

	table = table_make(model, view, &sum);
	table_lay_out(&table, PAPER_WIDTH, PAPER_BAR);
	rc = canvas_create(PAPER_WIDTH, (unsigned int)table.count + SUMMARY + 2 + !!complaint,
			   &canvas, why);
	if (rc < 0)
		return rc;
	line = draw_summary(canvas, model, view, &sum, SUMMARY);
	draw_head(canvas, line++, &table);
	for (size_t i = 0; i < table.count; i++)
		draw_row(canvas, line++, &table, table.rows[i]);
	if (complaint)
		canvas_put(canvas, line, 0, CANVAS_WARNING, complaint);
	canvas_print(canvas, to);
	canvas_free(canvas);
	return 0;
}
