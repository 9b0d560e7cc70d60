/* SPDX-License-Identifier: Apache-2.0 */
/* end_signals.c - the signals that tell a guest, or who looks after guests, to end */
#include "cli/end_signals.h"

static const int end_signals[END_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };

void end_signals_set(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	for (unsigned int i = 0; i < END_SIGNALS; i++)
		sigaddset(ret_set, end_signals[i]);
}

void end_signals_hold(void)
{
	sigset_t set;

	end_signals_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int end_signals_listen(struct loop *loop, loop_signal_fn *fn, void *context,
		       struct loop_source **ret_sources)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < END_SIGNALS; i++)
		rc = loop_add_signal(loop, end_signals[i], fn, context, &ret_sources[i]);
	return rc;
}
