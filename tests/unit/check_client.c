/* SPDX-License-Identifier: Apache-2.0 */
/* check_client.c - both ends of the control socket: the guest's, on a loop, and the command's */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "cli/census.h"
#include "cli/client.h"
#include "vmm/control.h"

static char directory[] = "/tmp/samepage-check.XXXXXX";
static struct control *control;
static struct loop *loop;
static struct loop_source *quit;
static pthread_t thread;
static struct fail why;
static _Atomic int pauses; /* how often the guest was paused */

static int do_report(void *context, struct control_report *ret_report, struct fail *sentence)
{
	*ret_report = (struct control_report){
		.name = "guest",
		.domain = "domain",
		.pid = (uint32_t)getpid(),
		.state = CONTROL_STATE_RUNNING,
		.passes = 77,
	};
	return 0;
}

/* Two points; the tests change what makes it a lie. */
static struct history history = {
	.count = 2,
	.points = { { 1000, { 11, 12, 13, 14 } }, { 2000, { 21, 22, 23, 24 } } },
};

static int do_history(void *context, struct history *ret_history, struct fail *sentence)
{
	if (history.count == 0)
		return fail_set(sentence, ENOTSUP, "there is none");
	*ret_history = history;
	return 0;
}

static int do_nothing(void *context, struct fail *sentence)
{
	return 0;
}

static int do_pause(void *context, struct fail *sentence)
{
	pauses++;
	return 0;
}

static int do_refuse(void *context, struct fail *sentence)
{
	return fail_set(sentence, EBUSY, "not now");
}

static int do_dump(void *context, int fd, struct fail *sentence)
{
	return write(fd, "memory", 6) == 6 ? 0 : fail_errno(sentence, errno, "cannot dump");
}

static int do_console(void *context, uint64_t number, int fd, struct fail *sentence)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "console %llu", (unsigned long long)number);

	return write(fd, text, (size_t)length) == length
		       ? 0
		       : fail_errno(sentence, errno, "cannot write");
}

static int do_balloon(void *context, uint64_t bytes, struct fail *sentence)
{
	return bytes == UINT64_C(1) << 40 ? 0 : fail_set(sentence, ERANGE, "not so much");
}

/* What this guest has to say of its pages; the tests change it. */
static struct {
	struct control_census head;
	uint32_t entries[3];
} census = { { .pages = 3, .store = 9 } };
static size_t census_bytes = sizeof(census.head) + sizeof(census.entries);

static int do_census(void *context, int fd, struct fail *sentence)
{
	return pwrite(fd, &census, census_bytes, 0) == (ssize_t)census_bytes
		       ? 0
		       : fail_errno(sentence, errno, "cannot write");
}

/* Pages that are full of their number. */
static int do_read_pages(void *context, uint64_t count, int fd, struct fail *sentence)
{
	uint32_t numbers[CONTROL_PAGES_MAX];
	off_t offset = (off_t)(count * sizeof(numbers[0]));

	if (pread(fd, numbers, (size_t)offset, 0) != offset)
		return fail_set(sentence, EINVAL, "numbers are missing");
	for (uint64_t i = 0; i < count; i++, offset += PAGE_BYTES) {
		uint8_t page[PAGE_BYTES];

		memset(page, (int)numbers[i], sizeof(page));
		if (numbers[i] < 200 && pwrite(fd, page, sizeof(page), offset) < 0)
			return fail_errno(sentence, errno, "cannot write");
	}
	return 0;
}

static const struct control_ops ops = {
	.report = do_report,
	.history = do_history,
	.power_button = do_nothing,
	.quit = do_nothing,
	.pause = do_pause,
	.resume = do_refuse,
	.census = do_census,
	.read_pages = do_read_pages,
	.dump_ram = do_dump,
	.console = do_console,
	.balloon = do_balloon,
};

static void on_quit(void *context)
{
	loop_quit(loop, 0);
}

