/* SPDX-License-Identifier: Apache-2.0 */
/* check_serial.c - a 16550A as Linux's driver meets it, and as a hostile guest does */
#include "devices/serial.h"

#include "tests/unit/suite.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

#define OUT2 0x08

static struct serial *serial;
static unsigned int edges, output_calls, input_calls;
static bool line;

static void on_irq(void *context, bool level)
{
	edges += level;
	line = level;
}

static void on_output(void *context)
{
	output_calls++;
}

static void on_input(void *context)
{
	input_calls++;
}

static uint8_t get(unsigned int reg)
{
	return (uint8_t)serial_ops.read(serial, reg, 1);
}

static void put(unsigned int reg, uint8_t value)
{
	serial_ops.write(serial, reg, value, 1);
}

static void start_with(bool listens)
{
	struct serial_hooks hooks = { .set_irq = on_irq,
				      .output_ready = listens ? on_output : NULL,
				      .input_ready = on_input };

	edges = output_calls = input_calls = 0;
	line = false;
	ck_assert_int_eq(serial_create(&hooks, &serial), 0);
}

static void start(void)
{
	start_with(true);
}

START_TEST(a_driver_finds_a_16550a)
{
	start();
	put(IER, 0xff);
	ck_assert_uint_eq(get(IER), 0x0f);
	put(IER, 0);
	put(MCR, 0x1a); /* loop, with RTS and OUT2 */
	ck_assert_uint_eq(get(MSR) & 0xf0, 0x90);
	put(MCR, 0);
	put(2, 0x01);
	ck_assert_uint_eq(get(IIR) >> 6, 3);
	put(SCR, 0x5a);
	ck_assert_uint_eq(get(SCR), 0x5a);
	put(LCR, 0x80);
	put(DATA, 0x34);
	put(IER, 0x12);
	ck_assert_uint_eq(get(DATA), 0x34);
	ck_assert_uint_eq(get(IER), 0x12);
	put(LCR, 0x03);
	ck_assert_uint_eq(get(IER), 0);
	serial_free(serial);
}
END_TEST

START_TEST(output_comes_out_in_order)
{
	char text[8] = "";

	start();
	put(DATA, 'a');
	put(DATA, 'b');
	put(DATA, 'c');
	ck_assert_uint_eq(output_calls, 1); /* once, until it was taken */
	ck_assert_uint_eq(serial_take_output(serial, text, 2), 2);
	ck_assert_uint_eq(serial_take_output(serial, text + 2, 6), 1);
	ck_assert_str_eq(text, "abc");
	put(DATA, 'd');
	ck_assert_uint_eq(output_calls, 2);
	serial_free(serial);
}
END_TEST

START_TEST(input_interrupts_until_it_is_read)
{
	start();
	put(MCR, OUT2);
	put(IER, 0x01);
	ck_assert_uint_eq(serial_put_input(serial, "xy", 2), 2);
	ck_assert(line);
	ck_assert_uint_eq(get(IIR) & 0x0f, 0x04);
	ck_assert_uint_eq(get(LSR) & 1, 1);
	ck_assert_uint_eq(get(DATA), 'x');
	ck_assert(line);
	ck_assert_uint_eq(get(DATA), 'y');
	ck_assert(!line);
	ck_assert_uint_eq(get(DATA), 0);
	ck_assert_uint_eq(get(IIR) & 0x0f, 0x01);
	serial_free(serial);
}
END_TEST

START_TEST(an_empty_transmitter_interrupts_once_per_reason)
{
	start();
	put(MCR, OUT2);
	put(IER, 0x02);
	ck_assert(line);
	ck_assert_uint_eq(get(IIR) & 0x0f, 0x02); /* reading it is the answer */
	ck_assert(!line);
	for (int i = 0; i < 16; i++)
		put(DATA, 'z');
	ck_assert(line);
	ck_assert_uint_eq(edges, 2); /* one more edge for all sixteen */
	put(IER, 0);
	ck_assert(!line);
	serial_free(serial);
}
END_TEST

START_TEST(without_out2_no_interrupt_leaves)
{
	start();
	put(IER, 0x03);
	serial_put_input(serial, "x", 1);
	ck_assert_uint_eq(edges, 0);
	put(MCR, OUT2);
	ck_assert(line);
	serial_free(serial);
}
END_TEST

START_TEST(a_full_output_queue_shows_as_a_busy_transmitter)
{
	unsigned char bytes[4096];
	unsigned int sent = 0;

	start();
	put(MCR, OUT2);
	while (get(LSR) & 0x20) {
		put(DATA, (uint8_t)sent);
		ck_assert_uint_lt(++sent, 1000000);
	}
	put(IER, 0x02);
	ck_assert(!line);
	for (int i = 0; i < 100; i++) /* a guest that does not wait */
		put(DATA, 'x');
	ck_assert_uint_ge(serial_dropped_bytes(serial), 80);
	ck_assert_uint_eq(serial_take_output(serial, bytes, sizeof(bytes)), sizeof(bytes));
	ck_assert_uint_eq(bytes[300], 300 % 256);
	ck_assert(line);
	ck_assert_uint_eq(get(LSR) & 0x60, 0x60);
	serial_free(serial);
}
END_TEST

START_TEST(input_beyond_the_queue_waits_outside)
{
	unsigned char bytes[1000] = { 0 };
	size_t room;

	start();
	room = serial_input_room(serial);
	ck_assert_uint_eq(serial_put_input(serial, bytes, sizeof(bytes)), room);
	ck_assert_uint_eq(serial_input_room(serial), 0);
	ck_assert_uint_eq(input_calls, 0);
	get(DATA);
	ck_assert_uint_eq(input_calls, 1);
	ck_assert_uint_eq(serial_input_room(serial), 1);
	put(2, 0x03); /* FIFO control: clear what was received */
	ck_assert_uint_eq(serial_input_room(serial), room);
	serial_free(serial);
}
END_TEST

START_TEST(what_nobody_reads_is_dropped_at_once)
{
	start_with(false);
	for (int i = 0; i < 100000; i++) {
		put(DATA, 'x');
		ck_assert_uint_eq(get(LSR) & 0x60, 0x60);
	}
	serial_free(serial);
}
END_TEST

START_TEST(loop_back_is_bounded)
{
	start();
	put(MCR, 0x10);
	for (int i = 0; i < 100000; i++)
		put(DATA, 'x');
	ck_assert_uint_eq(output_calls, 0);
	ck_assert_uint_eq(get(DATA), 'x');
	ck_assert_uint_eq(edges, 0);
	serial_free(serial);
}
END_TEST

START_TEST(any_register_takes_any_value)
{
	unsigned int seed = 1;

	start();
	for (int i = 0; i < 200000; i++) {
		seed = seed * 1103515245 + 12345;
		if (seed >> 30 & 1)
			put(seed >> 16 & 0xff, (uint8_t)(seed >> 24));
		else
			get(seed >> 16 & 0xff);
	}
	serial_free(serial);
	serial_free(NULL);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_driver_finds_a_16550a },
	{ "core", &output_comes_out_in_order },
	{ "core", &input_interrupts_until_it_is_read },
	{ "core", &an_empty_transmitter_interrupts_once_per_reason },
	{ "core", &without_out2_no_interrupt_leaves },
	{ "limits", &a_full_output_queue_shows_as_a_busy_transmitter },
	{ "limits", &input_beyond_the_queue_waits_outside },
	{ "limits", &what_nobody_reads_is_dropped_at_once },
	{ "misuse", &loop_back_is_bounded },
	{ "misuse", &any_register_takes_any_value },
};
SUITE_MAIN("serial", tests)
