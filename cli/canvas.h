/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canvas.h - a picture of characters, each with a style; for a screen or for a pipe
 *
 * What is put beside it is cut off, so that who draws need not look how large it is.
 */
#ifndef CLI_CANVAS_H
#define CLI_CANVAS_H

#include <stdint.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/fail.h"

/* Meanings; the screen knows what they look like, and a pipe has none of them. */
enum canvas_style {
	CANVAS_PLAIN,
	CANVAS_STRONG,
	CANVAS_HEAD,
	CANVAS_HEAD_CHOSEN,
	CANVAS_WARNING,
	CANVAS_PRIVATE,
	CANVAS_SHARED,
	CANVAS_ZERO,
	CANVAS_RETURNED,
	CANVAS_STYLES,
};

struct canvas {
	unsigned int width, height;
	char *text;	 /* height lines of width characters, blank at first */
	uint8_t *styles; /* of each character */
};

CHECKED int canvas_create(unsigned int width, unsigned int height, struct canvas **ret_canvas,
			  struct fail *why);
void canvas_free(struct canvas *canvas); /* NULL is fine */

/* ASCII. Returns the column behind it. */
unsigned int canvas_put(struct canvas *canvas, unsigned int line, unsigned int column,
			enum canvas_style style, const char *text);
unsigned int canvas_format(struct canvas *canvas, unsigned int line, unsigned int column,
			   enum canvas_style style, const char *format, ...) PRINTF(5, 6);

/* The lines, without styles and without blanks at their ends. */
void canvas_print(const struct canvas *canvas, FILE *to);

#endif
