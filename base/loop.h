/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - one thread that waits for descriptors, timers, signals and calls
 *
 * Everything but loop_wake() belongs to the thread that runs the loop. A
 * callback may remove any source, its own included.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#include "base/auto.h"

struct loop;
struct loop_source;

/* events: EPOLLIN, EPOLLOUT, ... that are due. */
typedef void loop_fd_fn(void *context, uint32_t events);
typedef void loop_fn(void *context);
typedef void loop_signal_fn(void *context, int signal);

CHECKED int loop_create(struct loop **ret_loop);
void loop_free(struct loop *loop); /* with all its sources; NULL is fine */

/* Waits and calls until loop_quit(). Returns what loop_quit() was given, or -errno. */
CHECKED int loop_run(struct loop *loop);
void loop_quit(struct loop *loop, int status);

/* The descriptor stays the caller's. */
CHECKED int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *context,
			struct loop_source **ret_source);
CHECKED int loop_set_events(struct loop_source *source, uint32_t events);

/* A timer, not armed yet. loop_arm(0) disarms; it fires once for each loop_arm(). */
CHECKED int loop_add_timer(struct loop *loop, loop_fn *fn, void *context,
			   struct loop_source **ret_source);
void loop_arm(struct loop_source *timer, uint64_t after_ns);

/* Blocks the signal in the calling thread and receives it here. */
CHECKED int loop_add_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *context,
			    struct loop_source **ret_source);

/* Calls fn on the loop's thread once or more after each loop_wake(). */
CHECKED int loop_add_wake(struct loop *loop, loop_fn *fn, void *context,
			  struct loop_source **ret_source);
void loop_wake(struct loop_source *source); /* any thread, also a signal handler */

void loop_remove(struct loop_source *source); /* NULL is fine */

#endif
