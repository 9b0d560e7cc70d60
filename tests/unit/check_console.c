/* SPDX-License-Identifier: Apache-2.0 */
/* check_console.c - the console carries what the guest writes, and never stops it */
#include "devices/console.h"

#include "tests/unit/suite.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define DATA		  0 /* registers of a 16550 */
#define LINE_STATUS	  5
#define TRANSMITTER_EMPTY 0x20

static struct loop *loop;
static struct loop_source *end;

static void ignore_irq(void *context, bool level)
{
}

static void on_end(void *context)
{
	loop_quit(loop, 0);
}

static struct console *make_console(int out)
{
	struct console_config config = { .in = -1, .out = out, .set_irq = ignore_irq };
	struct console *console;
	struct fail why;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(loop_create(&loop), 0);
	ck_assert_int_eq(loop_add_timer(loop, on_end, NULL, &end), 0);
	ck_assert_int_eq(console_create(&config, loop, &console, &why), 0);
	return console;
}

static void run_for(uint64_t duration_ns)
{
	loop_arm(end, duration_ns);
	ck_assert_int_eq(loop_run(loop), 0);
}

static bool can_send(struct console *console)
{
	return serial_ops.read(console_serial(console), LINE_STATUS, 1) & TRANSMITTER_EMPTY;
}

/* As a polling driver does; false: the transmitter stays busy for seconds. */
static bool send_bytes(struct console *console, size_t count, unsigned char byte)
{
	for (size_t i = 0; i < count; i++) {
		for (int tries = 0; !can_send(console); tries++) {
			if (tries == 100)
				return false;
			run_for(30 * NS_PER_MS);
		}
		serial_ops.write(console_serial(console), DATA, byte, 1);
	}
	return true;
}

START_TEST(what_the_guest_writes_arrives)
{
	unsigned char bytes[64];
	struct console *console;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	console = make_console(ends[1]);
	ck_assert(send_bytes(console, 5, 'x'));
	run_for(200 * NS_PER_MS);
	ck_assert_int_eq(read(ends[0], bytes, sizeof(bytes)), 5);
	ck_assert_mem_eq(bytes, "xxxxx", 5);
	console_free(console);
	loop_free(loop);
}
END_TEST

START_TEST(output_that_nobody_reads_any_more_is_dropped)
{
	struct console *console;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	console = make_console(ends[1]);
	close(ends[0]);
	ck_assert(send_bytes(console, 64 << 10, 'x'));
	console_free(console);
	loop_free(loop);
}
END_TEST

START_TEST(a_console_without_output_takes_everything)
{
	struct console *console = make_console(-1);

	ck_assert(send_bytes(console, 64 << 10, 'x'));
	console_free(console);
	loop_free(loop);
}
END_TEST

static int watch(struct console *console)
{
	struct fail why;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(console_attach(console, ends[1], false, &why), 0);
	close(ends[1]);
	return ends[0];
}

/* How many bytes are there; all are `byte`. */
static size_t read_all(int fd, unsigned char byte)
{
	unsigned char bytes[4096];
	size_t length = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			ck_assert_uint_eq(bytes[i], byte);
		length += (size_t)n;
	}
	return length;
}

START_TEST(what_nobody_saw_is_kept)
{
	struct console *console = make_console(-1);
	int fd;

	ck_assert(send_bytes(console, 5000, 'x'));
	run_for(50 * NS_PER_MS);
	fd = watch(console);
	ck_assert_uint_eq(read_all(fd, 'x'), 5000);
	close(fd);
	console_free(console);
	loop_free(loop);
}
END_TEST

START_TEST(what_watchers_type_reaches_the_guest)
{
	struct console *console = make_console(-1);
	int fd = watch(console);

	ck_assert_int_eq(write(fd, "ls", 2), 2);
	run_for(50 * NS_PER_MS);
	ck_assert_uint_eq(serial_ops.read(console_serial(console), DATA, 1), 'l');
	ck_assert_uint_eq(serial_ops.read(console_serial(console), DATA, 1), 's');
	close(fd);
	console_free(console);
	loop_free(loop);
}
END_TEST

static int stuck_pipe(int ends[2])
{
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	while (write(ends[1], "f", 1) > 0)
		;
	return ends[1];
}

START_TEST(an_output_that_is_stuck_holds_the_guest_back)
{
	struct console *console;
	int ends[2];

	console = make_console(stuck_pipe(ends));
	ck_assert(!send_bytes(console, 64 << 10, 'x'));
	console_free(console);
	loop_free(loop);
}
END_TEST

START_TEST(but_not_while_somebody_watches)
{
	struct console *console;
	size_t sent = 0;
	int ends[2], fd;

	console = make_console(stuck_pipe(ends));
	ck_assert(!send_bytes(console, 64 << 10, 'x'));
	while (serial_ops.read(console_serial(console), LINE_STATUS, 1) & TRANSMITTER_EMPTY)
		serial_ops.write(console_serial(console), DATA, 'x', 1);
	fd = watch(console); /* which lets go of what was held back */
	sent = read_all(fd, 'x');
	ck_assert_uint_gt(sent, 0);
	ck_assert(send_bytes(console, 64 << 10, 'x'));
	run_for(50 * NS_PER_MS);
	ck_assert_uint_eq(read_all(fd, 'x'), 64 << 10);
	close(fd);
	console_free(console);
	loop_free(loop);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &what_the_guest_writes_arrives },
	{ "core", &what_nobody_saw_is_kept },
	{ "core", &what_watchers_type_reaches_the_guest },
	{ "faults", &output_that_nobody_reads_any_more_is_dropped },
	{ "limits", &a_console_without_output_takes_everything },
	{ "limits", &an_output_that_is_stuck_holds_the_guest_back },
	{ "limits", &but_not_while_somebody_watches },
};
SUITE_MAIN("console", tests)
