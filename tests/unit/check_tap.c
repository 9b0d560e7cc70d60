/* SPDX-License-Identifier: Apache-2.0 */
/* check_tap.c - frames between a guest's side and the host's side of a tap device */
#include "net/net.h"

#include <linux/virtio_net.h>

#include "tests/unit/netns.h"
#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"

#define FRAME_BYTES 100

static struct net *net;
static struct loop *loop;
static unsigned int readables[NET_MAX_PAIRS], ends;
static uint8_t bytes[NET_HEADER_BYTES + NET_FRAME_MAX];

static void on_readable(void *context, unsigned int pair)
{
	readables[pair]++;
	loop_quit(loop, 0);
}

static void on_writable(void *context, unsigned int pair)
{
}

static void on_ended(void *context)
{
	ends++;
	loop_quit(loop, 0);
}

static const struct net_watcher watcher = { .readable = on_readable,
					    .writable = on_writable,
					    .ended = on_ended };

static int tap_open_named(const char *name, unsigned int pairs, struct fail *why)
{
	struct net_config config = {
		.kind = NET_TAP, .name = "network 0", .tap = name, .pairs = pairs
	};

	why->text[0] = '\0';
	return net_open(&config, &net, why);
}

static bool start(const char *name, unsigned int pairs)
{
	struct fail why;

	ck_assert_int_eq(loop_create(&loop), 0);
	ck_assert_msg(tap_open_named(name, pairs, &why) == 0, "%s", why.text);
	ck_assert_int_eq(net_attach(net, loop, &watcher, &why), 0);
	return netns_up(name);
}

static void finish(void)
{
	net_close(net);
	loop_free(loop);
}

/* Of a protocol that nobody answers. */
static void frame_make(uint8_t *frame, uint8_t mark)
{
	memset(frame, mark, FRAME_BYTES);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x5e\0\0\0\0\x01\x88\xb5", 8);
}

static bool is_ours(const uint8_t *frame)
{
	return memcmp(frame + 12, "\x88\xb5", 2) == 0;
}

/* The next frame that is one of ours: the kernel sends some of its own. */
static ssize_t receive(unsigned int pair)
{
	struct iovec part = { bytes, sizeof(bytes) };
	ssize_t n;

	do
		n = net_receive(net, pair, &part, 1);
	while (n >= 0 && !is_ours(bytes + NET_HEADER_BYTES));
	return n;
}

