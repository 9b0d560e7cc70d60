/* SPDX-License-Identifier: Apache-2.0 */
/* check_loop.c - every source calls when it is due, and not after it is removed */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

static struct loop *loop;
static int calls;

static void open_loop(void)
{
	calls = 0;
	ck_assert_int_eq(loop_create(&loop), 0);
}

static void on_quit(void *context)
{
	calls++;
	loop_quit(loop, 7);
}

static void on_call(void *context)
{
	calls++;
}

/* Ends the loop after a while in which whatever is due has come. */
static void quit_after(uint64_t ns)
{
	struct loop_source *timer;

	ck_assert_int_eq(loop_add_timer(loop, on_quit, NULL, &timer), 0);
	loop_arm(timer, ns);
}

START_TEST(a_timer_fires_once_for_each_arming)
{
	struct loop_source *timer;

	open_loop();
	ck_assert_int_eq(loop_add_timer(loop, on_call, NULL, &timer), 0);
	loop_arm(timer, NS_PER_MS);
	quit_after(30 * NS_PER_MS);
	ck_assert_int_eq(loop_run(loop), 7);
	ck_assert_int_eq(calls, 2); /* the quit counts as well */
	loop_arm(timer, NS_PER_MS);
	quit_after(30 * NS_PER_MS);
	ck_assert_int_eq(loop_run(loop), 7);
	ck_assert_int_eq(calls, 4);
	loop_free(loop);
}
END_TEST

START_TEST(a_disarmed_timer_stays_silent)
{
	struct loop_source *timer;

	open_loop();
	ck_assert_int_eq(loop_add_timer(loop, on_call, NULL, &timer), 0);
	loop_arm(timer, 5 * NS_PER_MS);
	loop_arm(timer, 0);
	quit_after(30 * NS_PER_MS);
	ck_assert_int_eq(loop_run(loop), 7);
	ck_assert_int_eq(calls, 1);
	loop_free(loop);
}
END_TEST

static void *wake_thread(void *source)
{
	loop_wake(source);
	return NULL;
}

START_TEST(another_thread_can_wake_the_loop)
{
	struct loop_source *wake;
	pthread_t thread;

	open_loop();
	ck_assert_int_eq(loop_add_wake(loop, on_quit, NULL, &wake), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, wake_thread, wake), 0);
	ck_assert_int_eq(loop_run(loop), 7);
	pthread_join(thread, NULL);
	ck_assert_int_eq(calls, 1);
	loop_free(loop);
}
END_TEST

START_TEST(a_wake_before_the_run_is_not_lost)
{
	struct loop_source *wake;

	open_loop();
	ck_assert_int_eq(loop_add_wake(loop, on_quit, NULL, &wake), 0);
	for (int i = 0; i < 1000; i++)
		loop_wake(wake);
	ck_assert_int_eq(loop_run(loop), 7);
	ck_assert_int_eq(calls, 1);
	loop_free(loop);
}
END_TEST

static void on_signal(void *context, int signal)
{
	*(int *)context = signal;
	loop_quit(loop, 0);
}

START_TEST(a_signal_arrives_as_a_call)
{
	struct loop_source *source;
	int seen = 0;

	open_loop();
	ck_assert_int_eq(loop_add_signal(loop, SIGTERM, on_signal, &seen, &source), 0);
	ck_assert_int_eq(kill(getpid(), SIGTERM), 0); /* would end us */
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(seen, SIGTERM);
	loop_free(loop);
}
END_TEST

static void on_readable(void *context, uint32_t events)
{
	char byte;

	ck_assert_uint_ne(events & EPOLLIN, 0);
	ck_assert_int_eq(read(*(int *)context, &byte, 1), 1);
	calls++;
	loop_quit(loop, 0);
}

START_TEST(a_descriptor_calls_while_it_is_ready)
{
	struct loop_source *source;
	int fds[2];

	open_loop();
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(loop_add_fd(loop, fds[0], EPOLLIN, on_readable, &fds[0], &source), 0);
	ck_assert_int_eq(write(fds[1], "ab", 2), 2);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(calls, 2);
	loop_free(loop);
	ck_assert_int_eq(fcntl(fds[0], F_GETFD), FD_CLOEXEC); /* still the caller's */
}
END_TEST

START_TEST(events_can_be_switched_off_and_on)
{
	struct loop_source *source;
	int fds[2];

	open_loop();
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(loop_add_fd(loop, fds[0], EPOLLIN, on_readable, &fds[0], &source), 0);
	ck_assert_int_eq(write(fds[1], "a", 1), 1);
	ck_assert_int_eq(loop_set_events(source, 0), 0);
	quit_after(20 * NS_PER_MS);
	ck_assert_int_eq(loop_run(loop), 7);
	ck_assert_int_eq(calls, 1);
	ck_assert_int_eq(loop_set_events(source, EPOLLIN), 0);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(calls, 2);
	loop_free(loop);
}
END_TEST

struct pair {
	struct loop_source *sources[2];
	bool removed;
};

/* Whichever comes first removes both: itself, and one whose event is at hand. */
static void on_remove_both(void *context)
{
	struct pair *pair = context;

	ck_assert(!pair->removed);
	pair->removed = true;
	loop_remove(pair->sources[0]);
	loop_remove(pair->sources[1]);
	loop_remove(pair->sources[1]); /* twice is once */
	calls++;
}

START_TEST(a_removed_source_does_not_call_even_if_it_was_due)
{
	struct pair pair = { 0 };

	open_loop();
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(loop_add_wake(loop, on_remove_both, &pair, &pair.sources[i]), 0);
		loop_wake(pair.sources[i]);
	}
	quit_after(20 * NS_PER_MS);
	ck_assert_int_eq(loop_run(loop), 7);
	ck_assert_int_eq(calls, 2);
	loop_remove(NULL);
	loop_free(loop);
	loop_free(NULL);
}
END_TEST

START_TEST(many_sources_are_all_served)
{
	enum { MANY = 200 };
	struct loop_source *source;

	open_loop();
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(loop_add_wake(loop, on_call, NULL, &source), 0);
		loop_wake(source);
	}
	quit_after(50 * NS_PER_MS);
	ck_assert_int_eq(loop_run(loop), 7);
	ck_assert_int_eq(calls, MANY + 1);
	loop_free(loop);
}
END_TEST

START_TEST(a_descriptor_that_can_not_be_waited_for_stays_open)
{
	struct loop_source *source;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	open_loop();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(loop_add_fd(loop, fd, EPOLLIN, on_readable, NULL, &source), -EPERM);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	loop_free(loop);
	close(fd);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_timer_fires_once_for_each_arming },
	{ "core", &a_disarmed_timer_stays_silent },
	{ "core", &another_thread_can_wake_the_loop },
	{ "core", &a_wake_before_the_run_is_not_lost },
	{ "core", &a_signal_arrives_as_a_call },
	{ "core", &a_descriptor_calls_while_it_is_ready },
	{ "core", &events_can_be_switched_off_and_on },
	{ "core", &a_removed_source_does_not_call_even_if_it_was_due },
	{ "limits", &many_sources_are_all_served },
	{ "misuse", &a_descriptor_that_can_not_be_waited_for_stays_open },
};

SUITE_MAIN("loop", tests)
