/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netns.h - a network namespace of its own for one test, where this user may make one
 *
 * The test's process enters it, as its root, and leaves it by ending. There is lo, and
 * what the test makes; nothing there reaches the machine's network.
 */
#ifndef TESTS_UNIT_NETNS_H
#define TESTS_UNIT_NETNS_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool netns_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* False, and a reason is printed: not possible here. Descriptors stay as they are. */
static inline bool netns_enter(void)
{
	unsigned int uid = geteuid(), gid = getegid();
	int flags = uid == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET, fd;
	char map[32];

	if (unshare(flags) < 0) {
		printf("skipped: no network namespace for this user\n");
		return false;
	}
	if (uid != 0) {
		snprintf(map, sizeof(map), "0 %u 1", uid);
		if (!netns_write("/proc/self/setgroups", "deny") ||
		    !netns_write("/proc/self/uid_map", map))
			return false;
		snprintf(map, sizeof(map), "0 %u 1", gid);
		if (!netns_write("/proc/self/gid_map", map))
			return false;
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		printf("skipped: no /dev/net/tun for this user\n");
		return false;
	}
	close(fd);
	return true;
}

static inline bool netns_request(unsigned long request, void *argument)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool done = ioctl(fd, request, argument) == 0;

	close(fd);
	return done;
}

static inline struct ifreq netns_named(const char *name)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return request;
}

static inline bool netns_up(const char *name)
{
	struct ifreq request = netns_named(name);

	request.ifr_flags = IFF_UP;
	return netns_request(SIOCSIFFLAGS, &request);
}

static inline void netns_set_address(struct sockaddr *address, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(text) };

	memcpy(address, &in, sizeof(in));
}

/* Makes a persistent tap device. flags: IFF_MULTI_QUEUE or 0. */
static inline bool netns_add_tap(const char *name, short flags)
{
	struct ifreq request = netns_named(name);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	bool done;

	request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags);
	done = ioctl(fd, TUNSETIFF, &request) == 0 && ioctl(fd, TUNSETPERSIST, 1) == 0;
	close(fd);
	return done;
}

static inline bool netns_remove(const char *name)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_DELLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.link.ifi_index = (int)if_nametoindex(name),
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool done = send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request) &&
		    recv(fd, &request, sizeof(request), 0) > 0 && if_nametoindex(name) == 0;

	close(fd);
	return done;
}

/* An interface "up0" that leads to a network: 198.51.100.2/24, by way of 198.51.100.1. */
static inline bool netns_add_uplink(void)
{
	struct ifreq request = netns_named("up0");
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };

	if (!netns_up("lo") || !netns_add_tap("up0", 0))
		return false;
	netns_set_address(&request.ifr_addr, "198.51.100.2");
	if (!netns_request(SIOCSIFADDR, &request))
		return false;
	netns_set_address(&request.ifr_netmask, "255.255.255.0");
	if (!netns_request(SIOCSIFNETMASK, &request) || !netns_up("up0"))
		return false;
	netns_set_address(&route.rt_dst, "0.0.0.0");
	netns_set_address(&route.rt_genmask, "0.0.0.0");
	netns_set_address(&route.rt_gateway, "198.51.100.1");
	return netns_request(SIOCADDRT, &route);
}

/* A socket that sends and receives whole frames at an interface, as the host does. */
static inline int netns_frames(const char *name)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

#endif
