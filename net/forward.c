/* SPDX-License-Identifier: Apache-2.0 */
/* forward.c - a port of the host behind which a port of the guest answers */
#include "net/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define TEXT_SIZE 96 /* longer than any address with ports */

static int refuse(const char *text, size_t length, struct fail *why)
{
	return fail_set(
		why, EINVAL,
		"forward '%.*s' is not [ADDRESS:]HOST:GUEST with ports from 1 to 65535, and "
		"perhaps /udp behind them: for example 8080:80 or 0.0.0.0:8080:80",
		length < TEXT_SIZE ? (int)length : TEXT_SIZE, text);
}

static bool port_parse(const char *text, uint16_t *ret_port)
{
	uint64_t port;

	if (parse_number(text, 1, 65535, &port) < 0)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* As inet_ntop() writes it, so that one address is always the same text. */
static bool address_parse(char *text, char ret_address[INET6_ADDRSTRLEN])
{
	size_t length = strlen(text);
	bool is_v6 = length > 2 && text[0] == '[' && text[length - 1] == ']';
	struct in6_addr address;
	int family = is_v6 ? AF_INET6 : AF_INET;

	if (is_v6) {
		text[length - 1] = '\0';
		text++;
	}
	return inet_pton(family, text, &address) == 1 &&
	       inet_ntop(family, &address, ret_address, INET6_ADDRSTRLEN);
}

/* Cuts what follows the last `mark` off; NULL: there is none. */
static char *cut_last(char *text, char mark)
{
	char *at = strrchr(text, mark);

	if (!at)
		return NULL;
	*at = '\0';
	return at + 1;
}

int forward_parse(const char *text, size_t length, struct net_forward *ret_forward,
		  struct fail *why)
{
	struct net_forward forward = { .address = FORWARD_DEFAULT_ADDRESS };
	char rest[TEXT_SIZE];
	const char *protocol, *guest, *host;

	if (length >= sizeof(rest))
		return refuse(text, length, why);
	memcpy(rest, text, length);
	rest[length] = '\0';
	protocol = cut_last(rest, '/');
	if (protocol && strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0)
		return refuse(text, length, why);
	forward.is_udp = protocol && strcmp(protocol, "udp") == 0;
	guest = cut_last(rest, ':');
	if (!guest)
		return refuse(text, length, why);
	host = cut_last(rest, ':');
	if (host && !address_parse(rest, forward.address))
		return refuse(text, length, why);
	if (!port_parse(host ? host : rest, &forward.host) || !port_parse(guest, &forward.guest))
		return refuse(text, length, why);
	*ret_forward = forward;
	return 0;
}
