/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.h - the user's terminal as a guest's console
 *
 * Raw mode while the guest runs, and the old settings back on every way out: the
 * end of the scope that called terminal_restore(), exit(), and the signals of a
 * crash. Signals that merely end the process belong to the loop, which leads to
 * terminal_restore() as well.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"

/* One terminal at a time. -ENOTTY: fd is none, and nothing was changed. */
CHECKED int terminal_make_raw(int fd);
void terminal_restore(void); /* fine without terminal_make_raw(), or twice */

/*
 * Ctrl-A and a key: x ends the machine, Ctrl-A sends one Ctrl-A, h shows help. Who is
 * attached to a guest of another process has d, which detaches, and no x.
 */
enum escape_action { ESCAPE_NONE, ESCAPE_QUIT, ESCAPE_DETACH, ESCAPE_HELP };

struct escape {
	bool is_attached;
	bool after_prefix; /* the last byte was Ctrl-A */
};

/*
 * Takes the sequences out of bytes, in place; returns how many bytes are left for
 * the guest. *ret_action: the last action among them. Bytes behind a quit or a
 * detach are dropped.
 */
size_t escape_filter(struct escape *escape, unsigned char *bytes, size_t length,
		     enum escape_action *ret_action);

#endif
