/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_liar.c - a peer that lies in every field of every message, and what others see of it
 *
 * The liar is told the domain's secret and which frames there are, as a guest's process
 * would be that its guest has taken over. Two honest guests share a page all the while.
 */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/sock.h"
#include "tests/unit/broker_peer.h"

#define LIE_BYTES (BROKER_REQUEST_MAX + 256u)
/* Of the broker's processor time, a connection: going through 1 TiB takes 10 ms and more. */
#define CLAIM_NS (2 * NS_PER_MS)

/* Two guests with one frame, which is frame 0 */

static int honest[2], store_fd;
static struct digest_secret secret;

static void open_honest(void)
{
	open_broker();
	for (int i = 0; i < 2; i++)
		honest[i] = connect_broker();
	store_fd = join(honest[0], "a", &secret);
	close(join(honest[1], "b", &secret));
	ck_assert_uint_eq(probe(honest[0], &secret, 3, 7), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(honest[1], &secret, 4, 7), CATALOG_TWIN);
	ck_assert_uint_eq(publish(honest[1], &secret, 4, 7, 7), 0);
	ck_assert_uint_eq(receive_offer(honest[0]).frame, 0);
}

static void expect_frame(uint32_t frame, int value)
{
	uint8_t bytes[PAGE_BYTES];

	ck_assert_int_eq(pread(store_fd, bytes, PAGE_BYTES, (off_t)frame * PAGE_BYTES), PAGE_BYTES);
	ck_assert_mem_eq(bytes, content(value), PAGE_BYTES);
}

/* Their frame is as it was, and they can share another page, and let go of it. */
static void expect_honest_share(void)
{
	uint64_t store_bytes;
	uint32_t frame;

	expect_frame(0, 7);
	ck_assert_uint_eq(frames_now(&store_bytes), 1);
	ck_assert_uint_eq(probe(honest[0], &secret, 10, 8), CATALOG_ABSENT);
	ck_assert_uint_eq(probe(honest[1], &secret, 11, 8), CATALOG_TWIN);
	frame = publish(honest[1], &secret, 11, 8, 8);
	ck_assert_uint_le(frame, CATALOG_FRAME_MAX);
	ck_assert_uint_ne(frame, 0);
	ck_assert_uint_eq(receive_offer(honest[0]).frame, frame);
	expect_frame(frame, 8);
	release(honest[0], frame);
	release(honest[1], frame);
	/* each is answered once the release before it was served */
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(probe(honest[i], &secret, 20, 7), 0);
		release(honest[i], 0);
		ck_assert_uint_eq(probe(honest[i], &secret, 20 + (uint32_t)i, 30 + i),
				  CATALOG_ABSENT);
	}
	ck_assert_uint_eq(frames_now(&store_bytes), 1);
	ck_assert_uint_eq(store_bytes, PAGE_BYTES);
}

/* The broker hangs up, without an answer. */
static void expect_dropped(int fd, const char *lie)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte;

	ck_assert_msg(poll(&ready, 1, 20000) == 1, "not noticed: %s", lie);
	ck_assert_msg(recv(fd, &byte, 1, 0) <= 0, "answered: %s", lie);
	close(fd);
}

/* Lies. Each writes a message and returns its length. */

static int put_header(uint8_t *bytes, uint32_t length, uint32_t type, uint32_t version)
{
	uint16_t half[2] = { (uint16_t)type, (uint16_t)version };

	memcpy(bytes, &length, 4);
	memcpy(bytes + 4, half, 4);
	return WIRE_HEADER_SIZE;
}

/* A payload of zeroes, which the header announces as it is. */
static int put_zeroes(uint8_t *bytes, uint32_t type, uint32_t length)
{
	memset(bytes, 0, WIRE_HEADER_SIZE + length);
	return put_header(bytes, length, type, WIRE_VERSION) + (int)length;
}

static int put_hello(uint8_t *bytes, const char *name, uint32_t pages)
{
	struct broker_hello hello = { .pages = pages, .max_sharers = 1 };

	snprintf(hello.name, sizeof(hello.name), "%s", name);
	return broker_put_hello(bytes, LIE_BYTES, &hello);
}

static int put_items(uint8_t *bytes, uint32_t type, uint32_t page, uint32_t count)
{
	static struct catalog_item items[PROBE_MAX];

	for (uint32_t i = 0; i < count; i++)
		items[i] = (struct catalog_item){ .page = page,
						  .wish_plus = page * 77,
						  .digest = digest_page(content(7), &secret) };
	if (type == BROKER_PROBE)
		return broker_put_probe(bytes, LIE_BYTES, items, count);
	return broker_put_publish(bytes, LIE_BYTES, items, count) + (int)(count * PAGE_BYTES);
}

