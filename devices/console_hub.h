/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_hub.h - one console of a guest, and all who watch it from outside
 *
 * Whatever the guest says is kept (devices/console_ring.h), whether somebody watches
 * or not. A watcher is a stream socket: first it gets what is kept, then it follows;
 * what comes from it is typed at the guest, by everybody alike. Nobody is waited for:
 * a watcher that does not read is overtaken and told so, input that the guest does
 * not take stays in the watcher's socket.
 *
 * The device in between owns the hub; both live on the loop's thread.
 */
#ifndef DEVICES_CONSOLE_HUB_H
#define DEVICES_CONSOLE_HUB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/console_ring.h"

#define CONSOLE_HUB_WATCHERS 8 /* at a time */

/* The device's side. Neither may call the hub, but for console_hub_input_ready(). */
struct console_hub_hooks {
	size_t (*input_room)(void *context); /* how many bytes input() would take */
	void (*input)(void *context, const void *bytes, size_t length); /* no more than that */
	void *context;
};

struct console_hub;

CHECKED int console_hub_create(struct loop *loop, const struct console_hub_hooks *hooks,
			       struct console_hub **ret_hub);
void console_hub_free(struct console_hub *hub); /* before the loop, closes all; NULL is fine */

/* The guest has said this. Any length, no wait. */
void console_hub_feed(struct console_hub *hub, const void *bytes, size_t length);

/* There is room for input again. */
void console_hub_input_ready(struct console_hub *hub);

/*
 * A new watcher; fd stays the caller's. With kept_only it gets what is kept now, and
 * its end is closed behind that. -EINVAL: no stream socket; -EBUSY: too many.
 */
CHECKED int console_hub_attach(struct console_hub *hub, int fd, bool kept_only, struct fail *why);

/* Sends what watchers have not got yet; gives up on the slow after a moment. */
void console_hub_flush(struct console_hub *hub);

bool console_hub_is_watched(const struct console_hub *hub);
const struct console_ring *console_hub_ring(const struct console_hub *hub);

#endif
