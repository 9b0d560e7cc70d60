/* SPDX-License-Identifier: Apache-2.0 */
/* check_virtio_console.c - ports are told of, bytes arrive, and nobody keeps what waits */
#include "devices/virtio_console.h"

#include "tests/unit/driver.h"
#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"

#include <linux/virtio_console.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/sock.h"
#include "devices/agent.h"
#include "devices/hvc.h"

enum { CONSOLE_IN, CONSOLE_OUT, MESSAGES_IN, MESSAGES_OUT, AGENT_IN, AGENT_OUT };

#define BUFFER_BYTES 64
#define BUFFERS	     32
#define NO_MULTIPORT (DRIVER_EVERYTHING & ~VIRTIO_FEATURE(VIRTIO_CONSOLE_F_MULTIPORT))
#define WITH_CONSOLE 1
#define WITH_AGENT   2
#define WITH_BOTH    3

static struct driver driver;
static struct virtio_console *console;
static struct hvc *hvc;
static struct agent *agent;
static char agent_path[128];
static uint64_t message_gpa; /* of BUFFERS buffers */

static void device_create(void)
{
	struct virtio_console_setup setup = {
		.name = "console",
		.gmem = driver.gmem,
		.loop = driver.loop,
		.console = hvc ? hvc_end(hvc) : NULL,
		.agent = agent ? agent_end(agent) : NULL,
	};
	struct fail why;

	ck_assert_int_eq(virtio_console_create(&setup, &console, &why), 0);
	driver_attach(&driver, virtio_console_virtio(console));
}

static void offer_message_buffers(void)
{
	message_gpa = driver_alloc(&driver, BUFFERS * BUFFER_BYTES, 64);
	for (unsigned int i = 0; i < BUFFERS; i++) {
		const struct driver_part part = { message_gpa + i * BUFFER_BYTES, BUFFER_BYTES,
						  true };

		ck_assert_uint_lt(driver_add(&driver, MESSAGES_IN, &part, 1), BUFFERS);
	}
	driver_kick(&driver, MESSAGES_IN);
}

/* Returns the address of zeroed memory of the guest. */
static uint64_t start(unsigned int with, uint64_t features, uint64_t bytes)
{
	struct fail why;

	signal(SIGPIPE, SIG_IGN);
	scratch_make();
	snprintf(agent_path, sizeof(agent_path), "%s/agent", scratch_path);
	driver_open(&driver);
	hvc = NULL;
	agent = NULL;
	if (with & WITH_CONSOLE)
		ck_assert_int_eq(hvc_create(driver.loop, &hvc, &why), 0);
	if (with & WITH_AGENT)
		ck_assert_int_eq(agent_create(agent_path, driver.loop, &agent, &why), 0);
	device_create();
	driver_start(&driver, features);
	return driver_alloc(&driver, bytes, GMEM_PAGE_SIZE);
}

static void stop(void)
{
	virtio_console_free(console);
	hvc_free(hvc);
	agent_free(agent);
	driver_close(&driver);
	scratch_remove();
}

static void add(unsigned int queue, uint64_t gpa, uint64_t length, bool is_writable)
{
	const struct driver_part part = { gpa, (uint32_t)length, is_writable };

	driver_add(&driver, queue, &part, 1);
	driver_kick(&driver, queue);
}

static void say(unsigned int id, unsigned int event, unsigned int value)
{
	struct virtio_console_control message = { id, (uint16_t)event, (uint16_t)value };
	uint64_t gpa = driver_alloc(&driver, sizeof(message), 8);

	ck_assert_int_eq(gmem_write(driver.gmem, gpa, &message, sizeof(message)), 0);
	add(MESSAGES_OUT, gpa, sizeof(message), false);
	driver_wait(&driver, MESSAGES_OUT);
}

static void hear(unsigned int id, unsigned int event, unsigned int value, const char *name)
{
	struct driver_used used = driver_wait(&driver, MESSAGES_IN);
	const unsigned char *bytes =
		driver_at(&driver, message_gpa + used.head * BUFFER_BYTES, BUFFER_BYTES);
	struct virtio_console_control message;

	memcpy(&message, bytes, sizeof(message));
	ck_assert_uint_eq(message.id, id);
	ck_assert_uint_eq(message.event, event);
	ck_assert_uint_eq(message.value, value);
	ck_assert_uint_eq(used.written, sizeof(message) + strlen(name));
	ck_assert_mem_eq(bytes + sizeof(message), name, strlen(name));
}

static void hear_nothing(void)
{
	struct driver_used used;

	driver_settle(&driver);
	ck_assert(!driver_poll(&driver, MESSAGES_IN, &used));
}

