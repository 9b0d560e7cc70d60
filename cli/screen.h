/* SPDX-License-Identifier: Apache-2.0 */
/*
 * screen.h - the user's terminal as a canvas that can be drawn on, and its keys
 *
 * Only what has changed since the last picture is sent to the terminal.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>

#include "cli/canvas.h"

/* Keys that are no characters. */
enum screen_key {
	SCREEN_KEY_NONE = -1, /* no more keys for now */
	SCREEN_KEY_UP = 256,
	SCREEN_KEY_DOWN,
	SCREEN_KEY_LEFT,
	SCREEN_KEY_RIGHT,
	SCREEN_KEY_PAGE_UP,
	SCREEN_KEY_PAGE_DOWN,
	SCREEN_KEY_HOME,
	SCREEN_KEY_END,
	SCREEN_KEY_OTHER,
};

#define SCREEN_CTRL(letter) ((letter)&0x1f)

struct screen;

/*
 * Of standard input and output. -ENOTTY: they are no terminal; -ENOTSUP: it is one that
 * can't be drawn on. Nothing was changed then.
 */
CHECKED int screen_open(bool may_colour, struct screen **ret_screen, struct fail *why);
void screen_close(struct screen *screen); /* the terminal is as it was; NULL is fine */

/* After a SIGWINCH. */
void screen_resize(struct screen *screen);
void screen_size(const struct screen *screen, unsigned int *ret_width, unsigned int *ret_height);

/* anew: sends all of it, for a terminal that others have written to. */
void screen_draw(struct screen *screen, const struct canvas *canvas, bool anew);

/* The next key that was pressed; never waits. A character, or an enum screen_key. */
int screen_read_key(struct screen *screen);

#endif
