/* SPDX-License-Identifier: Apache-2.0 */
/* check_thread.c - a thread hears of crashes, of the signal it wants, and of no other */
#include "tests/unit/suite.h"

#include <signal.h>
#include <stdbool.h>

#include "base/thread.h"

static pthread_t thread;

struct born {
	sigset_t blocked;
	pthread_t self;
};

static void *look(void *context)
{
	struct born *born = context;

	pthread_sigmask(SIG_BLOCK, NULL, &born->blocked);
	born->self = pthread_self();
	return born;
}

/* What a thread is born with. */
static struct born born_with(int open_signal)
{
	struct born born;
	void *back;

	ck_assert_int_eq(thread_start(&thread, "looks", open_signal, look, &born), 0);
	ck_assert_int_eq(pthread_join(thread, &back), 0);
	ck_assert_ptr_eq(back, &born);
	ck_assert(pthread_equal(thread, born.self));
	return born;
}

START_TEST(a_thread_leaves_signals_to_others_but_those_of_a_crash)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct born born = born_with(0);

	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
		ck_assert(!sigismember(&born.blocked, crashes[i]));
	ck_assert(sigismember(&born.blocked, SIGTERM));
	ck_assert(sigismember(&born.blocked, SIGINT));
	ck_assert(sigismember(&born.blocked, SIGCHLD));
	ck_assert(sigismember(&born.blocked, SIGUSR1));
}
END_TEST

START_TEST(one_more_signal_can_be_left_open)
{
	struct born born = born_with(SIGUSR1);

	ck_assert(!sigismember(&born.blocked, SIGUSR1));
	ck_assert(sigismember(&born.blocked, SIGUSR2));
	ck_assert(sigismember(&born.blocked, SIGTERM));
}
END_TEST

START_TEST(who_starts_a_thread_keeps_its_own_mask)
{
	sigset_t mine, now;

	sigemptyset(&mine);
	sigaddset(&mine, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &mine, NULL);
	born_with(0);
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	ck_assert(sigismember(&now, SIGUSR2));
	ck_assert(!sigismember(&now, SIGTERM));
	ck_assert(!sigismember(&now, SIGINT));
}
END_TEST

static void *wait_for_end(void *context)
{
	pthread_mutex_lock(context);
	pthread_mutex_unlock(context);
	return NULL;
}

START_TEST(a_thread_has_its_name)
{
	pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;
	char name[16] = "";

	pthread_mutex_lock(&end);
	ck_assert_int_eq(thread_start(&thread, "waits", 0, wait_for_end, &end), 0);
	ck_assert_int_eq(pthread_getname_np(thread, name, sizeof(name)), 0);
	ck_assert_str_eq(name, "waits");
	pthread_mutex_unlock(&end);
	pthread_join(thread, NULL);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_thread_leaves_signals_to_others_but_those_of_a_crash },
	{ "core", &one_more_signal_can_be_left_open },
	{ "core", &who_starts_a_thread_keeps_its_own_mask },
	{ "core", &a_thread_has_its_name },
};

SUITE_MAIN("thread", tests)
