/* SPDX-License-Identifier: Apache-2.0 */
/* check_passt.c - passt at the other end: an address by DHCP, ports, its end with ours */
#include "net/net.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/netns.h"
#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"

#define DHCP_DISCOVER 1
#define DHCP_OFFER    2

static struct net *net;
static struct loop *loop;
static struct fail why;
static struct net_config config;

static void on_readable(void *context, unsigned int pair)
{
	loop_quit(loop, 0);
}

static void on_ended(void *context)
{
	loop_quit(loop, -EPIPE);
}

/* False: passt can't be tried here. Whatever it leaves running becomes our child. */
static bool prepare(void)
{
	config = (struct net_config){ .kind = NET_USER, .name = "network 0", .pairs = 4 };
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	if (system("command -v passt > /dev/null") != 0) {
		printf("skipped: passt is not installed\n");
		return false;
	}
	return netns_enter() && netns_add_uplink();
}

static void forward(const char *text)
{
	ck_assert_int_eq(
		forward_parse(text, strlen(text), &config.forwards[config.forward_count++], &why),
		0);
}

static void start(void)
{
	static const struct net_watcher watcher = { .readable = on_readable, .ended = on_ended };

	ck_assert_int_eq(loop_create(&loop), 0);
	ck_assert_msg(net_open(&config, &net, &why) == 0, "%s", why.text);
	ck_assert_int_eq(net_attach(net, loop, &watcher, &why), 0);
	ck_assert(!net_traits(net)->has_header);
	ck_assert_uint_eq(net_traits(net)->pairs, 1);
	ck_assert_int_eq(net_fd(net, 0), -1);
}

/* Closes our end: passt, which is our child by now, must end. */
static void finish(void)
{
	int status;

	net_close(net);
	loop_free(loop);
	ck_assert_int_gt(wait(&status), 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(wait(&status), -1);
}

struct dhcp_frame {
	uint8_t to[6], from[6];
	uint16_t type;
	uint8_t ip[20];
	uint16_t from_port, to_port, udp_length, udp_sum;
	uint8_t op, hardware, hardware_length, hops;
	uint32_t transaction;
	uint16_t seconds, flags;
	uint32_t client, yours, server, relay;
	uint8_t address[16], server_name[64], file[128];
	uint32_t cookie;
	uint8_t options[64];
} __attribute__((packed));

static uint16_t ip_sum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < 20; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static struct dhcp_frame discover_make(void)
{
	static const uint8_t mac[6] = { 0x5e, 0, 0, 0, 0, 1 };
	const uint16_t ip_bytes = sizeof(struct dhcp_frame) - 14;
	struct dhcp_frame frame = {
		.type = htons(0x0800),
		.ip = { 0x45,
			0,
			(uint8_t)(ip_bytes >> 8),
			(uint8_t)ip_bytes,
			0,
			0,
			0,
			0,
			64,
			IPPROTO_UDP,
			0,
			0,
			0,
			0,
			0,
			0,
			255,
			255,
			255,
			255 },
		.from_port = htons(68),
		.to_port = htons(67),
		.udp_length = htons(ip_bytes - 20),
		.op = 1,
		.hardware = 1,
		.hardware_length = 6,
		.transaction = htonl(4711),
		.cookie = htonl(0x63825363),
		.options = { 53, 1, DHCP_DISCOVER, 55, 2, 1, 3, 255 },
	};
	uint16_t sum = htons(ip_sum(frame.ip));

	memset(frame.to, 0xff, sizeof(frame.to));
	memcpy(frame.from, mac, sizeof(mac));
	memcpy(frame.address, mac, sizeof(mac));
	memcpy(frame.ip + 10, &sum, sizeof(sum));
	return frame;
}

/* Frames that arrive, until one is a DHCP answer. */
static void await_answer(struct dhcp_frame *ret_frame)
{
	static uint8_t bytes[NET_FRAME_MAX];
	struct iovec part = { bytes, sizeof(bytes) };

	for (;;) {
		ssize_t n = net_receive(net, 0, &part, 1);

		if (n == -EAGAIN) {
			net_want_frames(net, 0, true);
			ck_assert_int_eq(loop_run(loop), 0);
			continue;
		}
		ck_assert_int_ge(n, NET_FRAME_MIN);
		memset(bytes + n, 0, sizeof(*ret_frame));
		memcpy(ret_frame, bytes, sizeof(*ret_frame));
		if (ret_frame->type == htons(0x0800) && ret_frame->ip[9] == IPPROTO_UDP &&
		    ret_frame->from_port == htons(67))
			return;
	}
}

static uint8_t message_kind(const struct dhcp_frame *frame)
{
	const uint8_t *at = frame->options, *end = at + sizeof(frame->options) - 2;

	while (at < end && *at != 53)
		at += 2 + at[1];
	return at < end ? at[2] : 0;
}

START_TEST(the_guest_gets_the_address_of_the_host)
{
	struct dhcp_frame discover = discover_make(), answer;
	struct iovec part = { &discover, sizeof(discover) };

	if (!prepare())
		return;
	start();
	ck_assert_int_eq(net_send(net, 0, &part, 1), 0);
	await_answer(&answer);
	ck_assert_uint_eq(answer.transaction, htonl(4711));
	ck_assert_uint_eq(message_kind(&answer), DHCP_OFFER);
	ck_assert_uint_eq(answer.yours, inet_addr("198.51.100.2"));
	finish();
}
END_TEST

/* Whether somebody listens there. */
static bool is_open(const char *address, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = inet_addr(address) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool open = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;

	close(fd);
	return open;
}

START_TEST(a_forward_is_open_where_it_says_and_nowhere_else)
{
	if (!prepare())
		return;
	forward("8080:80");
	forward("198.51.100.2:8081:80");
	forward("8082:80");
	forward("5353:53/udp");
	start();
	ck_assert(is_open("127.0.0.1", 8080));
	ck_assert(!is_open("198.51.100.2", 8080));
	ck_assert(is_open("198.51.100.2", 8081));
	ck_assert(!is_open("127.0.0.1", 8081));
	ck_assert(is_open("127.0.0.1", 8082));
	ck_assert(!is_open("127.0.0.1", 5353));
	finish();
}
END_TEST

START_TEST(a_port_in_use_is_said)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(8080),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int before, fd, status;

	if (!prepare())
		return;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	before = open_descriptors();
	forward("8080:80");
	ck_assert_int_eq(net_open(&config, &net, &why), -EADDRINUSE);
	ck_assert_msg(strstr(why.text, "8080") != NULL, "%s", why.text);
	ck_assert_int_eq(wait(&status), -1); /* nothing of it is left */
	ck_assert_int_eq(open_descriptors(), before);
	close(fd);
}
END_TEST

