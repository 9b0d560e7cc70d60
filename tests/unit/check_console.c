/* SPDX-License-Identifier: Apache-2.0 */
/* check_console.c - the console carries what the guest writes, and never stops it */
#include "devices/console.h"

#include "tests/unit/suite.h"

#include <fcntl.h>
#include <signal.h>
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

static const struct suite_test tests[] = {
	{ "core", &what_the_guest_writes_arrives },
	{ "faults", &output_that_nobody_reads_any_more_is_dropped },
	{ "limits", &a_console_without_output_takes_everything },
};
SUITE_MAIN("console", tests)