static int put_release(uint8_t *bytes, uint32_t first, uint32_t second, uint32_t count)
{
	uint32_t frames[2] = { first, second };

	return broker_put_numbers(bytes, LIE_BYTES, BROKER_RELEASE, frames, count);
}

/* The same message, with another count than it has items. */
static int recount(uint8_t *bytes, int length, uint32_t count)
{
	memcpy(bytes + WIRE_HEADER_SIZE, &count, sizeof(count));
	return length;
}

/* The same message, so much shorter or longer, which the header knows. */
static int resize(uint8_t *bytes, int length, int by)
{
	uint32_t payload = (uint32_t)(length + by) - WIRE_HEADER_SIZE;

	memcpy(bytes, &payload, sizeof(payload));
	return length + by;
}

static int nameless(uint8_t *bytes)
{
	int length = put_hello(bytes, "a", RAM_PAGES);

	memset(bytes + WIRE_HEADER_SIZE, 'a', WIRE_TEXT_SIZE); /* has no end */
	return length;
}

static int own_words(uint8_t *bytes, uint32_t type)
{
	struct link_offer offer = { .page = 3 };
	struct broker_welcome welcome = { .store_frames = 1 };
	uint32_t answer = 0;

	if (type == BROKER_OFFERS)
		return broker_put_offers(bytes, LIE_BYTES, &offer, 1);
	if (type == BROKER_WELCOME)
		return broker_put_welcome(bytes, LIE_BYTES, &welcome);
	return broker_put_numbers(bytes, LIE_BYTES, BROKER_ANSWERS, &answer, 1);
}