START_TEST(a_host_without_a_network_is_said)
{
	config = (struct net_config){ .kind = NET_USER, .name = "network 0", .pairs = 1 };
	if (system("command -v passt > /dev/null") != 0 || !netns_enter())
		return;
	ck_assert_int_lt(net_open(&config, &net, &why), 0);
	ck_assert_msg(strncmp(why.text, "passt", 5) == 0 && !strstr(why.text, "syslog"), "%s",
		      why.text);
}
END_TEST

START_TEST(a_missing_passt_is_said)
{
	config = (struct net_config){ .kind = NET_USER, .name = "network 0", .pairs = 1 };
	setenv("PATH", "/nonexistent", 1);
	ck_assert_int_eq(net_open(&config, &net, &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "install the package 'passt'"));
}
END_TEST

/* A program that behaves as no passt does. */
static void pretend(const char *script)
{
	char path[sizeof(scratch_path) + 16];
	FILE *file;

	config = (struct net_config){ .kind = NET_USER, .name = "network 0", .pairs = 1 };
	scratch_make();
	snprintf(path, sizeof(path), "%s/passt", scratch_path);
	file = fopen(path, "we");
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fchmod(fileno(file), 0755);
	fclose(file);
	snprintf(path, sizeof(path), "%s:/bin:/usr/bin", scratch_path);
	setenv("PATH", path, 1);
}

START_TEST(what_it_says_is_bounded_and_the_last_line_counts)
{
	pretend("i=0; while [ $i -lt 3000 ]; do echo line $i >&2; i=$((i + 1)); done; exit 3");
	ck_assert_int_eq(net_open(&config, &net, &why), -EIO);
	ck_assert_ptr_nonnull(strstr(why.text, "line 2999"));
	pretend("echo 'what is wrong' >&2; echo 'Failed to send 4 bytes to syslog' >&2; exit 1");
	ck_assert_int_eq(net_open(&config, &net, &why), -EIO);
	ck_assert_ptr_nonnull(strstr(why.text, "what is wrong"));
	pretend("exit 1");
	ck_assert_int_eq(net_open(&config, &net, &why), -EIO);
	ck_assert_ptr_nonnull(strstr(why.text, "no reason"));
	scratch_remove();
}
END_TEST

START_TEST(it_gets_one_socket_and_nothing_else)
{
	int pipe_fds[2];

	/* one that is not close-on-exec by mistake; 3 is the socket, 9 what sh keeps open */
	ck_assert_int_eq(pipe(pipe_fds), 0);
	pretend("for n in 4 5 6 7 8; do [ ! -e /proc/self/fd/$n ] || { echo leak $n >&2; exit 1; }; "
		"done; [ -S /proc/self/fd/3 ] || { echo none >&2; exit 1; }");
	ck_assert_msg(net_open(&config, &net, &why) == 0, "%s", why.text);
	net_close(net);
	scratch_remove();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &the_guest_gets_the_address_of_the_host },
	{ "core", &a_forward_is_open_where_it_says_and_nowhere_else },
	{ "core", &it_gets_one_socket_and_nothing_else },
	{ "faults", &a_port_in_use_is_said },
	{ "faults", &a_host_without_a_network_is_said },
	{ "faults", &a_missing_passt_is_said },
	{ "faults", &what_it_says_is_bounded_and_the_last_line_counts },
};
SUITE_MAIN("passt", tests)