static void *loop_main(void *context)
{
	ck_assert_int_eq(loop_run(loop), 0);
	return NULL;
}

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(setenv("SAMEPAGE_RUNDIR", directory, 1), 0);
	ck_assert_int_eq(rundir_create(&why), 0);
	ck_assert_int_eq(control_claim("guest", &control, &why), 0);
	ck_assert_int_eq(loop_create(&loop), 0);
	ck_assert_int_eq(loop_add_wake(loop, on_quit, NULL, &quit), 0);
	ck_assert_int_eq(control_serve(control, loop, &ops, NULL, &why), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, loop_main, NULL), 0);
}

static void end_guest(void)
{
	if (!loop)
		return;
	loop_wake(quit);
	pthread_join(thread, NULL);
	control_free(control);
	loop_free(loop);
	loop = NULL;
}

static void tear_down(void)
{
	char path[64];

	end_guest();
	snprintf(path, sizeof(path), "%s/guests", directory);
	ck_assert_msg(rmdir(path) == 0, "something is left in %s", path);
	snprintf(path, sizeof(path), "%s/domains", directory);
	rmdir(path);
	rmdir(directory);
}

static void socket_path(const char *name, char path[RUNDIR_PATH_MAX])
{
	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, name, ".sock", path, &why), 0);
}

static int connect_raw(void)
{
	char path[RUNDIR_PATH_MAX];
	int fd;

	socket_path("guest", path);
	ck_assert_int_eq(sock_connect(path, false, &fd), 0);
	return fd;
}

START_TEST(a_report_comes_back)
{
	struct client client;
	struct control_report report;

	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	ck_assert_int_eq(client.pid, getpid());
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(client_report(&client, &report, &why), 0);
		ck_assert_uint_eq(report.passes, 77);
	}
	client_close(&client);
}
END_TEST

START_TEST(a_history_comes_back)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	struct history got;

	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	ck_assert_int_eq(client_history(&client, &got, &why), 0);
	ck_assert_uint_eq(got.count, 2);
	ck_assert_mem_eq(got.points, history.points, 2 * sizeof(got.points[0]));
	history.count = 0;
	ck_assert_int_eq(client_history(&client, &got, &why), -ENOTSUP);
	ck_assert_str_eq(why.text, "there is none");
	history.count = 2;
	history.points[1].time_ns = history.points[0].time_ns;
	ck_assert_int_eq(client_history(&client, &got, &why), -EPROTO);
}
END_TEST

START_TEST(a_refusal_comes_back_with_its_sentence)
{
	struct client client;

	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	ck_assert_int_eq(client_request(&client, CONTROL_RESUME, -1, CLIENT_TIMEOUT_MS, &why),
			 -EBUSY);
	ck_assert_str_eq(why.text, "not now");
	ck_assert_int_eq(client_request(&client, CONTROL_PAUSE, -1, CLIENT_TIMEOUT_MS, &why), 0);
	ck_assert_int_eq(pauses, 1);
	client_close(&client);
}
END_TEST

START_TEST(a_dump_goes_into_the_descriptor_that_came_along)
{
	struct client client;
	char bytes[8] = "";
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	ck_assert_int_eq(client_request(&client, CONTROL_DUMP_RAM, fds[1], CLIENT_NO_TIMEOUT, &why),
			 0);
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], bytes, sizeof(bytes)), 6);
	ck_assert_str_eq(bytes, "memory");
	/* the guest has closed its copy too */
	ck_assert_int_eq(read(fds[0], bytes, sizeof(bytes)), 0);
	close(fds[0]);
	ck_assert_int_eq(client_request(&client, CONTROL_DUMP_RAM, -1, CLIENT_TIMEOUT_MS, &why),
			 -EPROTO);
	client_close(&client);
}
END_TEST

START_TEST(a_census_tells_each_page)
{
	struct census read;
	struct client client;

	census.entries[0] = census_entry(CENSUS_SHARED, 4711);
	census.entries[2] = census_entry(CENSUS_PINNED, 0);
	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	ck_assert_int_eq(census_ask(&client, &read, &why), 0);
	ck_assert_str_eq(read.name, "guest");
	ck_assert_uint_eq(read.store, 9);
	ck_assert_uint_eq(read.pages, 3);
	ck_assert_uint_eq(census_frame(read.entries[0]), 4711);
	ck_assert_uint_eq(census_kind(read.entries[0]), CENSUS_SHARED);
	ck_assert_uint_eq(census_kind(read.entries[1]), CENSUS_UNUSED);
	ck_assert_uint_eq(census_kind(read.entries[2]), CENSUS_PINNED);
	census_done(&read);
	client_close(&client);
}
END_TEST