START_TEST(frames_go_both_ways_behind_headers)
{
	struct virtio_net_hdr_v1 header = { 0 };
	uint8_t frame[FRAME_BYTES], got[FRAME_BYTES + 1];
	struct iovec parts[2] = { { &header, sizeof(header) }, { frame, sizeof(frame) } };
	int before = open_descriptors(), host;
	ssize_t n;

	if (!netns_enter())
		return;
	ck_assert(netns_add_tap("tap0", 0));
	ck_assert(start("tap0", 1));
	ck_assert_uint_eq(net_traits(net)->pairs, 1);
	ck_assert(net_traits(net)->has_header);
	ck_assert_uint_eq(net_traits(net)->mtu, 1500);
	ck_assert_uint_eq(net_traits(net)->offloads, NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN);
	host = netns_frames("tap0");
	ck_assert_int_ge(host, 0);

	frame_make(frame, 1);
	ck_assert_int_eq(net_send(net, 0, parts, 2), 0);
	do
		n = read(host, got, sizeof(got));
	while (n > 0 && !is_ours(got));
	ck_assert_int_eq(n, FRAME_BYTES);
	ck_assert_mem_eq(got, frame, FRAME_BYTES);

	frame_make(frame, 2);
	ck_assert_int_eq(write(host, frame, sizeof(frame)), FRAME_BYTES);
	net_want_frames(net, 0, true);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(readables[0], 1);
	ck_assert_int_eq(receive(0), NET_HEADER_BYTES + FRAME_BYTES);
	ck_assert_mem_eq(bytes + NET_HEADER_BYTES, frame, FRAME_BYTES);
	ck_assert_int_eq(receive(0), -EAGAIN);
	close(host);
	finish();
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(frames_are_counted_from_the_opening_on)
{
	struct virtio_net_hdr_v1 header = { 0 };
	uint8_t frame[FRAME_BYTES];
	struct iovec parts[2] = { { &header, sizeof(header) }, { frame, sizeof(frame) } };
	struct net_flow flows[NET_WAYS];
	int host;

	if (!netns_enter())
		return;
	ck_assert(netns_add_tap("tap0", 0));
	frame_make(frame, 1);
	for (uint64_t sent = 1; sent < 3; sent++) { /* the device stays, the net is opened anew */
		ck_assert(start("tap0", 1));
		host = netns_frames("tap0");
		for (uint64_t i = 0; i < sent; i++)
			ck_assert_int_eq(net_send(net, 0, parts, 2), 0);
		ck_assert_int_eq(write(host, frame, sizeof(frame)), FRAME_BYTES);
		ck_assert_int_eq(receive(0), NET_HEADER_BYTES + FRAME_BYTES);
		net_lost(net, NET_OUT);
		net_count(net, flows);
		ck_assert_uint_eq(flows[NET_OUT].frames, sent);
		ck_assert_uint_eq(flows[NET_OUT].bytes, sent * FRAME_BYTES);
		ck_assert_uint_ge(flows[NET_OUT].lost, 1);
		/* the kernel may have sent some of its own */
		ck_assert_uint_ge(flows[NET_IN].frames, 1);
		ck_assert_uint_ge(flows[NET_IN].bytes, FRAME_BYTES);
		close(host);
		finish();
	}
}
END_TEST

START_TEST(a_frame_that_the_kernel_refuses_is_lost)
{
	/* a checksum behind the frame's end */
	struct virtio_net_hdr_v1 header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					    .csum_start = 60000,
					    .csum_offset = 60000 };
	uint8_t frame[FRAME_BYTES];
	struct iovec parts[2] = { { &header, sizeof(header) }, { frame, sizeof(frame) } };

	if (!netns_enter())
		return;
	ck_assert(start("tap0", 1));
	frame_make(frame, 3);
	ck_assert_int_eq(net_send(net, 0, parts, 2), 0);
	parts[1].iov_len = 5;
	ck_assert_int_eq(net_send(net, 0, parts, 2), 0);
	ck_assert(net_is_up(net));
	ck_assert_uint_eq(ends, 0);
	finish();
}
END_TEST

/* Frames of many flows, from the host's side, arrive on which of the pairs? */
static unsigned int pairs_reached(int host)
{
	uint8_t frame[FRAME_BYTES];
	unsigned int reached = 0, arrived = 0;

	for (unsigned int i = 0; i < 64; i++) {
		/* an IPv4 packet, whose addresses and ports tell its flow */
		frame_make(frame, 0);
		memcpy(frame + 12, "\x08\x00\x45\0\0\x56\0\0\0\0\x40\x11\0\0\x0a\0\0\x01", 18);
		memcpy(frame + 30, "\x0a\0\0\x02", 4);
		frame[35] = (uint8_t)i;
		frame[37] = (uint8_t)(i * 5);
		ck_assert_int_eq(write(host, frame, sizeof(frame)), FRAME_BYTES);
	}
	for (unsigned int pair = 0; pair < net_traits(net)->pairs; pair++) {
		struct iovec part = { bytes, sizeof(bytes) };
		unsigned int before = arrived;
		ssize_t n;

		while ((n = net_receive(net, pair, &part, 1)) >= 0)
			arrived += n == NET_HEADER_BYTES + FRAME_BYTES;
		if (arrived > before)
			reached |= 1u << pair;
	}
	ck_assert_uint_eq(arrived, 64);
	return reached;
}

START_TEST(only_the_pairs_in_use_get_frames)
{
	int host;

	if (!netns_enter())
		return;
	ck_assert(netns_add_tap("tap0", IFF_MULTI_QUEUE));
	ck_assert(start("tap0", 4));
	ck_assert_uint_eq(net_traits(net)->pairs, 4);
	host = netns_frames("tap0");
	ck_assert_uint_eq(pairs_reached(host), 1);
	ck_assert_int_eq(net_use_pairs(net, 4), 0);
	ck_assert_uint_gt(pairs_reached(host), 1);
	ck_assert_int_eq(net_use_pairs(net, 2), 0);
	ck_assert_uint_eq(pairs_reached(host) & 12, 0);
	ck_assert_int_eq(net_use_pairs(net, 0), -EINVAL);
	ck_assert_int_eq(net_use_pairs(net, 5), -EINVAL);
	/* the next device begins with one again */
	net_detach(net);
	ck_assert_int_eq(net_attach(net, loop, &watcher, &(struct fail){ "" }), 0);
	ck_assert_uint_eq(pairs_reached(host), 1);
	ck_assert_uint_eq(ends, 0);
	close(host);
	finish();
}
END_TEST

