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
#include "base/log.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "broker/broker.h"
#include "tests/unit/scratch.h"
#include "wire/broker.h"

#define RAM_PAGES 1000u

static pid_t broker_pid;
static char socket_path[RUNDIR_PATH_MAX];

static void open_broker(void)
{
	struct fail why;
	int listener;

	scratch_make();
	log_set_level(LOG_LEVEL_ERROR); /* liars make it talk */
	ck_assert_int_eq(rundir_create(&why), 0);
	ck_assert_int_eq(rundir_path(RUNDIR_DOMAINS, "lab", ".sock", socket_path, &why), 0);
	ck_assert_int_eq(sock_listen(socket_path, &listener), 0);
	broker_pid = fork();
	ck_assert_int_ge(broker_pid, 0);
	if (broker_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* not longer than the test */
		_exit(broker_main("lab", listener, &why) == 0 ? 0 : 1);
	}
	close(listener);
}

static void close_broker(void)
{
	kill(broker_pid, SIGKILL);
	ck_assert_int_eq(waitpid(broker_pid, NULL, 0), broker_pid);
	scratch_remove();
}

static void nap(void)
{
	const struct timespec moment = { .tv_nsec = 5 * 1000 * 1000 };

	nanosleep(&moment, NULL);
}

static uint64_t deadline(void)
{
	return now_ns() + 20 * NS_PER_SEC;
}

static struct broker_report *ask_report(void)
{
	struct broker_report *report = NULL;
	struct fail why;

	ck_assert_int_eq(broker_report_query(socket_path, &report, &why), 0);
	return report;
}

static uint64_t frames_now(uint64_t *ret_store_bytes)
{
	struct broker_report *report = ask_report();
	uint64_t frames = report->frames;

	*ret_store_bytes = report->store_bytes;
	free(report);
	return frames;
}

/* A guest's side of the connection */

static void send_all(int fd, const void *bytes, int length)
{
	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(sock_write_all(fd, bytes, (size_t)length), 0);
}

static int connect_broker(void)
{
	int fd;

	ck_assert_int_eq(sock_connect(socket_path, false, &fd), 0);
	return fd;
}

static void send_hello(int fd, const char *name, uint32_t pages)
{
	struct broker_hello hello = { .pages = pages };
	uint8_t bytes[128];

	snprintf(hello.name, sizeof(hello.name), "%s", name);
	send_all(fd, bytes, broker_put_hello(bytes, sizeof(bytes), &hello));
}

/* Returns the store's descriptor. */
static int join(int fd, const char *name, struct digest_secret *ret_secret)
{
	uint8_t bytes[WIRE_HEADER_SIZE + DIGEST_SECRET_BYTES + 4];
	struct broker_welcome welcome;
	struct wire_header header;
	int store_fd;

	send_hello(fd, name, RAM_PAGES);
	ck_assert_int_eq(sock_read_fd(fd, bytes, sizeof(bytes), &store_fd), sizeof(bytes));
	ck_assert_int_ge(store_fd, 0);
	ck_assert_int_eq(wire_header_decode(bytes, sizeof(bytes), &header), 0);
	ck_assert_uint_eq(header.type, BROKER_WELCOME);
	ck_assert_int_eq(broker_get_welcome(bytes + WIRE_HEADER_SIZE, header.length, &welcome), 0);
	*ret_secret = welcome.secret;
	return store_fd;
}

