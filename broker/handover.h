/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover.h - the domain and its socket, from the guest that needs a broker
 *
 * A service manager starts this process for a connection of the guest's, in a unit of its
 * own. The guest has bound the domain's socket, so that connections wait there, and sends
 * it along.
 */
#ifndef BROKER_HANDOVER_H
#define BROKER_HANDOVER_H

#include "base/auto.h"
#include "base/fail.h"
#include "wire/codec.h"

/* connection: blocking; stays the caller's. So does *ret_listen_fd. */
CHECKED int handover_receive(int connection, char ret_domain[WIRE_TEXT_SIZE], int *ret_listen_fd,
			     struct fail *why);

#endif