START_TEST(a_device_of_one_queue_serves_with_one)
{
	if (!netns_enter())
		return;
	ck_assert(netns_add_tap("tap0", 0));
	ck_assert(start("tap0", 4));
	ck_assert_uint_eq(net_traits(net)->pairs, 1);
	finish();
	ck_assert(netns_add_tap("tap1", IFF_MULTI_QUEUE));
	ck_assert(start("tap1", 1));
	ck_assert_uint_eq(net_traits(net)->pairs, 1);
	finish();
}
END_TEST

START_TEST(a_device_that_was_made_goes_with_the_net)
{
	if (!netns_enter())
		return;
	ck_assert(start("mine", 2));
	ck_assert_uint_eq(net_traits(net)->pairs, 2);
	ck_assert_uint_ne(if_nametoindex("mine"), 0);
	finish();
	ck_assert_uint_eq(if_nametoindex("mine"), 0);
}
END_TEST

START_TEST(a_device_that_is_removed_ends_the_net)
{
	if (!netns_enter())
		return;
	ck_assert(start("tap0", 1));
	net_want_frames(net, 0, true);
	ck_assert(netns_remove("tap0"));
	ck_assert_int_eq(loop_run(loop), 0);
	while (ends == 0) {
		/* what the kernel had sent before */
		ck_assert_int_eq(receive(0), -EAGAIN);
		if (ends == 0)
			ck_assert_int_eq(loop_run(loop), 0);
	}
	ck_assert(!net_is_up(net));
	ck_assert_int_eq(receive(0), -EAGAIN);
	net_detach(net);
	ck_assert_int_eq(net_attach(net, loop, &watcher, &(struct fail){ "" }), 0);
	ck_assert_uint_eq(ends, 1);
	finish();
}
END_TEST

static void expect_refused(const char *name, int error, const char *said)
{
	struct fail why;

	ck_assert_int_eq(tap_open_named(name, 1, &why), -error);
	ck_assert_msg(strstr(why.text, said) != NULL, "'%s' does not say '%s'", why.text, said);
}

START_TEST(what_can_not_be_used_is_named)
{
	struct net *first;
	struct fail why;

	expect_refused("", EINVAL, "''");
	expect_refused("sixteen-letters-", EINVAL, "sixteen-letters-");
	expect_refused("tap%d", EINVAL, "tap%d");
	expect_refused("../tap", EINVAL, "../tap");
	if (!netns_enter())
		return;
	expect_refused("lo", EINVAL, "'lo' is not a tap device");
	ck_assert_int_eq(tap_open_named("tap0", 1, &why), 0);
	first = net;
	expect_refused("tap0", EBUSY, "in use");
	net_close(first);
	/* the kernel would give frames of one device to both */
	ck_assert_int_eq(tap_open_named("tap1", 2, &why), 0);
	first = net;
	ck_assert(netns_up("tap1"));
	ck_assert_int_eq(tap_open_named("tap1", 2, &why), -EBUSY);
	ck_assert_ptr_nonnull(strstr(why.text, "in use"));
	net_close(first);
}
END_TEST

START_TEST(who_may_not_is_told_how_to)
{
	struct ifreq request = netns_named("theirs");
	int fd;

	if (geteuid() != 0 || !netns_enter())
		return;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	ck_assert_int_eq(ioctl(fd, TUNSETIFF, &request), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETOWNER, 12345), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
	if (setresuid(65534, 65534, 65534) < 0 || access("/dev/net/tun", R_OK | W_OK) < 0)
		return;
	expect_refused("theirs", EPERM, "another user");
	expect_refused("none", EPERM, "ip tuntap add none");
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &frames_go_both_ways_behind_headers },
	{ "core", &frames_are_counted_from_the_opening_on },
	{ "core", &only_the_pairs_in_use_get_frames },
	{ "core", &a_device_of_one_queue_serves_with_one },
	{ "core", &a_device_that_was_made_goes_with_the_net },
	{ "misuse", &what_can_not_be_used_is_named },
	{ "misuse", &who_may_not_is_told_how_to },
	{ "faults", &a_frame_that_the_kernel_refuses_is_lost },
	{ "faults", &a_device_that_is_removed_ends_the_net },
};
SUITE_MAIN("tap", tests)
