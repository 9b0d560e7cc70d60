/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - the host's end of the guest agent's port: a socket for one client at a time
 *
 * Whoever connects talks to the agent in the guest, in bare bytes. Those who come next
 * wait in the socket until the first has gone. Nothing is kept here: a guest that
 * sends faster than the client reads waits, and so does the client.
 *
 * A client that has closed its end is still heard to the end, unless another one
 * comes before the guest has listened. What the guest says meanwhile is lost.
 */
#ifndef DEVICES_AGENT_H
#define DEVICES_AGENT_H

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/console_end.h"

/* The name that the agent in the guest looks for. */
#define AGENT_PORT_NAME "org.qemu.guest_agent.0"

struct agent;

/* Makes the socket, with mode 0600. Nobody else makes one there. */
CHECKED int agent_create(const char *path, struct loop *loop, struct agent **ret_agent,
			 struct fail *why);
void agent_free(struct agent *agent); /* removes the socket; before the loop; NULL is fine */

struct console_end *agent_end(struct agent *agent);

#endif