/* clang-format off */
static int tell(unsigned int number, uint8_t *b, const char **ret_name, bool *ret_joined)
{
#define LIE(joined, put) case __COUNTER__: *ret_name = #put; *ret_joined = (joined); return (put)
	switch (number) {
	/* the header */
	LIE(false, put_header(b, 0, 0, WIRE_VERSION));
	LIE(true, put_header(b, 0, 0, WIRE_VERSION));
	LIE(true, put_header(b, 0, 99, WIRE_VERSION));
	LIE(true, put_header(b, 0, UINT16_MAX, WIRE_VERSION));
	LIE(false, put_header(b, 0, BROKER_REPORT_REQUEST, 0));
	LIE(false, put_header(b, 0, BROKER_REPORT_REQUEST, WIRE_VERSION + 1));
	LIE(true, put_header(b, 0, BROKER_REPORT_REQUEST, UINT16_MAX));
	LIE(false, put_header(b, BROKER_HELLO_BYTES + 1, BROKER_HELLO, WIRE_VERSION));
	LIE(false, put_header(b, BROKER_REQUEST_MAX, BROKER_PUBLISH, WIRE_VERSION));
	LIE(true, put_header(b, BROKER_REQUEST_MAX + 1, BROKER_PUBLISH, WIRE_VERSION));
	LIE(true, put_header(b, UINT32_MAX, BROKER_PUBLISH, WIRE_VERSION));
	/* HELLO */
	LIE(true, put_hello(b, "again", RAM_PAGES));
	LIE(false, put_hello(b, "a", 0));
	LIE(false, put_hello(b, "a", BROKER_PAGES_MAX + 1));
	LIE(false, put_hello(b, "a", UINT32_MAX));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	LIE(false, put_hello(b, "a", BROKER_PAGES_MAX)); /* more than the process has */
#endif
	LIE(false, put_hello(b, "", RAM_PAGES));
	LIE(false, put_hello(b, "../a", RAM_PAGES));
	LIE(false, put_hello(b, "a\n", RAM_PAGES));
	LIE(false, nameless(b));
	LIE(false, resize(b, put_hello(b, "a", RAM_PAGES), -4));
	LIE(false, put_zeroes(b, BROKER_HELLO, 0));
	/* PROBE */
	LIE(false, put_items(b, BROKER_PROBE, 1, 1)); /* by nobody, yet */
	LIE(true, put_items(b, BROKER_PROBE, RAM_PAGES, 1));
	LIE(true, put_items(b, BROKER_PROBE, UINT32_MAX, 1));
	LIE(true, put_items(b, BROKER_PROBE, RAM_PAGES, PROBE_MAX));
	LIE(true, recount(b, put_items(b, BROKER_PROBE, 1, 1), 0));
	LIE(true, recount(b, put_items(b, BROKER_PROBE, 1, 1), 2));
	LIE(true, recount(b, put_items(b, BROKER_PROBE, 1, 1), UINT32_MAX));
	LIE(true, recount(b, put_items(b, BROKER_PROBE, 1, PROBE_MAX), PROBE_MAX + 1));
	LIE(true, recount(b, put_zeroes(b, BROKER_PROBE, 4 + (PROBE_MAX + 1) * BROKER_ITEM_SIZE), PROBE_MAX + 1));
	LIE(true, resize(b, put_items(b, BROKER_PROBE, 1, 2), -1));
	LIE(true, resize(b, put_items(b, BROKER_PROBE, 1, 2), 1));
	LIE(true, put_zeroes(b, BROKER_PROBE, 0));
	LIE(true, put_zeroes(b, BROKER_PROBE, 3));
	/* PUBLISH */
	LIE(false, resize(b, put_items(b, BROKER_PROBE, 1, 1), 0) + put_header(b, 24, BROKER_PUBLISH, WIRE_VERSION) - 8);
	LIE(true, put_items(b, BROKER_PUBLISH, RAM_PAGES, 1));
	LIE(true, put_items(b, BROKER_PUBLISH, UINT32_MAX, 1));
	LIE(true, put_items(b, BROKER_PUBLISH, UINT32_MAX, PUBLISH_MAX));
	LIE(true, recount(b, put_items(b, BROKER_PUBLISH, 1, 1), 0));
	LIE(true, recount(b, put_items(b, BROKER_PUBLISH, 1, 1), 2));
	LIE(true, recount(b, put_items(b, BROKER_PUBLISH, 1, 1), UINT32_MAX));
	LIE(true, recount(b, put_items(b, BROKER_PUBLISH, 1, PUBLISH_MAX), PUBLISH_MAX + 1));
	LIE(true, resize(b, put_items(b, BROKER_PUBLISH, 1, 2), -1));
	LIE(true, resize(b, put_items(b, BROKER_PUBLISH, 1, 2), -(int)PAGE_BYTES));
	LIE(true, resize(b, put_items(b, BROKER_PUBLISH, 1, 2), 1));
	LIE(true, put_zeroes(b, BROKER_PUBLISH, 0));
	/* RELEASE */
	LIE(false, put_release(b, 0, 0, 1));
	LIE(true, put_release(b, 0, 0, 1)); /* the others' */
	LIE(true, put_release(b, 1, 0, 1)); /* nobody's */
	LIE(true, put_release(b, CATALOG_ABSENT, 0, 1));
	LIE(true, put_release(b, CATALOG_FRAME_MAX, 0, 1));
	LIE(true, put_release(b, 0, 0, 2));
	LIE(true, recount(b, put_release(b, 0, 0, 1), 2));
	LIE(true, recount(b, put_release(b, 0, 0, 1), UINT32_MAX));
	LIE(true, recount(b, put_zeroes(b, BROKER_RELEASE, 4 + (RELEASE_MAX + 1) * 4), RELEASE_MAX + 1));
	LIE(true, resize(b, put_release(b, 0, 0, 1), -1));
	LIE(true, put_zeroes(b, BROKER_RELEASE, 0));
	/* REPORT_REQUEST, and the broker's own words */
	LIE(false, put_zeroes(b, BROKER_REPORT_REQUEST, 4));
	LIE(true, put_zeroes(b, BROKER_REPORT_REQUEST, 1));
	LIE(true, own_words(b, BROKER_ANSWERS));
	LIE(true, own_words(b, BROKER_OFFERS));
	LIE(true, own_words(b, BROKER_WELCOME));
	LIE(false, own_words(b, BROKER_WELCOME));
	LIE(true, put_zeroes(b, BROKER_REPORT, 100));
	default: return 0;
	}
#undef LIE
}
/* clang-format on */

START_TEST(whoever_lies_is_dropped_and_others_are_served)
{
	uint8_t *bytes = calloc(1, LIE_BYTES);
	struct digest_secret told;
	const char *lie = NULL;
	bool joined = false;
	unsigned int lies = 0;
	int length;

	open_honest();
	for (; (length = tell(lies, bytes, &lie, &joined)) > 0; lies++) {
		int fd = connect_broker();

		if (joined)
			close(join(fd, "liar", &told));
		send_all(fd, bytes, length);
		expect_dropped(fd, lie);
		if (lies % 8 == 0)
			expect_honest_share();
	}
	ck_assert_uint_gt(lies, 60);
	expect_honest_share();
	free(bytes);
	close_broker();
}
END_TEST

