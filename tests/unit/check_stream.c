/* SPDX-License-Identifier: Apache-2.0 */
/* check_stream.c - frames keep their bounds in a stream, however it is cut */
#include "net/stream.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "net/backend.h"

#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"

static struct net *net;
static struct loop *loop;
static int other; /* end of the socket */
static unsigned int readables, writables, ends;
static uint8_t frame[NET_FRAME_MAX], received[NET_FRAME_MAX], bytes[4 + NET_FRAME_MAX];

static void stop_soon(void)
{
	loop_quit(loop, 0);
}

static void on_readable(void *context, unsigned int pair)
{
	readables++;
	stop_soon();
}

static void on_writable(void *context, unsigned int pair)
{
	writables++;
	stop_soon();
}

static void on_ended(void *context)
{
	ends++;
	stop_soon();
}

static void start(void)
{
	static const struct net_watcher watcher = { .readable = on_readable,
						    .writable = on_writable,
						    .ended = on_ended };
	struct fail why;
	int fds[2];

	readables = writables = ends = 0;
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7 + i / 251);
	ck_assert_int_eq(loop_create(&loop), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	other = fds[1];
	ck_assert_int_eq(stream_open(fds[0], "network 0", 1500, &net, &why), 0);
	ck_assert_int_eq(net_attach(net, loop, &watcher, &why), 0);
}

static void finish(void)
{
	net_close(net);
	close(other);
	loop_free(loop);
}

static void other_writes(const void *from, size_t length)
{
	ck_assert_int_eq(write(other, from, length), (ssize_t)length);
}

/* Returns the bytes of the message: prefix and frame. */
static size_t message_make(size_t length)
{
	uint32_t prefix = htonl((uint32_t)length);

	memcpy(bytes, &prefix, sizeof(prefix));
	memcpy(bytes + sizeof(prefix), frame, length <= NET_FRAME_MAX ? length : 0);
	return sizeof(prefix) + length;
}

/* In parts that a guest might give. */
static ssize_t receive(void)
{
	struct iovec parts[] = {
		{ received, 3 },
		{ received + 3, 1000 },
		{ received + 1003, sizeof(received) - 1003 },
	};

	memset(received, 0xee, sizeof(received));
	return net_receive(net, 0, parts, ARRAY_SIZE(parts));
}

static int transmit(size_t length)
{
	struct iovec parts[] = { { frame, 5 }, { frame + 5, length - 5 } };

	return net_send(net, 0, parts, ARRAY_SIZE(parts));
}

/* What the other side reads is one whole message. */
static void expect_message(size_t length)
{
	size_t whole = message_make(length);
	static uint8_t got[sizeof(bytes)];

	ck_assert_int_eq(recv(other, got, whole, MSG_WAITALL), (ssize_t)whole);
	ck_assert_mem_eq(got, bytes, whole);
}

START_TEST(a_frame_arrives_whole_however_it_was_cut)
{
	static const size_t lengths[] = { 14, 60, 1514, 65535, NET_FRAME_MAX };

	start();
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t whole = message_make(lengths[i]), half = whole / 2;

		ck_assert_int_eq(receive(), -EAGAIN);
		other_writes(bytes, 2); /* not even the prefix */
		ck_assert_int_eq(receive(), -EAGAIN);
		other_writes(bytes + 2, half - 2);
		ck_assert_int_eq(receive(), -EAGAIN);
		other_writes(bytes + half, whole - half);
		ck_assert_int_eq(receive(), (ssize_t)lengths[i]);
		ck_assert_mem_eq(received, frame, lengths[i]);
	}
	ck_assert_int_eq(receive(), -EAGAIN);
	finish();
}
END_TEST

START_TEST(frames_that_came_together_are_told_apart)
{
	start();
	for (size_t round = 0; round < 40; round++) {
		for (size_t i = 0; i < 20; i++)
			other_writes(bytes, message_make(14 + round * 97 + i));
		for (size_t i = 0; i < 20; i++) {
			ck_assert_int_eq(receive(), (ssize_t)(14 + round * 97 + i));
			ck_assert_mem_eq(received, frame, 14 + round * 97 + i);
		}
	}
	ck_assert_int_eq(receive(), -EAGAIN);
	finish();
}
END_TEST

START_TEST(a_frame_is_sent_behind_its_length)
{
	start();
	ck_assert_int_eq(transmit(60), 0);
	expect_message(60);
	ck_assert_int_eq(transmit(NET_FRAME_MAX), 0);
	expect_message(NET_FRAME_MAX);
	finish();
}
END_TEST

#define MANY 60

static void *other_reads_many(void *context)
{
	for (size_t i = 0; i < MANY; i++)
		expect_message(20000 + i);
	return NULL;
}

