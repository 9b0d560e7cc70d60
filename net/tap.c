/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap.c - a net that is a tap device of the host
 *
 * One descriptor of /dev/net/tun is one queue of the device. Those that the guest does
 * not use are disabled, since the kernel would spread frames over them as well. Frames
 * have the header of virtio in both directions; the kernel checks what it says of
 * offsets and sizes.
 *
 * A persistent device belongs to a user and needs no privilege; a device that is not
 * there is made, where that is allowed, and goes with the guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/backend.h"

/* One row for each offload that the kernel knows by another name. */
static const struct {
	enum net_offload offload;
	unsigned int flag;
} offload_flags[] = {
	{ NET_CSUM, TUN_F_CSUM },
	{ NET_TSO4, TUN_F_TSO4 },
	{ NET_TSO6, TUN_F_TSO6 },
	{ NET_ECN, TUN_F_TSO_ECN },
};

static int offloads_set(int fd, unsigned int offloads)
{
	unsigned int flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(offload_flags); i++)
		if (offloads & offload_flags[i].offload)
			flags |= offload_flags[i].flag;
	return ioctl(fd, TUNSETOFFLOAD, (unsigned long)flags) < 0 ? -errno : 0;
}

static int tap_send(struct net *net, unsigned int pair, const struct iovec *parts,
		    unsigned int count)
{
	if (writev(net->pairs[pair].fd, parts, (int)count) >= 0 || errno != EAGAIN)
		return 0; /* what the kernel does not take, a wire would lose */
	net_wait_for_room(net, pair);
	return -EAGAIN;
}

static ssize_t tap_receive(struct net *net, unsigned int pair, const struct iovec *parts,
			   unsigned int count)
{
	ssize_t n = readv(net->pairs[pair].fd, parts, (int)count);

	if (n >= 0)
		return n;
	if (errno == EBADFD)
		net_end(net, "the interface is gone");
	return -EAGAIN;
}

static int tap_use_pair(struct net *net, unsigned int pair, bool used)
{
	struct ifreq request = { .ifr_flags = used ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	return ioctl(net->pairs[pair].fd, TUNSETQUEUE, &request) < 0 ? -errno : 0;
}

static void tap_set_offloads(struct net *net, unsigned int offloads)
{
	/* they were tried when it was opened: it fails only for a device that is gone */
	if (offloads_set(net->pairs[0].fd, offloads) < 0)
		net_end(net, strerror(errno));
}

/*
 * The kernel's counters of the interface, which vhost's frames are in as well. It receives
 * what the guest sends. Format: proc_pid_net(5).
 */
static bool tap_count(const struct net *net, struct net_flow ret_flows[NET_WAYS])
{
	static const char numbers[] = "%" SCNu64 " %" SCNu64 " %*u %" SCNu64
				      " %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %*u %" SCNu64;
	struct net_flow *in = &ret_flows[NET_IN], *out = &ret_flows[NET_OUT];
	struct ifreq request = { 0 };
	bool is_found = false;
	char line[512];
	FILE *file;

	/* it may have another name by now */
	if (ioctl(net->pairs[0].fd, TUNGETIFF, &request) < 0)
		return false;
	file = fopen("/proc/thread-self/net/dev", "re");
	while (file && !is_found && fgets(line, sizeof(line), file)) {
		char *name = line + strspn(line, " "), *colon = strchr(name, ':');

		if (!colon)
			continue;
		*colon = '\0';
		if (strcmp(name, request.ifr_name) == 0)
			is_found = sscanf(colon + 1, numbers, &out->bytes, &out->frames, &out->lost,
					  &in->bytes, &in->frames, &in->lost) == 6;
	}
	if (file)
		fclose(file);
	return is_found;
}

static const struct net_backend tap_backend = {
	.send = tap_send,
	.receive = tap_receive,
	.use_pair = tap_use_pair,
	.set_offloads = tap_set_offloads,
	.count = tap_count,
};

/* ------------------------------------------------------------------ opening */

static int device_open(int *ret_fd, struct fail *why)
{
	*ret_fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return fail_errno(why, errno,
				  "the host has no tap devices: load the kernel's module with "
				  "'modprobe tun'");
	return fail_errno(why, errno, "cannot open /dev/net/tun");
}

static int queue_open(const char *tap, short flags, int *ret_fd, struct fail *why)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags) };
	AUTO_CLOSE int fd = -1;
	int rc = device_open(&fd, why);

	if (rc < 0)
		return rc;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int explain(int rc, const char *tap, struct fail *why)
{
	bool exists = if_nametoindex(tap) != 0;

	if (rc == -EPERM && exists)
		return fail_set(why, EPERM,
				"tap device '%s' belongs to another user: make it this user's with "
				"'ip tuntap add %s mode tap user NAME'",
				tap, tap);
	if (rc == -EPERM)
		return fail_set(
			why, EPERM,
			"there is no tap device '%s', and only root may make one: 'ip tuntap "
			"add %s mode tap user NAME'",
			tap, tap);
	if (rc == -EBUSY)
		return fail_set(why, EBUSY, "tap device '%s' is in use by another program", tap);
	if (rc == -EINVAL && exists)
		return fail_set(why, EINVAL, "interface '%s' is not a tap device", tap);
	return fail_errno(why, -rc, "cannot use tap device '%s'", tap);
}

