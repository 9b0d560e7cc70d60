/* SPDX-License-Identifier: Apache-2.0 */
/* canvas.c - a picture of characters, each with a style; for a screen or for a pipe */
#include "cli/canvas.h"

#include <stdarg.h>
#include <string.h>

int canvas_create(unsigned int width, unsigned int height, struct canvas **ret_canvas,
		  struct fail *why)
{
	struct canvas *canvas = calloc(1, sizeof(*canvas));
	size_t cells = (size_t)width * height;

	if (canvas) {
		canvas->width = width;
		canvas->height = height;
		canvas->text = malloc(cells + 1);
		canvas->styles = calloc(cells + 1, 1);
	}
	if (!canvas || !canvas->text || !canvas->styles) {
		canvas_free(canvas);
		return fail_errno(why, ENOMEM, "cannot draw a picture of %u lines", height);
	}
	memset(canvas->text, ' ', cells + 1);
	*ret_canvas = canvas;
	return 0;
}

void canvas_free(struct canvas *canvas)
{
	if (!canvas)
		return;
	free(canvas->text);
	free(canvas->styles);
	free(canvas);
}

unsigned int canvas_put(struct canvas *canvas, unsigned int line, unsigned int column,
			enum canvas_style style, const char *text)
{
	for (; *text; text++, column++) {
		size_t cell = (size_t)line * canvas->width + column;

		if (line >= canvas->height || column >= canvas->width)
			continue;
		canvas->text[cell] = *text;
		canvas->styles[cell] = (uint8_t)style;
	}
	return column;
}

unsigned int canvas_format(struct canvas *canvas, unsigned int line, unsigned int column,
			   enum canvas_style style, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return canvas_put(canvas, line, column, style, text);
}

void canvas_print(const struct canvas *canvas, FILE *to)
{
	for (unsigned int line = 0; line < canvas->height; line++) {
		const char *text = canvas->text + (size_t)line * canvas->width;
		unsigned int length = canvas->width;

		while (length > 0 && text[length - 1] == ' ')
			length--;
		fprintf(to, "%.*s\n", (int)length, text);
	}
}