/* Returns the type of the next message and puts its payload into payload. */
static uint16_t receive(int fd, uint8_t *payload, uint32_t *ret_length)
{
	uint8_t bytes[WIRE_HEADER_SIZE];
	struct wire_header header;

	ck_assert_int_eq(sock_read_all(fd, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(wire_header_decode(bytes, BROKER_REPLY_MAX, &header), 0);
	ck_assert_int_eq(sock_read_all(fd, payload, header.length), 0);
	*ret_length = header.length;
	return header.type;
}

static uint32_t receive_answer(int fd)
{
	static uint8_t payload[BROKER_REPLY_MAX];
	uint32_t answer, count, length;

	ck_assert_uint_eq(receive(fd, payload, &length), BROKER_ANSWERS);
	ck_assert_int_eq(broker_get_numbers(payload, length, 1, &answer, &count), 0);
	ck_assert_uint_eq(count, 1);
	return answer;
}

static const uint8_t *content(int value)
{
	static uint8_t page[PAGE_BYTES];

	memset(page, value, sizeof(page));
	return page;
}

static uint32_t probe(int fd, const struct digest_secret *secret, uint32_t page, int value)
{
	struct catalog_item item = { page, digest_page(content(value), secret) };
	uint8_t bytes[128];

	send_all(fd, bytes, broker_put_probe(bytes, sizeof(bytes), &item, 1));
	return receive_answer(fd);
}

static uint32_t publish(int fd, const struct digest_secret *secret, uint32_t page, int value,
			int sent)
{
	struct catalog_item item = { page, digest_page(content(value), secret) };
	uint8_t bytes[128];

	send_all(fd, bytes, broker_put_publish(bytes, sizeof(bytes), &item, 1));
	send_all(fd, content(sent), PAGE_BYTES);
	return receive_answer(fd);
}

static void release(int fd, uint32_t frame)
{
	uint8_t bytes[64];

	send_all(fd, bytes, broker_put_numbers(bytes, sizeof(bytes), BROKER_RELEASE, &frame, 1));
}

static struct link_offer receive_offer(int fd)
{
	static uint8_t payload[BROKER_REPLY_MAX];
	static struct link_offer offers[BROKER_OFFERS_MAX];
	uint32_t count, length;

	ck_assert_uint_eq(receive(fd, payload, &length), BROKER_OFFERS);
	ck_assert_int_eq(broker_get_offers(payload, length, offers, &count), 0);
	ck_assert_uint_eq(count, 1);
	return offers[0];
}

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

START_TEST(a_report_adds_up_what_guests_hold)
{
	struct digest_secret secret;
	struct broker_report *report;
	uint64_t cost = 0;
	int fd;

	open_broker();
	fd = connect_broker();
	close(join(fd, "a", &secret));
	ck_assert_uint_eq(probe(fd, &secret, 3, 7), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(fd, &secret, 4, 7), CATALOG_TWIN);
	ck_assert_uint_le(publish(fd, &secret, 4, 7, 7), CATALOG_FRAME_MAX);
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
		struct catalog_item item = { i / 2, { i / 2, 1 } };

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

/* Liars */

static void put_header(uint8_t *bytes, uint32_t length, uint16_t type, uint16_t version)
{
	memcpy(bytes, &length, 4);
	memcpy(bytes + 4, &type, 2);
	memcpy(bytes + 6, &version, 2);
}

static int lie_unknown_type(uint8_t *bytes, size_t size)
{
	put_header(bytes, 0, 99, WIRE_VERSION);
	return WIRE_HEADER_SIZE;
}

static int lie_type_zero(uint8_t *bytes, size_t size)
{
	put_header(bytes, 0, 0, WIRE_VERSION);
	return WIRE_HEADER_SIZE;
}

static int lie_wrong_version(uint8_t *bytes, size_t size)
{
	put_header(bytes, 0, BROKER_REPORT_REQUEST, WIRE_VERSION + 1);
	return WIRE_HEADER_SIZE;
}

static int lie_too_long(uint8_t *bytes, size_t size)
{
	put_header(bytes, BROKER_REQUEST_MAX + 1, BROKER_PUBLISH, WIRE_VERSION);
	return WIRE_HEADER_SIZE;
}

static int lie_much_too_long(uint8_t *bytes, size_t size)
{
	put_header(bytes, UINT32_MAX, BROKER_PUBLISH, WIRE_VERSION);
	return WIRE_HEADER_SIZE;
}

static int lie_broker_s_own_words(uint8_t *bytes, size_t size)
{
	uint32_t answer = 1;

	return broker_put_numbers(bytes, size, BROKER_ANSWERS, &answer, 1);
}

static int lie_report_request_with_payload(uint8_t *bytes, size_t size)
{
	put_header(bytes, 4, BROKER_REPORT_REQUEST, WIRE_VERSION);
	return WIRE_HEADER_SIZE + 4;
}

static int lie_hello(uint8_t *bytes, size_t size, const char *name, uint32_t pages)
{
	struct broker_hello hello = { .pages = pages };

	snprintf(hello.name, sizeof(hello.name), "%s", name);
	return broker_put_hello(bytes, size, &hello);
}

static int lie_hello_again(uint8_t *bytes, size_t size)
{
	return lie_hello(bytes, size, "again", RAM_PAGES);
}

static int lie_hello_without_ram(uint8_t *bytes, size_t size)
{
	return lie_hello(bytes, size, "a", 0);
}

static int lie_hello_with_a_path(uint8_t *bytes, size_t size)
{
	return lie_hello(bytes, size, "../a", RAM_PAGES);
}

static int lie_hello_without_end(uint8_t *bytes, size_t size)
{
	int length = lie_hello(bytes, size, "a", RAM_PAGES);

	memset(bytes + WIRE_HEADER_SIZE, 'a', WIRE_TEXT_SIZE);
	return length;
}

static int lie_probe(uint8_t *bytes, size_t size)
{
	struct catalog_item item = { .page = 1 };

	return broker_put_probe(bytes, size, &item, 1);
}

static int lie_page_beyond_ram(uint8_t *bytes, size_t size)
{
	struct catalog_item item = { .page = RAM_PAGES };

	return broker_put_probe(bytes, size, &item, 1);
}

static int lie_published_page_beyond_ram(uint8_t *bytes, size_t size)
{
	struct catalog_item item = { .page = UINT32_MAX };

	return broker_put_publish(bytes, size, &item, 1) + (int)PAGE_BYTES;
}

static int lie_count_too_large(uint8_t *bytes, size_t size)
{
	int length = lie_probe(bytes, size);
	uint32_t count = UINT32_MAX;

	memcpy(bytes + WIRE_HEADER_SIZE, &count, sizeof(count));
	return length;
}

static int lie_count_too_small(uint8_t *bytes, size_t size)
{
	int length = lie_probe(bytes, size);

	memset(bytes + WIRE_HEADER_SIZE, 0, sizeof(uint32_t));
	return length;
}

static int lie_publication_without_bytes(uint8_t *bytes, size_t size)
{
	int length = lie_probe(bytes, size);

	put_header(bytes, (uint32_t)length - WIRE_HEADER_SIZE, BROKER_PUBLISH, WIRE_VERSION);
	return length;
}

static int lie_release_of_what_was_not_given(uint8_t *bytes, size_t size)
{
	uint32_t frame = 0;

	return broker_put_numbers(bytes, size, BROKER_RELEASE, &frame, 1);
}

static int lie_release_of_no_frame(uint8_t *bytes, size_t size)
{
	uint32_t frame = UINT32_MAX;

	return broker_put_numbers(bytes, size, BROKER_RELEASE, &frame, 1);
}

static const struct lie {
	int (*put)(uint8_t *bytes, size_t size);
	bool after_hello;
} lies[] = {
	{ lie_unknown_type, false },
	{ lie_unknown_type, true },
	{ lie_type_zero, true },
	{ lie_wrong_version, false },
	{ lie_too_long, true },
	{ lie_much_too_long, false },
	{ lie_broker_s_own_words, true },
	{ lie_report_request_with_payload, false },
	{ lie_hello_again, true },
	{ lie_hello_without_ram, false },
	{ lie_hello_with_a_path, false },
	{ lie_hello_without_end, false },
	{ lie_probe, false }, /* nobody, yet */
	{ lie_page_beyond_ram, true },
	{ lie_published_page_beyond_ram, true },
	{ lie_count_too_large, true },
	{ lie_count_too_small, true },
	{ lie_publication_without_bytes, true },
	{ lie_release_of_what_was_not_given, false },
	{ lie_release_of_what_was_not_given, true },
	{ lie_release_of_no_frame, true },
};

/* The broker hangs up, without an answer. */
static void expect_dropped(int fd, size_t lie)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte;

	ck_assert_msg(poll(&ready, 1, 20000) == 1, "lie %zu is not noticed", lie);
	ck_assert_msg(recv(fd, &byte, 1, 0) <= 0, "lie %zu is answered", lie);
	close(fd);
}

START_TEST(whoever_lies_is_dropped_and_others_are_served)
{
	struct digest_secret secret;
	uint64_t store_bytes;
	int honest;

	open_broker();
	honest = connect_broker();
	close(join(honest, "honest", &secret));
	ck_assert_uint_eq(probe(honest, &secret, 3, 7), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(honest, &secret, 4, 7), CATALOG_TWIN);
	ck_assert_uint_eq(publish(honest, &secret, 4, 7, 7), 0); /* frame 0, for the liars */
	ck_assert_uint_eq(receive_offer(honest).frame, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		uint8_t bytes[PAGE_BYTES + 256] = { 0 };
		int fd = connect_broker();

		if (lies[i].after_hello)
			close(join(fd, "liar", &secret));
		send_all(fd, bytes, lies[i].put(bytes, sizeof(bytes)));
		expect_dropped(fd, i);
		ck_assert_uint_eq(frames_now(&store_bytes), 1);
	}
	ck_assert_uint_eq(probe(honest, &secret, 5, 7), 0);
	close_broker();
}
END_TEST

START_TEST(bytes_under_a_foreign_digest_are_refused)
{
	struct digest_secret secret;
	uint64_t store_bytes;
	int fd;

	open_broker();
	fd = connect_broker();
	close(join(fd, "a", &secret));
	ck_assert_uint_eq(probe(fd, &secret, 3, 7), CATALOG_ABSENT);
	ck_assert_uint_eq(publish(fd, &secret, 4, 7, 8), CATALOG_REFUSED);
	ck_assert_uint_eq(frames_now(&store_bytes), 0);
	close_broker();
}
END_TEST

/* How many descriptors the broker has open. */
static int broker_descriptors(void)
{
	char path[64];
	struct dirent **entries;
	int count;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)broker_pid);
	count = scandir(path, &entries, NULL, NULL);
	ck_assert_int_gt(count, 0);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return count;
}