/* Not a message is wrong, but what it says. */

START_TEST(bytes_under_a_foreign_digest_are_refused)
{
	int liar;

	open_honest();
	liar = connect_broker();
	close(join(liar, "liar", &secret));
	ck_assert_uint_eq(probe(honest[0], &secret, 5, 9), CATALOG_ABSENT);
	ck_assert_uint_eq(publish(liar, &secret, 4, 9, 1), CATALOG_REFUSED); /* for the twin */
	ck_assert_uint_eq(publish(liar, &secret, 4, 7, 1), CATALOG_REFUSED); /* over the frame */
	expect_honest_share();
	close_broker();
}
END_TEST

START_TEST(who_publishes_nothing_else_is_dropped)
{
	struct catalog_item item = { 1, 0, digest_page(content(1), &secret) };
	uint8_t head[128];
	uint32_t refused = 0;
	int liar, length;

	open_honest();
	liar = connect_broker();
	close(join(liar, "liar", &secret));
	item.digest = digest_page(content(1), &secret);
	for (; refused < 100000; refused++) {
		length = broker_put_publish(head, sizeof(head), &item, 1);
		if (sock_write_all(liar, head, (size_t)length) < 0 ||
		    sock_write_all(liar, content(2), PAGE_BYTES) < 0)
			break;
	}
	ck_assert_uint_lt(refused, 100000);
	close(liar);
	expect_honest_share();
	close_broker();
}
END_TEST

START_TEST(a_false_digest_in_a_question_gives_nothing)
{
	struct catalog_item item = { 1, 0, { 1, 2 } };
	uint8_t bytes[128];
	int liar;

	open_honest();
	liar = connect_broker();
	close(join(liar, "liar", &secret));
	send_all(liar, bytes, broker_put_probe(bytes, sizeof(bytes), &item, 1));
	ck_assert_uint_eq(receive_answer(liar), CATALOG_ABSENT);
	/* what it takes part in is counted as its own, and it lets go of it once only */
	ck_assert_uint_eq(probe(liar, &secret, 1, 7), 0);
	release(liar, 0);
	release(liar, 0);
	expect_dropped(liar, "released twice");
	expect_honest_share();
	close_broker();
}
END_TEST

/* Those who are slow, silent, or many */

START_TEST(one_who_stops_in_the_middle_of_a_message_can_go_on_later)
{
	struct catalog_item item = { 9, 0, { 0, 0 } };
	uint8_t head[128];
	int slow, length;

	open_honest();
	slow = connect_broker();
	close(join(slow, "slow", &secret));
	item.digest = digest_page(content(9), &secret);
	length = broker_put_publish(head, sizeof(head), &item, 1);
	for (int i = 0; i < length; i++) {
		send_all(slow, head + i, 1);
		if (i % 4 == 0)
			expect_honest_share();
	}
	send_all(slow, content(9), PAGE_BYTES / 2);
	expect_honest_share();
	send_all(slow, content(9), PAGE_BYTES / 2);
	ck_assert_uint_eq(receive_answer(slow), CATALOG_ABSENT); /* nobody else has it */
	close_broker();
}
END_TEST

START_TEST(half_a_message_and_a_farewell_harm_nobody)
{
	int peer;

	open_honest();
	for (int how = SHUT_RD; how <= SHUT_RDWR; how++) {
		uint8_t bytes[256];
		int length = put_hello(bytes, "half", RAM_PAGES);

		for (int cut = 0; cut < length; cut += 5) {
			peer = connect_broker();
			if (cut > 0)
				send_all(peer, bytes, cut);
			ck_assert_int_eq(shutdown(peer, how), 0);
			close(peer);
		}
	}
	expect_honest_share();
	close_broker();
}
END_TEST