START_TEST(pages_are_read_in_the_order_of_their_numbers)
{
	const uint32_t numbers[] = { 3, 1, 7 };
	struct page_reader *reader;

	ck_assert_int_eq(page_reader_create("guest", &reader, &why), 0);
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(page_reader_read(reader, numbers, 3, &why), 0);
		for (uint32_t i = 0; i < 3; i++) {
			ck_assert_uint_eq(reader->bytes[i * PAGE_BYTES], numbers[i]);
			ck_assert_uint_eq(reader->bytes[(i + 1) * PAGE_BYTES - 1], numbers[i]);
		}
	}
	page_reader_free(reader);
	ck_assert_int_eq(page_reader_create("nobody", &reader, &why), -ENOENT);
}
END_TEST

START_TEST(a_census_that_cannot_be_is_refused)
{
	static const uint64_t pages[] = { 0, 4, UINT64_C(1) << 40, UINT64_MAX };
	struct census read;
	struct client client;

	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		census.head.pages = pages[i];
		ck_assert_int_eq(census_ask(&client, &read, &why), -EPROTO);
	}
	census.head.pages = 3;
	census.entries[1] = (uint32_t)CENSUS_KINDS << CENSUS_FRAME_BITS;
	ck_assert_int_eq(census_ask(&client, &read, &why), -EPROTO);
	census.entries[1] = 0;
	census_bytes--;
	ck_assert_int_eq(census_ask(&client, &read, &why), -EPROTO);
	census_bytes = 0;
	ck_assert_int_eq(census_ask(&client, &read, &why), -EPROTO);
	client_close(&client);
}
END_TEST

START_TEST(pages_that_are_not_there_are_an_error)
{
	const uint32_t numbers[] = { 1, 200 };
	struct page_reader *reader;

	ck_assert_int_eq(page_reader_create("guest", &reader, &why), 0);
	ck_assert_int_eq(page_reader_read(reader, numbers, 2, &why), -EPROTO);
	page_reader_free(reader);
}
END_TEST

START_TEST(a_console_gets_the_socket_and_the_number)
{
	struct control_request request = { .type = CONTROL_CONSOLE, .number = 257 };
	struct client client;
	char bytes[16] = "";
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	ck_assert_int_eq(client_request_number(&client, &request, -1, CLIENT_TIMEOUT_MS, &why),
			 -EPROTO);
	ck_assert_int_eq(client_request_number(&client, &request, fds[1], CLIENT_TIMEOUT_MS, &why),
			 0);
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], bytes, sizeof(bytes)), 11);
	ck_assert_str_eq(bytes, "console 257");
	close(fds[0]);
	client_close(&client);
}
END_TEST

static void encode_request(enum control_type type, uint8_t *bytes)
{
	struct control_request request = { .type = type };

	ck_assert_int_eq(control_request_encode(&request, bytes, WIRE_HEADER_SIZE),
			 WIRE_HEADER_SIZE);
}

START_TEST(a_balloons_target_arrives)
{
	struct control_request request = { .type = CONTROL_BALLOON, .number = UINT64_C(1) << 40 };
	struct client client;

	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	ck_assert_int_eq(client_request_number(&client, &request, -1, CLIENT_TIMEOUT_MS, &why), 0);
	request.number--;
	ck_assert_int_eq(client_request_number(&client, &request, -1, CLIENT_TIMEOUT_MS, &why),
			 -ERANGE);
	ck_assert_str_eq(why.text, "not so much");
	client_close(&client);
}
END_TEST

