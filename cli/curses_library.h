/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curses_library.h - ncurses, loaded by the verb that fills a screen
 *
 * Each guest is a process of the same program, and would pay for a library that none of
 * them uses (decision 0016).
 */
#ifndef CLI_CURSES_LIBRARY_H
#define CLI_CURSES_LIBRARY_H

#define NCURSES_NOMACROS /* functions have addresses */
#include <curses.h>

#include "base/auto.h"
#include "base/fail.h"

/* The functions that we use. */
#define CURSES_FUNCTIONS(each)                                                                     \
	each(newterm) each(newwin) each(endwin) each(cbreak) each(noecho) each(curs_set)           \
		each(set_escdelay) each(keypad) each(nodelay) each(wgetch) each(has_colors)        \
			each(COLOR_PAIR) each(start_color) each(use_default_colors)                \
				each(init_pair) each(tigetstr) each(werase) each(wmove)            \
					each(wclrtoeol) each(waddnstr) each(wattrset)              \
						each(wrefresh) each(clearok) each(resizeterm)      \
							each(wresize)

struct curses_library {
#define CURSES_POINTER(name) __typeof__(name) *name;
	CURSES_FUNCTIONS(CURSES_POINTER)
#undef CURSES_POINTER
};

/* It stays loaded. */
CHECKED int curses_library_load(const struct curses_library **ret_library, struct fail *why);

#endif