/* One claim a page, of contents of its own; nobody reads the answers yet. */
static void claim_pages(int fd, uint32_t count)
{
	static struct catalog_item items[PROBE_MAX];
	uint8_t *bytes = malloc(LIE_BYTES);
	uint32_t answers[PROBE_MAX], got, length;
	uint8_t payload[WIRE_HEADER_SIZE + 4 + PROBE_MAX * 4];

	for (uint32_t i = 0; i < count; i++)
		items[i] =
			(struct catalog_item){ i, 0,
					       digest_page(content(100 + (int)i % 100), &secret) };
	for (uint32_t i = 0; i < count; i++)
		items[i].digest.high += i; /* one of a kind */
	send_all(fd, bytes, broker_put_probe(bytes, LIE_BYTES, items, count));
	ck_assert_uint_eq(receive(fd, payload, &length), BROKER_ANSWERS);
	ck_assert_int_eq(broker_get_numbers(payload, length, PROBE_MAX, answers, &got), 0);
	ck_assert_uint_eq(got, count);
	free(bytes);
}

START_TEST(who_reads_no_offers_keeps_its_link_and_finds_them_later)
{
	uint32_t frames[100];
	int deaf;

	open_honest();
	deaf = connect_broker();
	close(join(deaf, "deaf", &secret));
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(probe(deaf, &secret, (uint32_t)i, 100 + i), CATALOG_ABSENT);
	for (int i = 0; i < 100; i++)
		frames[i] = publish(honest[0], &secret, 100 + (uint32_t)i, 100 + i, 100 + i);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(receive_offer(deaf).frame, frames[i]);
	for (int i = 0; i < 100; i++) {
		release(honest[0], frames[i]);
		release(deaf, frames[i]);
	}
	ck_assert_uint_eq(probe(deaf, &secret, 1, 77), CATALOG_ABSENT); /* all is served */
	ck_assert_uint_eq(probe(honest[0], &secret, 1, 78), CATALOG_ABSENT);
	expect_honest_share();
	close_broker();
}
END_TEST

/* Asks as fast as it can and never reads: the answers are not kept for ever. */
START_TEST(who_reads_no_answers_is_dropped)
{
	uint8_t *bytes = calloc(1, LIE_BYTES);
	uint64_t end = deadline();
	int flood, length;

	open_honest();
	flood = connect_broker();
	close(join(flood, "flood", &secret));
	length = put_items(bytes, BROKER_PROBE, 1, 1);
	while (sock_write_all(flood, bytes, (size_t)length) == 0)
		ck_assert_msg(now_ns() < end, "answers pile up");
	close(flood);
	expect_honest_share();
	free(bytes);
	close_broker();
}
END_TEST

START_TEST(one_who_reads_no_reports_is_dropped)
{
	uint8_t request[WIRE_HEADER_SIZE];
	uint64_t end = deadline();
	int deaf;

	open_honest();
	deaf = connect_broker();
	put_header(request, 0, BROKER_REPORT_REQUEST, WIRE_VERSION);
	while (sock_write_all(deaf, request, sizeof(request)) == 0)
		ck_assert_msg(now_ns() < end, "reports pile up");
	close(deaf);
	expect_honest_share();
	close_broker();
}
END_TEST

START_TEST(strangers_who_say_nothing_keep_nobody_out)
{
	enum { STRANGERS = 400 };
	int strangers[STRANGERS], gone = 0;
	struct rlimit files = { 1024, 1024 };
	uint64_t end = deadline();

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	open_honest();
	for (int i = 0; i < STRANGERS; i++)
		while (sock_connect(socket_path, false, &strangers[i]) == -EAGAIN)
			ck_assert_uint_lt(now_ns(), end);
	expect_honest_share();
	close(join(connect_broker(), "late", &secret));
	for (int i = 0; gone < STRANGERS / 4; i = (i + 1) % STRANGERS) {
		struct pollfd ready = { .fd = strangers[i], .events = POLLIN };

		ck_assert_uint_lt(now_ns(), end);
		if (strangers[i] >= 0 && poll(&ready, 1, 1) == 1) {
			close(strangers[i]);
			strangers[i] = -1;
			gone++;
		}
	}
	expect_honest_share();
	close_broker();
}
END_TEST

/* References are kept when a connection ends (broker.c): so a process has only so many. */
START_TEST(a_process_joins_only_so_often_while_it_holds_frames)
{
	uint64_t end = deadline(), store_bytes;
	int fd, joined = 0;
	char byte;

	open_honest(); /* joins twice, of this process */
	for (;; joined++) {
		uint8_t welcome[WIRE_HEADER_SIZE + DIGEST_SECRET_BYTES + 4];
		int fd_of_store = -1;

		ck_assert_uint_lt(now_ns(), end);
		fd = connect_broker();
		send_hello(fd, "again", RAM_PAGES);
		if (sock_read_fd(fd, welcome, sizeof(welcome), &fd_of_store) <= 0)
			break;
		close(fd_of_store);
		ck_assert_uint_eq(probe(fd, &secret, 1, 7), 0);
		close(fd);
	}
	ck_assert_int_ge(joined, 2);
	ck_assert_int_le(joined, 16);
	ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
	expect_frame(0, 7);
	ck_assert_uint_eq(frames_now(&store_bytes), 1);
	close_broker();
}
END_TEST

