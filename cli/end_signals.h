/* SPDX-License-Identifier: Apache-2.0 */
/*
 * end_signals.h - the signals that tell a guest, or who looks after guests, to end
 *
 * They are held from the start on, so that one that comes while things are put together
 * waits for the loop.
 */
#ifndef CLI_END_SIGNALS_H
#define CLI_END_SIGNALS_H

#include <signal.h>

#include "base/loop.h"

#define END_SIGNALS 3

void end_signals_set(sigset_t *ret_set);

/* Blocks them, for this thread and those that it will start. */
void end_signals_hold(void);

/*
 * Receives them, those that were held first. ret_sources: END_SIGNALS, the caller's also
 * where it fails.
 */
CHECKED int end_signals_listen(struct loop *loop, loop_signal_fn *fn, void *context,
			       struct loop_source **ret_sources);

#endif
