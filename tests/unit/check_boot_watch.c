/* SPDX-License-Identifier: Apache-2.0 */
/* check_boot_watch.c - when a guest counts as booted: its process is this one, its processors are
 * threads */
#include "tests/unit/suite.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/clock.h"
#include "cli/boot_watch.h"

static atomic_bool works;

static void *vcpu_run(void *unused)
{
	const struct timespec moment = { .tv_nsec = NS_PER_MS };

	pthread_setname_np(pthread_self(), "vcpu0");
	for (;;)
		if (!atomic_load(&works))
			nanosleep(&moment, NULL);
	return NULL;
}

static void vcpu_start(bool with_work)
{
	pthread_t thread;

	atomic_store(&works, with_work);
	ck_assert_int_eq(pthread_create(&thread, NULL, vcpu_run, NULL), 0);
}

static struct boot_watch watch_of(pid_t pid)
{
	struct client client = { .fd = -1, .pid = pid };
	struct boot_watch watch;

	client.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ck_assert_int_ge(client.pidfd, 0);
	boot_watch_process(&watch, &client, now_ns());
	ck_assert_int_eq(client.pidfd, -1);
	ck_assert(boot_watch_active(&watch));
	return watch;
}

/* Looks for so long, or until it has booted; says how long that was. */
static uint64_t look_for(struct boot_watch *watch, uint64_t longest_ns)
{
	const struct timespec moment = { .tv_nsec = BOOT_WATCH_LOOK_NS };
	uint64_t began_ns = now_ns();

	while (boot_watch_active(watch) && now_ns() - began_ns < longest_ns) {
		nanosleep(&moment, NULL);
		boot_watch_look(watch, now_ns());
	}
	return now_ns() - began_ns;
}

START_TEST(it_has_booted_when_it_rests)
{
	struct boot_watch watch;

	vcpu_start(true);
	watch = watch_of(getpid());
	look_for(&watch, NS_PER_SEC);
	ck_assert(boot_watch_active(&watch));
	atomic_store(&works, false);
	look_for(&watch, 30 * NS_PER_SEC);
	ck_assert(!boot_watch_active(&watch));
}
END_TEST

START_TEST(it_has_booted_when_it_has_nothing_to_do_at_all)
{
	struct boot_watch watch = watch_of(getpid());

	ck_assert_uint_ge(look_for(&watch, 30 * NS_PER_SEC), 3 * BOOT_WATCH_LOOK_NS);
	ck_assert(!boot_watch_active(&watch));
}
END_TEST

/* The others must not wait for it for ever: on a machine to itself 10 s of work take 10 s. */
START_TEST(it_has_booted_when_it_never_rests)
{
	struct boot_watch watch;

	vcpu_start(true);
	watch = watch_of(getpid());
	ck_assert_uint_ge(look_for(&watch, 100 * NS_PER_SEC), 9 * NS_PER_SEC);
	ck_assert(!boot_watch_active(&watch));
}
END_TEST

START_TEST(a_look_that_comes_too_soon_is_none)
{
	struct boot_watch watch = watch_of(getpid());

	for (unsigned i = 0; i < 100; i++)
		boot_watch_look(&watch, watch.looked_ns + BOOT_WATCH_LOOK_NS - 1);
	ck_assert(boot_watch_active(&watch));
	boot_watch_end(&watch);
	ck_assert(!boot_watch_active(&watch));
	boot_watch_end(&watch);
}
END_TEST

START_TEST(a_guest_that_has_ended_is_not_watched)
{
	pid_t pid = fork();
	struct boot_watch watch;

	if (pid == 0)
		for (;;)
			pause();
	watch = watch_of(pid);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	boot_watch_look(&watch, watch.looked_ns + BOOT_WATCH_LOOK_NS);
	ck_assert(!boot_watch_active(&watch));
}
END_TEST

START_TEST(a_guest_that_is_not_there_is_not_watched)
{
	struct boot_watch watch;

	boot_watch_begin(&watch, "no-such-guest", now_ns());
	ck_assert(!boot_watch_active(&watch));
	boot_watch_look(&watch, now_ns());
	boot_watch_end(&watch);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &it_has_booted_when_it_rests },
	{ "core", &it_has_booted_when_it_has_nothing_to_do_at_all },
	{ "limits", &it_has_booted_when_it_never_rests },
	{ "limits", &a_look_that_comes_too_soon_is_none },
	{ "faults", &a_guest_that_has_ended_is_not_watched },
	{ "faults", &a_guest_that_is_not_there_is_not_watched },
};

SUITE_MAIN("boot_watch", tests)
