/* SPDX-License-Identifier: Apache-2.0 */
/* curses_library.c - ncurses, loaded by the verb that fills a screen */
#include "cli/curses_library.h"

#include <stddef.h>

#include "base/library.h"

static const struct library_function functions[] = {
#define CURSES_ROW(name) { #name, offsetof(struct curses_library, name) },
	CURSES_FUNCTIONS(CURSES_ROW)
#undef CURSES_ROW
};

static const struct library libncursesw = {
	.file = "libncursesw.so.6",
	.needs = "a live screen needs ncurses (package libncursesw6), --batch does not",
	.functions = functions,
	.function_count = ARRAY_SIZE(functions),
};

int curses_library_load(const struct curses_library **ret_library, struct fail *why)
{
	static struct curses_library library;
	int rc = library_load(&libncursesw, &library, why);

	if (rc < 0)
		return rc;
	*ret_library = &library;
	return 0;
}
