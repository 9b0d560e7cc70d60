/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - a guest's control socket: it holds the guest's name and serves requests
 *
 * Whoever listens on RUNDIR/guests/NAME.sock is the guest of that name. A name is
 * claimed before the guest costs anything, and served once its loop exists:
 *
 *   control_claim()   the socket is bound; those who connect wait
 *   control_serve()   requests are answered, on the loop's thread
 *   control_free()    the socket is gone, and all connections are closed
 *
 * Clients are never waited for. One that sends half a request or does not take its
 * answer is dropped after CONTROL_CLIENT_DEADLINE_NS; an idle one may stay. When
 * CONTROL_MAX_CLIENTS are connected, a newcomer replaces the one that came first.
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include "base/auto.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/loop.h"
#include "wire/control.h"

#define CONTROL_MAX_CLIENTS	   64
#define CONTROL_CLIENT_DEADLINE_NS (5 * NS_PER_SEC)

/* What the requests do; called on the loop's thread. */
struct control_ops {
	/* Fills the whole report. */
	int (*report)(void *context, struct control_report *ret_report, struct fail *why);
	int (*history)(void *context, struct history *ret_history, struct fail *why);
	int (*power_button)(void *context, struct fail *why);
	int (*quit)(void *context, struct fail *why); /* must not free the control */
	int (*pause)(void *context, struct fail *why);
	int (*resume)(void *context, struct fail *why);
	int (*balloon)(void *context, uint64_t bytes, struct fail *why);
	/* All of these: fd stays the caller's. */
	int (*census)(void *context, int fd, struct fail *why);
	int (*definition)(void *context, int fd, struct fail *why);
	int (*read_pages)(void *context, uint64_t count, int fd, struct fail *why);
	int (*dump_ram)(void *context, int fd, struct fail *why);
	int (*console)(void *context, uint64_t number, int fd, struct fail *why);
};

struct control;

/* -EADDRINUSE where a guest of this name runs. The run-time directory exists. */
CHECKED int control_claim(const char *name, struct control **ret_control, struct fail *why);

/* loop, ops and context are borrowed until control_free(). At most once. */
CHECKED int control_serve(struct control *control, struct loop *loop, const struct control_ops *ops,
			  void *context, struct fail *why);

void control_free(struct control *control); /* NULL is fine */

/*
 * Removes the sockets of a guest that ended without doing so, and its log if that
 * is empty. Nothing happens where somebody listens. For those who list guests.
 */
void control_sweep(const char *name);

#endif
