/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - threads beside the main one, to which signals belong */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "base/auto.h"

/*
 * Starts a thread that blocks all signals but those of a crash, whose handler gives the
 * terminal back, and open_signal (0: no other). The caller's own mask is what it was.
 * name: what tools show, up to 15 bytes. -errno; the caller joins the thread.
 */
CHECKED int thread_start(pthread_t *ret_thread, const char *name, int open_signal,
			 void *(*run)(void *), void *context);

#endif
