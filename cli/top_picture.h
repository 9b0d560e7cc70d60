/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_picture.h - how samepage top looks, on a screen of any size and on paper
 *
 * Sums are at the top, then come the rows, then one line for what is amiss, or the keys.
 * Where there is no room for all columns, those that tell most are shown, and always the
 * one that the rows are sorted by.
 */
#ifndef CLI_TOP_PICTURE_H
#define CLI_TOP_PICTURE_H

#include <stdint.h>

#include "cli/canvas.h"
#include "cli/top_model.h"

/* What a user has set. */
struct top_view {
	struct top_choice choice;
	bool has_names; /* only guests that were named are taken */
	size_t first;	/* the row that is shown first; set right when it is drawn */
	uint64_t interval_seconds;
	bool is_paused;
	bool shows_help;
	char clock[16]; /* when the figures were collected; "": there are none yet */
};

/* Its figures were collected now. */
void top_view_set_clock(struct top_view *view);

/* How many rows a screen of so many lines has room for. */
unsigned int top_picture_rows(unsigned int height);

void top_picture_draw(struct canvas *canvas, struct top_model *model, struct top_view *view);

/* All rows and all columns. */
CHECKED int top_picture_print(struct top_model *model, const struct top_view *view, FILE *to,
			      struct fail *why);

#endif