START_TEST(half_a_message_leaves_nothing_behind)
{
	uint8_t bytes[256];
	uint64_t end = deadline();
	int before, length;

	open_broker();
	free(ask_report());
	before = broker_descriptors();
	length = lie_hello(bytes, sizeof(bytes), "half", RAM_PAGES);
	for (int cut = 0; cut < length; cut++) {
		int fd = connect_broker();

		if (cut > 0)
			send_all(fd, bytes, cut);
		close(fd);
	}
	free(ask_report());
	while (broker_descriptors() > before && now_ns() < end)
		nap();
	ck_assert_int_le(broker_descriptors(), before);
	close_broker();
}
END_TEST

START_TEST(one_who_does_not_read_harms_nobody)
{
	struct digest_secret secret;
	uint8_t request[WIRE_HEADER_SIZE];
	int deaf, fd;

	open_broker();
	deaf = connect_broker();
	ck_assert_int_ge(fcntl(deaf, F_SETFL, O_NONBLOCK), 0);
	put_header(request, 0, BROKER_REPORT_REQUEST, WIRE_VERSION);
	for (int i = 0; i < 2000; i++)
		if (send(deaf, request, sizeof(request), MSG_NOSIGNAL) < 0)
			break;
	fd = connect_broker();
	close(join(fd, "a", &secret));
	ck_assert_uint_eq(probe(fd, &secret, 3, 7), CATALOG_ABSENT);
	close_broker();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &two_guests_with_equal_pages_get_one_frame },
	{ "core", &a_report_adds_up_what_guests_hold },
	{ "core", &questions_sent_at_once_are_answered_in_order },
	{ "core", &references_live_as_long_as_the_process_not_the_connection },
	{ "core", &a_killed_guest_gives_all_back },
	{ "core", &the_broker_leaves_after_its_last_guest },
	{ "core", &a_signal_does_not_take_the_store_from_guests },
	{ "core", &a_signal_ends_a_broker_without_guests },
	{ "misuse", &whoever_lies_is_dropped_and_others_are_served },
	{ "misuse", &bytes_under_a_foreign_digest_are_refused },
	{ "faults", &half_a_message_leaves_nothing_behind },
	{ "faults", &one_who_does_not_read_harms_nobody },
};

SUITE_MAIN("broker", tests)
