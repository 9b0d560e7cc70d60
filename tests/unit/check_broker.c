/* SPDX-License-Identifier: Apache-2.0 */
/* check_broker.c - a broker serves who keeps to the protocol, and survives who does not */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/sock.h"
#include "tests/unit/broker_peer.h"
#include "tests/unit/scratch.h"

START_TEST(two_guests_with_equal_pages_get_one_frame)
{
	struct digest_secret secret;
	struct link_offer offer;
	uint8_t bytes[PAGE_BYTES];
	uint64_t store_bytes;
	int a, b, store_fd;
	uint32_t frame;

	open_broker();
	a = connect_broker();
	b = connect_broker();
	store_fd = join(a, "a", &secret);
	close(join(b, "b", &secret));
	ck_assert_uint_eq(probe(a, &secret, 3, 7), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(b, &secret, 4, 7), CATALOG_TWIN);
	frame = publish(b, &secret, 4, 7, 7);
	ck_assert_uint_le(frame, CATALOG_FRAME_MAX);
	offer = receive_offer(a);
	ck_assert_uint_eq(offer.page, 3);
	ck_assert_uint_eq(offer.frame, frame);
	ck_assert_int_eq(pread(store_fd, bytes, PAGE_BYTES, (off_t)frame * PAGE_BYTES), PAGE_BYTES);
	ck_assert_mem_eq(bytes, content(7), PAGE_BYTES);
	ck_assert_int_eq(fcntl(store_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	release(a, frame);
	release(b, frame);
	/* an answer on each connection: what came before it has been served */
	ck_assert_uint_eq(probe(b, &secret, 9, 8), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(a, &secret, 3, 7), CATALOG_ABSENT);
	ck_assert_uint_eq(frames_now(&store_bytes), 0);
	ck_assert_uint_eq(store_bytes, 0);
	close_broker();
}
END_TEST

/* A guest "a", of which two pages are equal; it stays connected as long as the test runs. */
static void join_with_a_frame(void)
{
	struct digest_secret secret;
	int fd = connect_broker();

	close(join(fd, "a", &secret));
	ck_assert_uint_eq(probe(fd, &secret, 3, 7), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(fd, &secret, 4, 7), CATALOG_TWIN);
	ck_assert_uint_le(publish(fd, &secret, 4, 7, 7), CATALOG_FRAME_MAX);
}

START_TEST(a_report_adds_up_what_guests_hold)
{
	struct broker_report *report;
	uint64_t cost = 0;

	open_broker();
	join_with_a_frame();
	report = ask_report();
	ck_assert_str_eq(report->domain, "lab");
	ck_assert_uint_eq(report->frames, 1);
	ck_assert_uint_eq(report->store_bytes, PAGE_BYTES);
	ck_assert_uint_eq(report->shared_mappings, 2);
	ck_assert_uint_gt(report->overhead_bytes, 0);
	ck_assert_uint_eq(report->guest_count, 1); /* who asks is no guest */
	for (uint32_t i = 0; i < report->guest_count; i++) {
		ck_assert_uint_eq(report->guests[i].pid, (uint32_t)getpid());
		cost += report->guests[i].cost_bytes;
	}
	ck_assert_uint_eq(cost, PAGE_BYTES);
	free(report);
	close_broker();
}
END_TEST

static struct history ask_history(void)
{
	struct history history;
	struct fail why;
	int fd;

	ck_assert_int_eq(broker_ask(socket_path, BROKER_HISTORY_REQUEST, &fd, &why), 0);
	ck_assert_int_eq(broker_history_take(socket_path, fd, deadline(), &history, &why), 0);
	close(fd);
	return history;
}

START_TEST(a_history_tells_how_frames_became_more)
{
	struct history history;
	uint64_t end = deadline();

	open_broker();
	join_with_a_frame();
	do {
		nap();
		history = ask_history(); /* to ask is to have it looked whether a point is due */
		ck_assert_uint_lt(now_ns(), end);
	} while (history.count < 2 || history.points[history.count - 1].figures[0] == 0);
	ck_assert_uint_eq(history.points[0].figures[BROKER_HISTORY_FRAMES], 0);
	ck_assert_uint_eq(history.points[history.count - 1].figures[BROKER_HISTORY_FRAMES],
			  PAGE_BYTES);
	ck_assert_uint_eq(history.points[history.count - 1].figures[BROKER_HISTORY_MAPPED],
			  2 * PAGE_BYTES);
	close_broker();
}
END_TEST

START_TEST(questions_sent_at_once_are_answered_in_order)
{
	enum { MANY = 300 };
	static uint8_t bytes[MANY * 64];
	struct digest_secret secret;
	int used = 0, fd;

	open_broker();
	fd = connect_broker();
	close(join(fd, "a", &secret));
	for (uint32_t i = 0; i < MANY; i++) {
		/* the same page twice in a row, then the next: absent each time */
		struct catalog_item item = { i / 2, 0, { i / 2, 1 } };

		if (i == MANY - 1)
			item.page = RAM_PAGES - 1; /* a twin of the one before */
		used += broker_put_probe(bytes + used, sizeof(bytes) - (size_t)used, &item, 1);
	}
	for (int sent = 0; sent < used; sent += 7) /* in pieces that fit nothing */
		send_all(fd, bytes + sent, used - sent < 7 ? used - sent : 7);
	for (uint32_t i = 0; i < MANY - 1; i++)
		ck_assert_uint_eq(receive_answer(fd), CATALOG_ABSENT);
	ck_assert_uint_eq(receive_answer(fd), CATALOG_TWIN);
	close_broker();
}
END_TEST

/* A guest in a process of its own */

struct other {
	pid_t pid;
	int control; /* closed: end the connection, and live on */
};

/* It has content 7 in page 3, says so, and then waits. */
static void other_run(int control)
{
	struct digest_secret secret;
	char byte;
	int fd = connect_broker();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(join(fd, "other", &secret));
	if (probe(fd, &secret, 3, 7) != CATALOG_ABSENT)
		_exit(1);
	send_all(control, "r", 1);
	ck_assert_int_eq(read(control, &byte, 1), 1);
	close(fd);
	send_all(control, "c", 1);
	for (;;)
		pause();
}

static struct other other_start(void)
{
	struct other other;
	int fds[2];
	char byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	other.control = fds[0];
	other.pid = fork();
	ck_assert_int_ge(other.pid, 0);
	if (other.pid == 0)
		other_run(fds[1]);
	close(fds[1]);
	ck_assert_int_eq(read(other.control, &byte, 1), 1);
	return other;
}

static void other_disconnect(const struct other *other)
{
	char byte;

	send_all(other->control, "x", 1);
	ck_assert_int_eq(read(other->control, &byte, 1), 1);
}

static void other_kill(const struct other *other)
{
	kill(other->pid, SIGKILL);
	ck_assert_int_eq(waitpid(other->pid, NULL, 0), other->pid);
}

static void expect_no_frames_soon(void)
{
	uint64_t end = deadline(), store_bytes = 1;

	while (frames_now(&store_bytes) > 0 && now_ns() < end)
		nap();
	ck_assert_uint_eq(frames_now(&store_bytes), 0);
	ck_assert_uint_eq(store_bytes, 0);
}

START_TEST(references_live_as_long_as_the_process_not_the_connection)
{
	struct digest_secret secret;
	struct other other;
	uint64_t store_bytes;
	uint32_t frame;
	int fd;

	open_broker();
	fd = connect_broker();
	close(join(fd, "a", &secret));
	other = other_start();
	ck_assert_uint_eq(probe(fd, &secret, 4, 7), CATALOG_TWIN);
	frame = publish(fd, &secret, 4, 7, 7);
	ck_assert_uint_le(frame, CATALOG_FRAME_MAX);
	other_disconnect(&other);
	release(fd, frame);
	ck_assert_uint_eq(probe(fd, &secret, 5, 8), CATALOG_ABSENT); /* it has been served */
	ck_assert_uint_eq(frames_now(&store_bytes), 1);
	ck_assert_uint_eq(store_bytes, PAGE_BYTES);
	other_kill(&other);
	expect_no_frames_soon();
	close_broker();
}
END_TEST

START_TEST(a_killed_guest_gives_all_back)
{
	struct digest_secret secret;
	struct other other;
	uint64_t store_bytes;
	uint32_t frame;
	int fd;

	open_broker();
	fd = connect_broker();
	close(join(fd, "a", &secret));
	other = other_start();
	frame = publish(fd, &secret, 4, 7, 7);
	other_kill(&other);
	release(fd, frame);
	expect_no_frames_soon();
	ck_assert_uint_eq(frames_now(&store_bytes), 0);
	close_broker();
}
END_TEST

/* Also one whose connection had ended before. */
START_TEST(the_broker_leaves_after_its_last_guest)
{
	struct other first, second;
	uint64_t end = deadline();
	int status = -1;

	open_broker();
	first = other_start();
	other_disconnect(&first);
	other_kill(&first);
	second = other_start();
	other_kill(&second);
	while (waitpid(broker_pid, &status, WNOHANG) == 0 && now_ns() < end)
		nap();
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(access(socket_path, F_OK), -1);
	scratch_remove();
}
END_TEST

START_TEST(a_signal_does_not_take_the_store_from_guests)
{
	struct digest_secret secret;
	int fd;

	open_broker();
	fd = connect_broker();
	close(join(fd, "a", &secret));
	kill(broker_pid, SIGTERM);
	kill(broker_pid, SIGINT);
	for (uint32_t page = 0; page < 20; page++) {
		ck_assert_uint_eq(probe(fd, &secret, page, (int)page + 1), CATALOG_ABSENT);
		nap();
	}
	close_broker();
}
END_TEST

START_TEST(a_signal_ends_a_broker_without_guests)
{
	uint64_t end = deadline();
	int status = -1;

	open_broker();
	free(ask_report()); /* it is up */
	kill(broker_pid, SIGTERM);
	while (waitpid(broker_pid, &status, WNOHANG) == 0 && now_ns() < end)
		nap();
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(access(socket_path, F_OK), -1);
	scratch_remove();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &two_guests_with_equal_pages_get_one_frame },
	{ "core", &a_report_adds_up_what_guests_hold },
	{ "core", &a_history_tells_how_frames_became_more },
	{ "core", &questions_sent_at_once_are_answered_in_order },
	{ "core", &references_live_as_long_as_the_process_not_the_connection },
	{ "core", &a_killed_guest_gives_all_back },
	{ "core", &the_broker_leaves_after_its_last_guest },
	{ "core", &a_signal_does_not_take_the_store_from_guests },
	{ "core", &a_signal_ends_a_broker_without_guests },
};

SUITE_MAIN("broker", tests)