START_TEST(a_request_in_pieces_is_carried_out_once)
{
	uint8_t bytes[WIRE_HEADER_SIZE], answer[CONTROL_MAX_MESSAGE];
	int fd = connect_raw();

	encode_request(CONTROL_PAUSE, bytes);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ck_assert_int_eq(pauses, 0);
		ck_assert_int_eq(sock_write_all(fd, &bytes[i], 1), 0);
	}
	ck_assert_int_eq(sock_read_all(fd, answer, WIRE_HEADER_SIZE), 0);
	ck_assert_int_eq(pauses, 1);
	close(fd);
}
END_TEST

START_TEST(requests_sent_together_are_answered_in_order)
{
	uint8_t bytes[2 * WIRE_HEADER_SIZE], answer[CONTROL_MAX_MESSAGE];
	struct wire_header header;
	int fd = connect_raw();

	encode_request(CONTROL_PAUSE, bytes);
	encode_request(CONTROL_REPORT, bytes + WIRE_HEADER_SIZE);
	ck_assert_int_eq(sock_write_all(fd, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(sock_read_all(fd, answer, WIRE_HEADER_SIZE), 0);
	ck_assert_int_eq(wire_header_decode(answer, CONTROL_MAX_PAYLOAD, &header), 0);
	ck_assert_int_eq(header.type, CONTROL_OUTCOME);
	ck_assert_int_eq(sock_read_all(fd, answer, header.length), 0);
	ck_assert_int_eq(sock_read_all(fd, answer, WIRE_HEADER_SIZE), 0);
	ck_assert_int_eq(wire_header_decode(answer, CONTROL_MAX_PAYLOAD, &header), 0);
	ck_assert_int_eq(header.type, CONTROL_REPORT_REPLY);
	close(fd);
}
END_TEST

START_TEST(who_talks_nonsense_is_dropped_and_others_are_served)
{
	struct control_report report;
	struct client client;
	int silent = connect_raw(), noisy = connect_raw();
	char byte;

	ck_assert_int_eq(sock_write_all(silent, "\0", 1), 0); /* half a request */
	ck_assert_int_eq(sock_write_all(noisy, "GET / HTTP/1.0\r\n", 16), 0);
	ck_assert_int_le(recv(noisy, &byte, 1, 0), 0);
	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	ck_assert_int_eq(client_report(&client, &report, &why), 0);
	client_close(&client);
	close(silent);
	close(noisy);
}
END_TEST

START_TEST(the_newcomer_replaces_the_oldest_where_too_many_connect)
{
	struct control_report report;
	struct client client;
	int fds[CONTROL_MAX_CLIENTS];
	char byte;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = connect_raw();
	ck_assert_int_eq(client_connect("guest", &client, &why), 0);
	ck_assert_int_eq(client_report(&client, &report, &why), 0);
	ck_assert_int_eq(recv(fds[0], &byte, 1, 0), 0);
	ck_assert_int_eq(recv(fds[1], &byte, 1, MSG_DONTWAIT), -1);
	client_close(&client);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}
END_TEST

START_TEST(a_name_is_held_by_one_guest)
{
	struct control *second;

	ck_assert_int_eq(control_claim("guest", &second, &why), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(why.text, "'guest'"));
	control_sweep("guest"); /* somebody listens: nothing happens */
	ck_assert_int_eq(control_claim("guest", &second, &why), -EADDRINUSE);
}
END_TEST

START_TEST(those_who_wait_see_the_end)
{
	int fd = connect_raw();
	struct client client;
	char byte;

	end_guest();
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
	close(fd);
	ck_assert_int_eq(client_connect("guest", &client, &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "'guest'"));
}
END_TEST

/* What a killed guest leaves. */
static void leave_stale(const char *name, const char *log)
{
	char path[RUNDIR_PATH_MAX];
	int fd;

	socket_path(name, path);
	ck_assert_int_eq(sock_listen(path, &fd), 0);
	close(fd);
	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, name, ".log", path, &why), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, log, strlen(log)), (ssize_t)strlen(log));
	close(fd);
}

