/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_server.h - serves the exposition over HTTP
 *
 * On a loop's thread, as everything else there. Who may connect may read: names and figures,
 * nothing of what guests hold, and nothing can be changed.
 */
#ifndef CLI_METRICS_SERVER_H
#define CLI_METRICS_SERVER_H

#include "base/loop.h"
#include "cli/listen_address.h"
#include "cli/verb.h"

struct metrics_server;

/* address: its port is set where it was 0. call: which guests are meant; it stays the caller's. */
CHECKED int metrics_server_create(struct loop *loop, struct listen_address *address,
				  const struct call *call, struct metrics_server **ret_server,
				  struct fail *why);
void metrics_server_free(struct metrics_server *server); /* NULL is fine */

#endif
