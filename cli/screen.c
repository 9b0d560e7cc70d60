/* SPDX-License-Identifier: Apache-2.0 */
/* screen.c - the user's terminal as a canvas that can be drawn on, and its keys */
#include "cli/screen.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/curses_library.h"

#define ESCAPE_MS   25 /* how long a key's sequence may take to come in */
#define MIN_COLUMNS 2
#define MIN_LINES   2

struct screen {
	const struct curses_library *curses;
	WINDOW *window;
	unsigned int width, height;
	int looks[CANVAS_STYLES]; /* attributes */
};

/* Without colour, what differs has to differ by its characters. */
static const struct {
	int look;
	short colour; /* -1: none */
} styles[CANVAS_STYLES] = {
	[CANVAS_PLAIN] = { 0, -1 },
	[CANVAS_STRONG] = { A_BOLD, -1 },
	[CANVAS_HEAD] = { A_REVERSE, -1 },
	[CANVAS_HEAD_CHOSEN] = { A_REVERSE | A_BOLD | A_UNDERLINE, -1 },
	[CANVAS_WARNING] = { A_BOLD, COLOR_RED },
	[CANVAS_PRIVATE] = { 0, COLOR_RED },
	[CANVAS_SHARED] = { 0, COLOR_GREEN },
	[CANVAS_ZERO] = { 0, COLOR_CYAN },
	[CANVAS_RETURNED] = { 0, COLOR_YELLOW },
};

static void looks_choose(struct screen *screen, bool may_colour)
{
	const struct curses_library *curses = screen->curses;
	bool has_colour = may_colour && curses->has_colors() && curses->start_color() == OK &&
			  curses->use_default_colors() == OK;

	for (short i = 0; i < CANVAS_STYLES; i++) {
		screen->looks[i] = styles[i].look;
		if (has_colour && styles[i].colour >= 0 &&
		    curses->init_pair((short)(i + 1), styles[i].colour, -1) == OK)
			screen->looks[i] |= curses->COLOR_PAIR(i + 1);
	}
}

/* What the terminal says of itself now; ncurses would go by its environment. */
static void screen_measure(struct screen *screen)
{
	struct winsize size;

	screen->width = 80;
	screen->height = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		screen->width = size.ws_col < MIN_COLUMNS ? MIN_COLUMNS : size.ws_col;
		screen->height = size.ws_row < MIN_LINES ? MIN_LINES : size.ws_row;
	}
}

void screen_resize(struct screen *screen)
{
	int width, height;

	screen_measure(screen);
	width = (int)screen->width;
	height = (int)screen->height;
	screen->curses->resizeterm(height, width);
	screen->curses->wresize(screen->window, height, width);
	screen->curses->clearok(screen->window, TRUE);
}

static int screen_start(struct screen *screen, struct fail *why)
{
	const struct curses_library *curses = screen->curses;
	const char *term = getenv("TERM");
	SCREEN *terminal;
	const char *move;

	setlocale(LC_CTYPE, "");
	terminal = curses->newterm(NULL, stdout, stdin);
	if (!terminal)
		return fail_set(why, ENOTSUP,
				"no terminal of the kind '%s' is known here: set TERM to another, "
				"such as vt100, or use --batch",
				term ? term : "");
	move = curses->tigetstr("cup");
	if (!move || move == (char *)-1) {
		curses->endwin();
		return fail_set(why, ENOTSUP,
				"a terminal of the kind '%s' has no screen: use --batch",
				term ? term : "");
	}
	curses->cbreak();
	curses->noecho();
	curses->curs_set(0);
	curses->set_escdelay(ESCAPE_MS);
	screen->window = curses->newwin(0, 0, 0, 0);
	if (!screen->window) {
		curses->endwin();
		return fail_errno(why, ENOMEM, "cannot draw on the terminal");
	}
	curses->keypad(screen->window, TRUE);
	curses->nodelay(screen->window, TRUE);
	return 0;
}

int screen_open(bool may_colour, struct screen **ret_screen, struct fail *why)
{
	AUTO_FREE struct screen *screen = calloc(1, sizeof(*screen));
	int rc;

	if (!screen)
		return fail_errno(why, ENOMEM, "cannot draw on the terminal");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail_set(
			why, ENOTTY,
			"standard input and output are no terminal: --batch prints to anything");
	rc = curses_library_load(&screen->curses, why);
	if (rc == 0)
		rc = screen_start(screen, why);
	if (rc < 0)
		return rc;
	looks_choose(screen, may_colour);
	screen_resize(screen);
	*ret_screen = TAKE(screen);
	return 0;
}

/*
 * Where the terminal has no second screen to leave, the picture stays, and the prompt
 * comes to its last line. ncurses keeps its memory for a program that comes back.
 */
void screen_close(struct screen *screen)
{
	if (!screen)
		return;
	screen->curses->wattrset(screen->window, 0);
	screen->curses->wmove(screen->window, (int)screen->height - 1, 0);
	screen->curses->wclrtoeol(screen->window);
	screen->curses->wrefresh(screen->window);
	screen->curses->endwin();
	free(screen);
}

void screen_size(const struct screen *screen, unsigned int *ret_width, unsigned int *ret_height)
{
	*ret_width = screen->width;
	*ret_height = screen->height;
}

/* Runs of one style. */
static void line_draw(struct screen *screen, const char *text, const uint8_t *canvas_styles,
		      unsigned int width)
{
	for (unsigned int start = 0, end; start < width; start = end) {
		end = start + 1;
		while (end < width && canvas_styles[end] == canvas_styles[start])
			end++;
		screen->curses->wattrset(screen->window, screen->looks[canvas_styles[start]]);
		screen->curses->waddnstr(screen->window, text + start, (int)(end - start));
	}
}

void screen_draw(struct screen *screen, const struct canvas *canvas, bool anew)
{
	screen->curses->werase(screen->window);
	for (unsigned int line = 0; line < canvas->height; line++) {
		size_t first = (size_t)line * canvas->width;

		screen->curses->wmove(screen->window, (int)line, 0);
		line_draw(screen, canvas->text + first, canvas->styles + first, canvas->width);
	}
	if (anew)
		screen->curses->clearok(screen->window, TRUE);
	screen->curses->wrefresh(screen->window);
}

static const struct {
	int curses;
	enum screen_key key;
} keys[] = {
	{ ERR, SCREEN_KEY_NONE },
	{ KEY_UP, SCREEN_KEY_UP },
	{ KEY_DOWN, SCREEN_KEY_DOWN },
	{ KEY_LEFT, SCREEN_KEY_LEFT },
	{ KEY_RIGHT, SCREEN_KEY_RIGHT },
	{ KEY_PPAGE, SCREEN_KEY_PAGE_UP },
	{ KEY_NPAGE, SCREEN_KEY_PAGE_DOWN },
	{ KEY_HOME, SCREEN_KEY_HOME },
	{ KEY_END, SCREEN_KEY_END },
};

int screen_read_key(struct screen *screen)
{
	int key = screen->curses->wgetch(screen->window);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].curses == key)
			return keys[i].key;
	return key >= 0 && key < 256 ? key : SCREEN_KEY_OTHER;
}
