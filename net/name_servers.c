/* SPDX-License-Identifier: Apache-2.0 */
/* name_servers.c - whom this host asks for names, as far as a guest can ask them, too */
#include "net/name_servers.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* False for what is no address, or the loopback's. */
static bool can_be_asked(const char *server)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, server, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 != IN_LOOPBACKNET && v4.s_addr != INADDR_ANY;
	return inet_pton(AF_INET6, server, &v6) == 1 && !IN6_IS_ADDR_LOOPBACK(&v6) &&
	       !IN6_IS_ADDR_UNSPECIFIED(&v6);
}

unsigned int name_servers_read(const char *path,
			       char ret_servers[NAME_SERVERS_MAX][INET6_ADDRSTRLEN])
{
	FILE *file = fopen(path, "re");
	char line[256], server[INET6_ADDRSTRLEN];
	unsigned int count = 0;

	while (file && count < NAME_SERVERS_MAX && fgets(line, sizeof(line), file))
		if (sscanf(line, "nameserver %45s", server) == 1 && can_be_asked(server))
			strcpy(ret_servers[count++], server);
	if (file)
		fclose(file);
	return count;
}
