/* SPDX-License-Identifier: Apache-2.0 */
/* thread.c - threads beside the main one, to which signals belong */
#include "base/thread.h"

#include <signal.h>

static const int crash_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };

/* Until it is back, the mask is the one that the new thread is born with. */
static void signals_block(int open_signal, sigset_t *ret_old)
{
	sigset_t blocked;

	sigfillset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(crash_signals); i++)
		sigdelset(&blocked, crash_signals[i]);
	if (open_signal != 0)
		sigdelset(&blocked, open_signal);
	pthread_sigmask(SIG_SETMASK, &blocked, ret_old);
}

int thread_start(pthread_t *ret_thread, const char *name, int open_signal, void *(*run)(void *),
		 void *context)
{
	pthread_t thread;
	sigset_t old;
	int error;

	signals_block(open_signal, &old);
	error = pthread_create(&thread, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0)
		return -error;
	pthread_setname_np(thread, name);
	*ret_thread = thread;
	return 0;
}