START_TEST(who_holds_nothing_can_come_and_go_for_ever)
{
	open_honest();
	for (int i = 0; i < 100; i++) {
		int fd = connect_broker();

		close(join(fd, "guest", &secret));
		claim_pages(fd, RAM_PAGES);
		close(fd);
	}
	expect_honest_share();
	close_broker();
}
END_TEST

/* Address space is no RAM: what is declared must not be what the broker goes through. */
START_TEST(a_claim_of_much_ram_costs_no_more_than_its_use)
{
	size_t bytes = (size_t)BROKER_PAGES_MAX * PAGE_BYTES;
	void *claimed =
		mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	enum { ROUNDS = 200 };
	clockid_t busy;
	uint64_t busy_ns;

	open_honest();
	ck_assert_int_eq(clock_getcpuclockid(broker_pid, &busy), 0);
	busy_ns = clock_ns(busy);
	for (int i = 0; i < ROUNDS; i++) {
		uint8_t welcome[WIRE_HEADER_SIZE + DIGEST_SECRET_BYTES + 4];
		int fd = connect_broker(), fd_of_store = -1;

		send_hello(fd, "giant", BROKER_PAGES_MAX);
		ck_assert_int_gt(sock_read_fd(fd, welcome, sizeof(welcome), &fd_of_store), 0);
		ck_assert_uint_eq(probe(fd, &secret, BROKER_PAGES_MAX - 1, 200), CATALOG_ABSENT);
		close(fd_of_store);
		close(fd);
	}
	expect_honest_share(); /* after the last of them is forgotten */
	busy_ns = clock_ns(busy) - busy_ns;
	ck_assert_msg(busy_ns < ROUNDS * CLAIM_NS, "%llu ns", (unsigned long long)busy_ns);
	if (claimed != MAP_FAILED) /* a sanitizer has mapped as much itself */
		munmap(claimed, bytes);
	close_broker();
}
END_TEST

START_TEST(who_reads_where_no_frames_are_fills_the_store_for_a_while_only)
{
	size_t bytes = (size_t)20000 * PAGE_BYTES;
	uint64_t end = deadline(), store_bytes;
	volatile const uint8_t *holes;

	open_honest();
	holes = mmap(NULL, bytes, PROT_READ, MAP_SHARED, store_fd, 0);
	ck_assert_ptr_ne((const void *)(uintptr_t)holes, MAP_FAILED);
	for (size_t at = 0; at < bytes; at += PAGE_BYTES)
		(void)holes[at];
	frames_now(&store_bytes);
	ck_assert_uint_ge(store_bytes, bytes);
	while (store_bytes > PAGE_BYTES && now_ns() < end) {
		nap();
		frames_now(&store_bytes);
	}
	expect_honest_share();
	close_broker();
}
END_TEST

static const struct suite_test tests[] = {
	{ "misuse", &whoever_lies_is_dropped_and_others_are_served },
	{ "misuse", &bytes_under_a_foreign_digest_are_refused },
	{ "misuse", &who_publishes_nothing_else_is_dropped },
	{ "misuse", &a_false_digest_in_a_question_gives_nothing },
	{ "faults", &one_who_stops_in_the_middle_of_a_message_can_go_on_later },
	{ "faults", &half_a_message_and_a_farewell_harm_nobody },
	{ "faults", &who_reads_no_offers_keeps_its_link_and_finds_them_later },
	{ "limits", &who_reads_no_answers_is_dropped },
	{ "limits", &one_who_reads_no_reports_is_dropped },
	{ "limits", &strangers_who_say_nothing_keep_nobody_out },
	{ "limits", &a_process_joins_only_so_often_while_it_holds_frames },
	{ "limits", &who_reads_where_no_frames_are_fills_the_store_for_a_while_only },
	{ "limits", &a_claim_of_much_ram_costs_no_more_than_its_use },
	{ "limits", &who_holds_nothing_can_come_and_go_for_ever },
};

SUITE_MAIN("liar", tests)
