/* SPDX-License-Identifier: Apache-2.0 */
/* check_guest.c - how much of the broker each may use up, with allowances that the test sets */
#include "tests/unit/suite.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "broker/guest.h"

#define FRAMES	  100u
#define RAM_PAGES 10u
#define MOMENT	  (NS_PER_SEC / 20) /* in which nothing should happen */
#define PATIENCE  (20 * NS_PER_SEC)
#define LONG_AGO  (-1000000 * (int64_t)NS_PER_SEC)

static struct broker broker;
static struct loop_source *clock_tick;
static int awaited = -1; /* a connection */
static uint64_t wait_end_ns;
static unsigned int tick_count;

/* What is done at each tick: nothing, or more. */
static void (*on_each_tick)(void);

static bool has_input(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0; /* an end is one, too */
}

static void on_tick(void *context)
{
	tick_count++;
	if (on_each_tick)
		on_each_tick();
	if (has_input(awaited) || now_ns() > wait_end_ns)
		loop_quit(broker.loop, 0);
	else
		loop_arm(clock_tick, 2 * NS_PER_MS);
}

/* Whether the broker says something to this connection, or ends it. */
static bool answers_within(int fd, uint64_t ns)
{
	awaited = fd;
	wait_end_ns = now_ns() + ns;
	loop_arm(clock_tick, 1);
	ck_assert_int_eq(loop_run(broker.loop), 0);
	return has_input(fd);
}

static void on_linger(void *context)
{
}

static void on_relief(void *context)
{
	broker_guests_relieve(context);
}

static void setup(void)
{
	struct loop *loop;

	log_set_level(LOG_LEVEL_ERROR); /* they make it talk */
	broker = (struct broker){ .domain = "lab", .store.frames = FRAMES };
	broker_guests_init(&broker);
	ck_assert_int_eq(loop_create(&loop), 0);
	broker.loop = loop;
	broker.store.fd = -1;
	broker.store.read_only_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(catalog_create(FRAMES, &broker.secret, &broker_catalog_ops, &broker,
					&broker.catalog),
			 0);
	ck_assert_int_eq(loop_add_timer(loop, on_linger, NULL, &broker.linger), 0);
	ck_assert_int_eq(loop_add_timer(loop, on_relief, &broker, &broker.relief), 0);
	ck_assert_int_eq(loop_add_timer(loop, on_tick, NULL, &clock_tick), 0);
	on_each_tick = NULL;
}

static void teardown(void)
{
	broker_guests_free(&broker);
	loop_free(broker.loop);
	catalog_free(broker.catalog);
	close(broker.store.read_only_fd);
}

/* Returns the other end. */
static int connect_as(pid_t pid)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	broker_connect(&broker, fds[0], pid);
	return fds[1];
}

static void say_hello(int fd)
{
	struct broker_hello hello = { .name = "a", .pages = RAM_PAGES };
	uint8_t bytes[128];
	int length = broker_put_hello(bytes, sizeof(bytes), &hello);

	ck_assert_int_eq(send(fd, bytes, (size_t)length, 0), length);
}

/* What the broker has said so far; 0: it has hung up. */
static ssize_t drain(int fd)
{
	static uint8_t bytes[1 << 16];

	return recv(fd, bytes, sizeof(bytes), 0);
}

static int join_as(pid_t pid)
{
	int fd = connect_as(pid);

	say_hello(fd);
	ck_assert(answers_within(fd, PATIENCE));
	ck_assert_int_gt(drain(fd), 0);
	return fd;
}

static void ask_report(int fd)
{
	uint8_t bytes[WIRE_HEADER_SIZE];
	struct wire_writer writer;

	wire_start(&writer, bytes, sizeof(bytes));
	ck_assert_int_eq(wire_finish(&writer, BROKER_REPORT_REQUEST), sizeof(bytes));
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
}

static void probe(int fd)
{
	struct catalog_item item = { 1, 0, { 1, 1 } };
	uint8_t bytes[128];
	int length = broker_put_probe(bytes, sizeof(bytes), &item, 1);

	ck_assert_int_eq(send(fd, bytes, (size_t)length, 0), length);
}

static struct process *known_process(void)
{
	ck_assert_ptr_nonnull(broker.processes);
	ck_assert_int_eq(broker.processes->pid, getpid());
	ck_assert_ptr_null(broker.processes->next);
	return broker.processes;
}

static void allowance_set(struct allowance *allowance, int64_t left_ns)
{
	allowance->left_ns = left_ns;
	allowance->filled_ns = now_ns();
}

static void connect_and_leave(void)
{
	int fd = connect_as(getppid());

	ask_report(fd);
	close(fd);
}

START_TEST(strangers_who_come_all_the_time_do_not_keep_a_guest_waiting)
{
	int fd = join_as(getpid());

	allowance_set(&broker.strangers, LONG_AGO);
	allowance_set(&known_process()->time, 0);
	probe(fd); /* is answered, and costs what is not there */
	ck_assert(answers_within(fd, PATIENCE));
	ck_assert_int_gt(drain(fd), 0);
	on_each_tick = connect_and_leave;
	tick_count = 0;
	probe(fd);
	ck_assert(answers_within(fd, PATIENCE));
	ck_assert_uint_lt(tick_count, 100); /* not only once they were late */
	close(fd);
}
END_TEST

