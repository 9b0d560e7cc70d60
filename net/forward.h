/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward.h - a port of the host behind which a port of the guest answers
 *
 *   [ADDRESS:]HOST:GUEST[/tcp|/udp]	8080:80   0.0.0.0:8080:80   [::1]:5353:53/udp
 *
 * Without an address the host's port is open on 127.0.0.1 alone: a guest becomes
 * reachable from outside only where somebody says so.
 */
#ifndef NET_FORWARD_H
#define NET_FORWARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"

#define FORWARD_DEFAULT_ADDRESS "127.0.0.1"

struct net_forward {
	char address[INET6_ADDRSTRLEN]; /* of the host, as inet_ntop() writes it */
	uint16_t host, guest;		/* ports; 1 to 65535 */
	bool is_udp;
};

/* text need not end where the forward does: length bytes of it count. */
CHECKED int forward_parse(const char *text, size_t length, struct net_forward *ret_forward,
			  struct fail *why);

#endif
