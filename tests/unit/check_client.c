/* SPDX-License-Identifier: Apache-2.0 */
/* check_client.c - both ends of the control socket: the guest's, on a loop, and the command's */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rundir.h"
#include "base/sock.h"
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

static const struct control_ops ops = {
	.report = do_report,
	.power_button = do_nothing,
	.quit = do_nothing,
	.pause = do_pause,
	.resume = do_refuse,
	.dump_ram = do_dump,
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

START_TEST(a_request_in_pieces_is_carried_out_once)
{
	uint8_t bytes[WIRE_HEADER_SIZE], answer[CONTROL_MAX_MESSAGE];
	int fd = connect_raw();

	ck_assert_int_eq(control_request_encode(CONTROL_PAUSE, bytes, sizeof(bytes)), 8);
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

	ck_assert_int_eq(control_request_encode(CONTROL_PAUSE, bytes, 8), 8);
	ck_assert_int_eq(control_request_encode(CONTROL_REPORT, bytes + 8, 8), 8);
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

START_TEST(names_do_not_leave_the_directory)
{
	static const char *const names[] = { "../guests/guest", "..", ".", "", "a/b" };
	struct client client;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_int_eq(client_connect(names[i], &client, &why), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client");
	TCase *core = tcase_create("core"), *misuse = tcase_create("misuse");
	SRunner *runner = srunner_create(suite);
	int failed;

	/* for a machine that does much else */
	tcase_set_timeout(core, 60);
	tcase_set_timeout(misuse, 60);
	tcase_add_checked_fixture(core, set_up, tear_down);
	tcase_add_test(core, a_report_comes_back);
	tcase_add_test(core, a_refusal_comes_back_with_its_sentence);
	tcase_add_test(core, a_dump_goes_into_the_descriptor_that_came_along);
	tcase_add_test(core, a_request_in_pieces_is_carried_out_once);
	tcase_add_test(core, requests_sent_together_are_answered_in_order);
	tcase_add_test(core, those_who_wait_see_the_end);
	tcase_add_test(core, all_guests_are_found_but_the_dead_ones);
	tcase_add_checked_fixture(misuse, set_up, tear_down);
	tcase_add_test(misuse, who_talks_nonsense_is_dropped_and_others_are_served);
	tcase_add_test(misuse, the_newcomer_replaces_the_oldest_where_too_many_connect);
	tcase_add_test(misuse, a_name_is_held_by_one_guest);
	tcase_add_test(misuse, a_stale_socket_is_nobody_and_is_removed);
	tcase_add_test(misuse, a_log_with_words_outlives_its_guest);
	tcase_add_test(misuse, a_stale_name_can_be_claimed);
	tcase_add_test(misuse, names_do_not_leave_the_directory);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, misuse);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