START_TEST(a_full_socket_loses_nothing_and_repeats_nothing)
{
	unsigned int sent = 0, refusals = 0;
	pthread_t reader;

	start();
	/* so that frames are taken in part */
	ck_assert_int_eq(
		setsockopt(net->pairs[0].fd, SOL_SOCKET, SO_SNDBUF, &(int){ 30000 }, sizeof(int)),
		0);
	while (sent < MANY) {
		if (transmit(20000 + sent) == 0) {
			sent++;
			continue;
		}
		ck_assert_uint_le(writables, refusals);
		/* not before something was refused: the socket must get full */
		if (refusals++ == 0)
			ck_assert_int_eq(pthread_create(&reader, NULL, other_reads_many, NULL), 0);
		ck_assert_int_eq(loop_run(loop), 0);
	}
	ck_assert_uint_gt(refusals, 0);
	while (net->pairs[0].events & EPOLLOUT)
		ck_assert_int_eq(loop_run(loop), 0);
	pthread_join(reader, NULL);
	ck_assert_int_eq(recv(other, bytes, 1, MSG_DONTWAIT), -1);
	finish();
}
END_TEST

START_TEST(what_is_no_frame_is_not_sent)
{
	struct iovec parts[2] = { { frame, NET_FRAME_MAX }, { frame, 1 } };

	start();
	ck_assert_int_eq(net_send(net, 0, parts, 2), 0);
	ck_assert_int_eq(transmit(13), 0);
	ck_assert_int_eq(transmit(14), 0);
	expect_message(14);
	finish();
}
END_TEST

START_TEST(frames_are_told_of_only_while_they_are_wanted)
{
	start();
	other_writes(bytes, message_make(60));
	net_want_frames(net, 0, true);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(readables, 1);
	net_want_frames(net, 0, false);
	/* the end comes, and the frame is not told of again */
	close(other);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(readables, 1);
	ck_assert_uint_eq(ends, 1);
	other = -1;
	finish();
}
END_TEST

START_TEST(what_came_before_the_end_is_delivered)
{
	start();
	other_writes(bytes, message_make(60));
	close(other);
	other = -1;
	net_want_frames(net, 0, true);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(readables, 1);
	ck_assert_int_eq(receive(), 60);
	ck_assert_uint_eq(ends, 0);
	ck_assert_int_eq(receive(), -EAGAIN);
	ck_assert_uint_eq(ends, 1);
	ck_assert(!net_is_up(net));
	/* from now on it is a cut cable */
	ck_assert_int_eq(transmit(60), 0);
	ck_assert_int_eq(receive(), -EAGAIN);
	ck_assert_uint_eq(ends, 1);
	finish();
}
END_TEST

START_TEST(a_length_that_cannot_be_is_the_end)
{
	static const uint32_t lengths[] = { 0, 13, NET_FRAME_MAX + 1, 0x7fffffff, 0xffffffff };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint32_t prefix = htonl(lengths[i]);

		start();
		other_writes(&prefix, sizeof(prefix));
		ck_assert_int_eq(receive(), -EAGAIN);
		ck_assert_uint_eq(ends, 1);
		ck_assert(!net_is_up(net));
		finish();
	}
}
END_TEST

START_TEST(a_dead_peer_is_the_end_for_who_sends)
{
	start();
	close(other);
	other = -1;
	ck_assert_int_eq(transmit(60), 0);
	ck_assert_uint_eq(ends, 1);
	finish();
}
END_TEST

START_TEST(devices_may_come_and_go)
{
	static const struct net_watcher watcher = { .readable = on_readable,
						    .writable = on_writable,
						    .ended = on_ended };
	int before = open_descriptors();
	struct fail why;

	start();
	for (int i = 0; i < 3; i++) {
		net_detach(net);
		ck_assert_int_eq(net_attach(net, loop, &watcher, &why), 0);
	}
	other_writes(bytes, message_make(60));
	net_want_frames(net, 0, true);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(receive(), 60);
	finish();
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_frame_arrives_whole_however_it_was_cut },
	{ "core", &frames_that_came_together_are_told_apart },
	{ "core", &a_frame_is_sent_behind_its_length },
	{ "core", &frames_are_told_of_only_while_they_are_wanted },
	{ "core", &what_came_before_the_end_is_delivered },
	{ "core", &devices_may_come_and_go },
	{ "limits", &a_full_socket_loses_nothing_and_repeats_nothing },
	{ "misuse", &what_is_no_frame_is_not_sent },
	{ "misuse", &a_length_that_cannot_be_is_the_end },
	{ "faults", &a_dead_peer_is_the_end_for_who_sends },
};
SUITE_MAIN("stream", tests)