/* The agent's port, opened by the guest. */
static uint64_t start_agent(uint64_t bytes)
{
	uint64_t gpa = start(WITH_AGENT, DRIVER_EVERYTHING, bytes);

	offer_message_buffers();
	say(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	hear(1, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(1, VIRTIO_CONSOLE_PORT_NAME, 1, AGENT_PORT_NAME);
	say(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	return gpa;
}

static int client(void)
{
	int fd;

	ck_assert_int_eq(sock_connect(agent_path, true, &fd), 0);
	return fd;
}

static void expect_bytes(uint64_t gpa, const char *text)
{
	ck_assert_mem_eq(driver_at(&driver, gpa, strlen(text)), text, strlen(text));
}

static bool can_read(struct driver *unused, const void *context)
{
	char byte;

	return recv(*(const int *)context, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static void expect_read(int fd, const char *text)
{
	char bytes[256] = "";

	driver_run_until(&driver, can_read, &fd);
	ck_assert_int_eq(read(fd, bytes, sizeof(bytes) - 1), (int)strlen(text));
	ck_assert_str_eq(bytes, text);
}

/* ------------------------------------------------------------------------ core */

START_TEST(ports_are_told_of_in_order)
{
	start(WITH_BOTH, DRIVER_EVERYTHING, 0);
	offer_message_buffers();
	say(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	hear(0, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	hear(1, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	say(0, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(0, VIRTIO_CONSOLE_CONSOLE_PORT, 1, "");
	hear(0, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(1, VIRTIO_CONSOLE_PORT_NAME, 1, "org.qemu.guest_agent.0");
	hear_nothing();
	stop();
}
END_TEST

START_TEST(the_second_console_is_watched_and_typed_at)
{
	uint64_t gpa = start(WITH_CONSOLE, DRIVER_EVERYTHING, 4096);
	struct fail why;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(gmem_write(driver.gmem, gpa, "login: ", 7), 0);
	add(CONSOLE_OUT, gpa, 7, false);
	driver_wait(&driver, CONSOLE_OUT);
	ck_assert_int_eq(hvc_attach(hvc, ends[1], false, &why), 0);
	expect_read(ends[0], "login: ");
	/* what is typed waits until the guest has opened the port, and has a buffer */
	ck_assert_int_eq(write(ends[0], "root\r", 5), 5);
	add(CONSOLE_IN, gpa + 100, 100, true);
	driver_settle(&driver);
	expect_bytes(gpa + 100, "\0");
	offer_message_buffers();
	say(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	say(0, VIRTIO_CONSOLE_PORT_READY, 1);
	say(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	ck_assert_uint_eq(driver_wait(&driver, CONSOLE_IN).written, 5);
	expect_bytes(gpa + 100, "root\r");
	close(ends[0]);
	close(ends[1]);
	stop();
}
END_TEST

START_TEST(a_driver_of_one_port_has_the_console)
{
	uint64_t gpa = start(WITH_BOTH, NO_MULTIPORT, 4096);
	struct fail why;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(hvc_attach(hvc, ends[1], false, &why), 0);
	ck_assert_int_eq(write(ends[0], "x", 1), 1);
	add(CONSOLE_IN, gpa, 1, true);
	ck_assert_uint_eq(driver_wait(&driver, CONSOLE_IN).written, 1);
	add(CONSOLE_OUT, gpa, 1, false);
	driver_wait(&driver, CONSOLE_OUT);
	expect_read(ends[0], "x");
	close(ends[0]);
	close(ends[1]);
	stop();
}
END_TEST

START_TEST(a_client_talks_with_the_agent)
{
	uint64_t gpa = start_agent(4096);
	int fd = client();

	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	ck_assert_int_eq(write(fd, "ping", 4), 4);
	add(AGENT_IN, gpa, 100, true);
	ck_assert_uint_eq(driver_wait(&driver, AGENT_IN).written, 4);
	expect_bytes(gpa, "ping");
	ck_assert_int_eq(gmem_write(driver.gmem, gpa, "pong", 4), 0);
	add(AGENT_OUT, gpa, 4, false);
	driver_wait(&driver, AGENT_OUT);
	expect_read(fd, "pong");
	close(fd);
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	stop();
}
END_TEST

START_TEST(a_client_may_close_one_direction_first)
{
	uint64_t gpa = start_agent(4096);
	int fd = client();

	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	ck_assert_int_eq(write(fd, "ping", 4), 4);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	add(AGENT_IN, gpa, 100, true);
	driver_wait(&driver, AGENT_IN);
	add(AGENT_IN, gpa, 100, true);
	hear_nothing();
	add(AGENT_OUT, gpa, 4, false);
	driver_wait(&driver, AGENT_OUT);
	expect_read(fd, "ping");
	close(fd);
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	stop();
}
END_TEST

START_TEST(clients_take_turns)
{
	uint64_t gpa = start_agent(4096);
	int first = client(), second = client();

	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	ck_assert_int_eq(write(second, "two", 3), 3);
	ck_assert_int_eq(write(first, "one", 3), 3);
	add(AGENT_IN, gpa, 100, true);
	ck_assert_uint_eq(driver_wait(&driver, AGENT_IN).written, 3);
	expect_bytes(gpa, "one");
	add(AGENT_IN, gpa, 100, true);
	hear_nothing();
	close(first);
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	driver_wait(&driver, AGENT_IN);
	expect_bytes(gpa, "two");
	close(second);
	stop();
}
END_TEST

/* ---------------------------------------------------------------------- limits */

START_TEST(what_a_client_sent_before_it_left_is_heard)
{
	uint64_t gpa = start_agent(4096);
	int fd = client();

	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	ck_assert_int_eq(write(fd, "last", 4), 4);
	close(fd);
	hear_nothing();
	add(AGENT_IN, gpa, 100, true);
	ck_assert_uint_eq(driver_wait(&driver, AGENT_IN).written, 4);
	expect_bytes(gpa, "last");
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	stop();
}
END_TEST

START_TEST(orders_are_not_kept_for_who_listens_later)
{
	uint64_t gpa = start_agent(4096);
	struct driver_used used;
	int fd;

	say(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	fd = client();
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	ck_assert_int_eq(write(fd, "reboot", 6), 6);
	close(fd);
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	say(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	add(AGENT_IN, gpa, 100, true);
	driver_settle(&driver);
	ck_assert(!driver_poll(&driver, AGENT_IN, &used));
	stop();
}
END_TEST

START_TEST(a_client_that_does_not_read_holds_the_guest_up)
{
	const unsigned int count = 100;
	const uint32_t length = 20000;
	uint64_t gpa = start_agent(length * 100);
	unsigned int returned = 0;
	struct driver_used used;
	int fd = client();
	uint64_t at = 0;

	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	for (uint32_t i = 0; i < length * count; i += 4)
		memcpy(driver_at(&driver, gpa + i, 4), &i, 4);
	for (unsigned int i = 0; i < 64; i++)
		add(AGENT_OUT, gpa + i * length, length, false);
	driver_settle(&driver);
	while (driver_poll(&driver, AGENT_OUT, &used))
		returned++;
	ck_assert_uint_lt(returned, 40); /* what a socket takes */
	while (at < 64 * length) {
		static unsigned char bytes[65536];
		ssize_t n;

		driver_run_until(&driver, can_read, &fd);
		n = read(fd, bytes, sizeof(bytes));
		ck_assert_int_gt(n, 0);
		ck_assert_mem_eq(bytes, driver_at(&driver, gpa + at, (size_t)n), (size_t)n);
		at += (uint64_t)n;
	}
	for (; returned < 64; returned++)
		driver_wait(&driver, AGENT_OUT);
	close(fd);
	stop();
}
END_TEST

START_TEST(what_nobody_hears_is_returned_at_once)
{
	const uint32_t length = 32u << 20;
	uint64_t gpa = start_agent(length);
	struct driver_part parts[100];

	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i] = (struct driver_part){ .gpa = gpa, .length = length };
	driver_add_indirect(&driver, AGENT_OUT, parts, ARRAY_SIZE(parts));
	driver_kick(&driver, AGENT_OUT);
	driver_wait(&driver, AGENT_OUT);
	stop();
}
END_TEST

START_TEST(a_flood_goes_out_in_turns)
{
	const uint32_t length = 1u << 20;
	uint64_t gpa = start(WITH_CONSOLE, DRIVER_EVERYTHING, length);
	struct driver_part parts[20];

	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i] = (struct driver_part){ .gpa = gpa, .length = length };
	for (unsigned int i = 0; i < 10; i++)
		driver_add_indirect(&driver, CONSOLE_OUT, parts, ARRAY_SIZE(parts));
	driver_kick(&driver, CONSOLE_OUT);
	for (unsigned int i = 0; i < 10; i++)
		driver_wait(&driver, CONSOLE_OUT);
	stop();
}
END_TEST

START_TEST(a_flood_of_questions_is_answered_when_there_is_room)
{
	start(WITH_BOTH, DRIVER_EVERYTHING, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		say(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
		say(i % 2, VIRTIO_CONSOLE_PORT_READY, 1);
	}
	offer_message_buffers();
	hear(0, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	hear(0, VIRTIO_CONSOLE_CONSOLE_PORT, 1, "");
	hear(0, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	hear(1, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	hear(1, VIRTIO_CONSOLE_PORT_NAME, 1, AGENT_PORT_NAME);
	hear_nothing();
	stop();
}
END_TEST

/* ---------------------------------------------------------------------- misuse */

static void expect_refusal(unsigned int queue, uint64_t length, bool is_writable)
{
	uint64_t gpa = start_agent(4096);
	int fd = client();

	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	ck_assert_int_eq(write(fd, "x", 1), 1);
	add(queue, gpa, length, is_writable);
	driver_wait_refusal(&driver);
	close(fd);
	stop();
}

START_TEST(buffers_of_the_wrong_direction_are_refused)
{
	expect_refusal(AGENT_IN, 100, false);
	expect_refusal(AGENT_OUT, 100, true);
	expect_refusal(MESSAGES_OUT, 8, true);
}
END_TEST

START_TEST(a_message_that_is_too_short_is_refused)
{
	expect_refusal(MESSAGES_OUT, 7, false);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_for_a_message_is_refused)
{
	uint64_t gpa = start(WITH_AGENT, DRIVER_EVERYTHING, 4096);

	add(MESSAGES_IN, gpa, 7, true);
	say(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	driver_wait_refusal(&driver);
	stop();
}
END_TEST

START_TEST(messages_about_other_ports_are_refused)
{
	static const unsigned int wrong[] = { 0, 2, 3, 0x7fffffff, 0xfffffffe };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		start_agent(0);
		say(wrong[i], VIRTIO_CONSOLE_PORT_READY, 1);
		driver_wait_refusal(&driver);
		stop();
	}
}
END_TEST

START_TEST(a_port_that_was_not_told_of_is_refused)
{
	start(WITH_BOTH, DRIVER_EVERYTHING, 0);
	say(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	driver_wait_refusal(&driver);
	stop();
}
END_TEST

START_TEST(messages_of_other_kinds_are_passed_over)
{
	start_agent(0);
	for (unsigned int event = 7; event < 100; event++)
		say(1, event, 1);
	hear_nothing();
	ck_assert_uint_eq(driver.config_notifications, 0);
	stop();
}
END_TEST

START_TEST(a_reset_drops_what_waits_and_keeps_the_client)
{
	uint64_t gpa = start_agent(1 << 20);
	int fd = client();

	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	add(AGENT_OUT, gpa, 1 << 20, false);
	driver_settle(&driver);
	driver_reset(&driver);
	driver_start(&driver, DRIVER_EVERYTHING);
	offer_message_buffers();
	say(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	hear(1, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(1, VIRTIO_CONSOLE_PORT_NAME, 1, AGENT_PORT_NAME);
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	close(fd);
	stop();
}
END_TEST

START_TEST(ends_outlive_the_device)
{
	int fd;

	start(WITH_BOTH, DRIVER_EVERYTHING, 0);
	virtio_console_free(console);
	fd = client();
	driver_settle(&driver);
	device_create();
	driver_start(&driver, DRIVER_EVERYTHING);
	offer_message_buffers();
	say(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(0, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	hear(1, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	hear(1, VIRTIO_CONSOLE_PORT_NAME, 1, AGENT_PORT_NAME);
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	close(fd);
	stop();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &ports_are_told_of_in_order },
	{ "core", &the_second_console_is_watched_and_typed_at },
	{ "core", &a_driver_of_one_port_has_the_console },
	{ "core", &a_client_talks_with_the_agent },
	{ "core", &a_client_may_close_one_direction_first },
	{ "core", &clients_take_turns },
	{ "core", &ends_outlive_the_device },
	{ "limits", &what_a_client_sent_before_it_left_is_heard },
	{ "limits", &orders_are_not_kept_for_who_listens_later },
	{ "limits", &a_client_that_does_not_read_holds_the_guest_up },
	{ "limits", &what_nobody_hears_is_returned_at_once },
	{ "limits", &a_flood_goes_out_in_turns },
	{ "limits", &a_flood_of_questions_is_answered_when_there_is_room },
	{ "misuse", &buffers_of_the_wrong_direction_are_refused },
	{ "misuse", &a_message_that_is_too_short_is_refused },
	{ "misuse", &a_buffer_that_is_too_small_for_a_message_is_refused },
	{ "misuse", &messages_about_other_ports_are_refused },
	{ "misuse", &a_port_that_was_not_told_of_is_refused },
	{ "misuse", &messages_of_other_kinds_are_passed_over },
	{ "misuse", &a_reset_drops_what_waits_and_keeps_the_client },
};
SUITE_MAIN("virtio_console", tests)