START_TEST(a_new_connection_does_not_come_with_time_of_its_own)
{
	int fds[10];

	allowance_set(&broker.strangers, LONG_AGO);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = connect_as(getppid());
		ask_report(fds[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		ck_assert(!answers_within(fds[i], MOMENT));
	allowance_set(&broker.strangers, NS_PER_SEC);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		ck_assert(answers_within(fds[i], PATIENCE));
		ck_assert_int_gt(drain(fds[i]), 0);
		close(fds[i]);
	}
}
END_TEST

START_TEST(a_process_that_comes_back_has_used_up_what_it_had)
{
	int fd = join_as(getpid()), again;

	allowance_set(&known_process()->time, LONG_AGO);
	close(fd);
	again = connect_as(getpid());
	say_hello(again);
	ck_assert(!answers_within(again, MOMENT));
	broker_guests_tidy(&broker);
	close(again);
	again = connect_as(getpid());
	say_hello(again);
	ck_assert(!answers_within(again, MOMENT));
	/* and nobody else waits for that */
	fd = connect_as(getppid());
	ask_report(fd);
	ck_assert(answers_within(fd, PATIENCE));
	allowance_set(&known_process()->time, NS_PER_SEC);
	ck_assert(answers_within(again, PATIENCE));
	ck_assert_int_gt(drain(again), 0);
	close(again);
	close(fd);
}
END_TEST

/* The loop has nothing to do for it but to forget its claims. */
START_TEST(to_be_forgotten_is_at_ones_own_expense)
{
	int fd = join_as(getpid());
	int64_t left_ns;

	probe(fd);
	ck_assert(answers_within(fd, PATIENCE));
	ck_assert_int_gt(drain(fd), 0);
	allowance_set(&known_process()->time, NS_PER_SEC);
	left_ns = known_process()->time.left_ns;
	known_process()->time.rate.percent = 0; /* nothing comes back meanwhile */
	close(fd);
	fd = connect_as(getppid());
	ask_report(fd); /* the end is noticed before this, which came later */
	ck_assert(answers_within(fd, PATIENCE));
	ck_assert_uint_eq(broker.guest_count, 0);
	ck_assert_int_lt(known_process()->time.left_ns, left_ns - 1000);
	close(fd);
}
END_TEST

/* What is not read is moved each time that a bit of it is: no message is served for that. */
START_TEST(to_be_written_to_is_at_ones_own_expense)
{
	int fd = join_as(getpid()), silent = connect_as(getppid());
	int64_t left_ns;

	for (int i = 0; i < 40; i++) {
		for (int j = 0; j < 100; j++)
			ask_report(fd);
		ck_assert(!answers_within(silent, NS_PER_SEC / 100));
	}
	allowance_set(&known_process()->time, NS_PER_SEC);
	left_ns = known_process()->time.left_ns;
	known_process()->time.rate.percent = 0;
	for (int i = 0; i < 10; i++) {
		ck_assert_int_gt(drain(fd), 0);
		ck_assert(!answers_within(silent, NS_PER_SEC / 100));
	}
	ck_assert_int_lt(known_process()->time.left_ns, left_ns - 1000);
	close(fd);
	close(silent);
}
END_TEST

START_TEST(a_liar_that_comes_back_is_still_one)
{
	struct catalog_item item = { 1, 0, { 1, 1 } };
	static uint8_t bytes[128 + PAGE_BYTES];
	int fd = join_as(getpid()), length;

	known_process()->trust = 1;
	length = broker_put_publish(bytes, sizeof(bytes), &item, 1);
	length += (int)PAGE_BYTES;
	ck_assert_int_eq(send(fd, bytes, (size_t)length, 0), length);
	ck_assert(answers_within(fd, PATIENCE));
	ck_assert_int_le(drain(fd), 0);
	close(fd);
	broker_guests_tidy(&broker);
	fd = connect_as(getpid());
	say_hello(fd);
	ck_assert(answers_within(fd, PATIENCE));
	ck_assert_int_le(drain(fd), 0);
	close(fd);
}
END_TEST

START_TEST(who_has_used_up_nothing_is_forgotten)
{
	int fd = join_as(getpid());

	broker_guests_tidy(&broker);
	allowance_set(&known_process()->time, 1000 * NS_PER_SEC);
	broker_guests_tidy(&broker);
	known_process(); /* it is connected */
	close(fd);
	fd = connect_as(getppid());
	ask_report(fd); /* the end is noticed before this, which came later */
	ck_assert(answers_within(fd, PATIENCE));
	broker_guests_tidy(&broker);
	ck_assert_ptr_null(broker.processes);
	close(fd);
}
END_TEST

static const struct suite_test tests[] = {
	{ "limits", &a_new_connection_does_not_come_with_time_of_its_own },
	{ "limits", &a_process_that_comes_back_has_used_up_what_it_had },
	{ "limits", &to_be_forgotten_is_at_ones_own_expense },
	{ "limits", &to_be_written_to_is_at_ones_own_expense },
	{ "limits", &a_liar_that_comes_back_is_still_one },
	{ "limits", &who_has_used_up_nothing_is_forgotten },
	{ "limits", &strangers_who_come_all_the_time_do_not_keep_a_guest_waiting },
};

SUITE_MAIN_AROUND("guest", tests, setup, teardown)