/*
 * A device of many queues would be given to several, who each got some of the frames.
 * While somebody has a queue, the other end of the cable is there.
 */
static bool is_in_use(const char *tap)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ifreq request = { .ifr_data = (void *)&link };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap);
	return fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0 && link.data;
}

/*
 * A persistent device has one queue or many: which, only a try tells. Many are tried
 * first where they are wanted.
 */
static int first_queue_open(struct net *net, const char *tap, bool many, bool *ret_many,
			    struct fail *why)
{
	bool has_many = many, was_in_use = is_in_use(tap);
	int rc = -EINVAL;

	for (int i = 0; rc == -EINVAL && i < 2; i++) {
		has_many = i == 0 ? many : !many;
		why->text[0] = '\0';
		rc = queue_open(tap, has_many ? IFF_MULTI_QUEUE : 0, &net->pairs[0].fd, why);
	}
	if (rc == 0 && was_in_use)
		rc = -EBUSY;
	if (rc < 0)
		return why->text[0] ? rc : explain(rc, tap, why);
	*ret_many = has_many;
	net->traits.pairs = 1;
	return 0;
}

/* As many more as there can be; they rest until the guest asks for them. */
static void more_queues_open(struct net *net, const char *tap, unsigned int pairs)
{
	struct fail ignored;

	while (net->traits.pairs < pairs) {
		struct net_pair *pair = &net->pairs[net->traits.pairs];

		if (queue_open(tap, IFF_MULTI_QUEUE, &pair->fd, &ignored) < 0)
			return;
		if (tap_use_pair(net, pair->index, false) < 0) {
			auto_close(&pair->fd);
			pair->fd = -1;
			return;
		}
		net->traits.pairs++;
	}
}

static uint16_t mtu_read(const char *tap)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &request) < 0 || request.ifr_mtu > UINT16_MAX)
		return 0;
	return (uint16_t)request.ifr_mtu;
}

static int device_set_up(struct net *net, const char *tap, struct fail *why)
{
	static const unsigned int all = NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN;
	int header_bytes = NET_HEADER_BYTES;

	for (unsigned int i = 0; i < net->traits.pairs; i++)
		if (ioctl(net->pairs[i].fd, TUNSETVNETHDRSZ, &header_bytes) < 0)
			return fail_errno(why, errno, "tap device '%s' can't do virtio's headers",
					  tap);
	net->traits.has_header = true;
	net->traits.mtu = mtu_read(tap);
	if (offloads_set(net->pairs[0].fd, all) == 0)
		net->traits.offloads = all;
	if (offloads_set(net->pairs[0].fd, 0) < 0)
		return fail_errno(why, errno, "cannot set up tap device '%s'", tap);
	return 0;
}

static int name_check(const char *tap, struct fail *why)
{
	/* '%' would be a pattern to the kernel, and another interface than was asked for */
	if (!*tap || strlen(tap) >= IFNAMSIZ || strpbrk(tap, "/% \t\n:") || strcmp(tap, ".") == 0 ||
	    strcmp(tap, "..") == 0)
		return fail_set(why, EINVAL,
				"'%s' is no name of an interface: they have 1 to %d characters, "
				"without '/', ':', '%%' and blanks",
				tap, IFNAMSIZ - 1);
	return 0;
}

int tap_open(const struct net_config *config, struct net **ret_net, struct fail *why)
{
	struct net *net = calloc(1, sizeof(*net));
	bool has_many = false;
	int rc;

	if (!net)
		return fail_errno(why, ENOMEM, "cannot use tap device '%s'", config->tap);
	net_init(net, &tap_backend, config->name);
	rc = name_check(config->tap, why);
	if (rc == 0)
		rc = first_queue_open(net, config->tap, config->pairs > 1, &has_many, why);
	if (rc == 0 && has_many)
		more_queues_open(net, config->tap, config->pairs);
	if (rc == 0)
		rc = device_set_up(net, config->tap, why);
	if (rc < 0) {
		net_close(net);
		return rc;
	}
	*ret_net = net;
	return 0;
}
