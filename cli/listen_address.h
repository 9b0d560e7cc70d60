/* SPDX-License-Identifier: Apache-2.0 */
/* listen_address.h - where to listen, as people type it */
#ifndef CLI_LISTEN_ADDRESS_H
#define CLI_LISTEN_ADDRESS_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/fail.h"

struct listen_address {
	struct sockaddr_storage socket;
	socklen_t length;
	char text[64]; /* "127.0.0.1:80", "[::1]:80" */
};

/*
 * "ADDRESS", "ADDRESS:PORT" or ":PORT": an IPv4 address, or an IPv6 address, which is in
 * brackets where a port follows. Without an address it is 127.0.0.1. No name is looked up.
 */
CHECKED int listen_address_parse(const char *text, uint16_t default_port,
				 struct listen_address *ret_address, struct fail *why);

/* A TCP socket that listens there and does not block. Port 0: any; address is changed to it. */
CHECKED int listen_address_open(struct listen_address *address, int *ret_fd, struct fail *why);

#endif