START_TEST(a_stale_socket_is_nobody_and_is_removed)
{
	struct client client;
	char path[RUNDIR_PATH_MAX];

	leave_stale("dead", "");
	ck_assert_int_eq(client_connect("dead", &client, &why), -ENOENT);
	socket_path("dead", path);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(a_log_with_words_outlives_its_guest)
{
	char path[RUNDIR_PATH_MAX];

	leave_stale("dead", "why");
	control_sweep("dead");
	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, "dead", ".log", path, &why), 0);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_stale_name_can_be_claimed)
{
	struct control *second;
	char path[RUNDIR_PATH_MAX];

	leave_stale("dead", "");
	ck_assert_int_eq(control_claim("dead", &second, &why), 0);
	control_free(second);
	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, "dead", ".log", path, &why), 0);
	unlink(path);
}
END_TEST

START_TEST(all_guests_are_found_but_the_dead_ones)
{
	struct control_report *reports;
	size_t count;

	leave_stale("dead", "");
	ck_assert_int_eq(client_report_all(&reports, &count, &why), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(reports[0].name, "guest");
	free(reports);
}
END_TEST

/* They accept connections, as the kernel does for a stopped process, and say nothing. */
START_TEST(who_is_silent_holds_nobody_up)
{
	static const char *const names[] = { "a-stopped", "b-stopped", "z-stopped" };
	uint64_t start = now_ns(), took;
	char path[RUNDIR_PATH_MAX];
	struct client_roll roll;
	int fds[3];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		socket_path(names[i], path);
		ck_assert_int_eq(sock_listen(path, &fds[i]), 0);
	}
	ck_assert_int_eq(client_roll_call(500, &roll, &why), 0);
	took = now_ns() - start;
	ck_assert_uint_ge(took, 500 * NS_PER_MS);
	ck_assert_uint_lt(took, 1000 * NS_PER_MS); /* not once for each */
	ck_assert_uint_eq(roll.count, 1);
	ck_assert_uint_eq(roll.reports[0].passes, 77);
	ck_assert_uint_eq(roll.silent_count, 3);
	ck_assert_str_eq(roll.silent[2].name, "z-stopped");
	ck_assert_ptr_nonnull(strstr(roll.silent[0].why.text, "'a-stopped'"));
	ck_assert_ptr_nonnull(strstr(roll.silent[0].why.text, "does not answer"));
	client_roll_done(&roll);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		socket_path(names[i], path);
		unlink(path);
		close(fds[i]);
	}
}
END_TEST

START_TEST(names_do_not_leave_the_directory)
{
	static const char *const names[] = { "../guests/guest", "..", ".", "", "a/b" };
	struct client client;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_int_eq(client_connect(names[i], &client, &why), -ENOENT);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_report_comes_back },
	{ "core", &a_history_comes_back },
	{ "core", &a_refusal_comes_back_with_its_sentence },
	{ "core", &a_dump_goes_into_the_descriptor_that_came_along },
	{ "core", &a_census_tells_each_page },
	{ "core", &pages_are_read_in_the_order_of_their_numbers },
	{ "core", &a_console_gets_the_socket_and_the_number },
	{ "core", &a_balloons_target_arrives },
	{ "core", &a_request_in_pieces_is_carried_out_once },
	{ "core", &requests_sent_together_are_answered_in_order },
	{ "core", &those_who_wait_see_the_end },
	{ "core", &all_guests_are_found_but_the_dead_ones },
	{ "misuse", &a_census_that_cannot_be_is_refused },
	{ "misuse", &pages_that_are_not_there_are_an_error },
	{ "misuse", &who_talks_nonsense_is_dropped_and_others_are_served },
	{ "misuse", &the_newcomer_replaces_the_oldest_where_too_many_connect },
	{ "misuse", &a_name_is_held_by_one_guest },
	{ "misuse", &a_stale_socket_is_nobody_and_is_removed },
	{ "misuse", &a_log_with_words_outlives_its_guest },
	{ "misuse", &a_stale_name_can_be_claimed },
	{ "misuse", &who_is_silent_holds_nobody_up },
	{ "misuse", &names_do_not_leave_the_directory },
};

SUITE_MAIN_AROUND("client", tests, set_up, tear_down)
