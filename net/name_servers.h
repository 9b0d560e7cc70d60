/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name_servers.h - whom this host asks for names, as far as a guest can ask them, too
 *
 * Where a resolver of the host's own stands between, at its loopback, the guest can't
 * reach it: systemd-resolved says in a file of its own whom it asks itself.
 */
#ifndef NET_NAME_SERVERS_H
#define NET_NAME_SERVERS_H

#include <netinet/in.h>

#define NAME_SERVERS_MAX     3
#define NAME_SERVERS_DEFAULT "/etc/resolv.conf"
#define NAME_SERVERS_SYSTEMD "/run/systemd/resolve/resolv.conf"

/*
 * The addresses behind "nameserver" in a file (resolv.conf(5)) that are not this
 * host's loopback. Returns how many; 0 where there is no such file.
 */
unsigned int name_servers_read(const char *path,
			       char ret_servers[NAME_SERVERS_MAX][INET6_ADDRSTRLEN]);

#endif
