/* SPDX-License-Identifier: Apache-2.0 */
/* check_boot_watch.c - when a guest counts as booted: its process is this one, its processors are
 * threads */
#include "tests/unit/suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/boot_watch.h"

enum { RESTS, WORKS, ENDS };

static atomic_int order; /* to the only processor that there is */
static pthread_t vcpu;

static void *vcpu_run(void *unused)
{
	const struct timespec moment = { .tv_nsec = NS_PER_MS };

	pthread_setname_np(pthread_self(), "vcpu0");
	while (atomic_load(&order) != ENDS)
		if (atomic_load(&order) == RESTS)
			nanosleep(&moment, NULL);
	return NULL;
}

static void vcpu_start(int first_order)
{
	atomic_store(&order, first_order);
	ck_assert_int_eq(pthread_create(&vcpu, NULL, vcpu_run, NULL), 0);
}

static void vcpu_end(void)
{
	atomic_store(&order, ENDS);
	ck_assert_int_eq(pthread_join(vcpu, NULL), 0);
}

static struct boot_watch watch_of(pid_t pid)
{
	struct boot_watch watch;

	boot_watch_begin_process(&watch, pid, now_ns());
	ck_assert(boot_watch_is_on(&watch));
	return watch;
}

/* Looks for so long, or until it has booted; says how long that was. */
static uint64_t look_for(struct boot_watch *watch, uint64_t longest_ns)
{
	const struct timespec moment = { .tv_nsec = BOOT_WATCH_LOOK_NS };
	uint64_t began_ns = now_ns();

	while (boot_watch_is_on(watch) && now_ns() - began_ns < longest_ns) {
		nanosleep(&moment, NULL);
		boot_watch_look(watch, now_ns());
	}
	return now_ns() - began_ns;
}

START_TEST(it_has_booted_when_it_rests)
{
	struct boot_watch watch;

	vcpu_start(WORKS);
	watch = watch_of(getpid());
	look_for(&watch, NS_PER_SEC);
	ck_assert(boot_watch_is_on(&watch));
	atomic_store(&order, RESTS);
	look_for(&watch, 30 * NS_PER_SEC);
	ck_assert(!boot_watch_is_on(&watch));
	vcpu_end();
}
END_TEST

START_TEST(it_has_booted_when_it_does_nothing_at_all)
{
	struct boot_watch watch;
	uint64_t before_ns;

	vcpu_start(RESTS);
	watch = watch_of(getpid());
	before_ns = watch.looked_ns;
	look_for(&watch, 30 * NS_PER_SEC);
	ck_assert(!boot_watch_is_on(&watch));
	ck_assert_uint_gt(now_ns() - before_ns, BOOT_WATCH_LOOK_NS);
	vcpu_end();
}
END_TEST

/* The others must not wait for it for ever: on a machine to itself 10 s of work take 10 s. */
START_TEST(it_has_booted_when_it_never_rests)
{
	struct boot_watch watch;

	vcpu_start(WORKS);
	watch = watch_of(getpid());
	ck_assert_uint_ge(look_for(&watch, 100 * NS_PER_SEC), 5 * NS_PER_SEC);
	ck_assert(!boot_watch_is_on(&watch));
	vcpu_end();
}
END_TEST

/* Each time with new threads, whose time begins at 0. Both limits are looked for on a clock of our
 * own. */
START_TEST(it_has_booted_when_it_reboots_for_ever)
{
	struct boot_watch watch = watch_of(getpid());
	uint64_t now = watch.looked_ns;
	unsigned int looks = 0;

	while (boot_watch_is_on(&watch) && ++looks < 1000) {
		const struct timespec moment = { .tv_nsec = 5 * NS_PER_MS };

		vcpu_start(WORKS);
		nanosleep(&moment, NULL);
		now += BOOT_WATCH_LOOK_NS;
		boot_watch_look(&watch, now);
		vcpu_end();
	}
	ck_assert(!boot_watch_is_on(&watch));
	ck_assert_uint_gt(looks, 10);
}
END_TEST

START_TEST(a_look_that_comes_too_soon_is_none)
{
	struct boot_watch watch = watch_of(getpid());

	for (unsigned int i = 0; i < 100; i++)
		boot_watch_look(&watch, watch.looked_ns + BOOT_WATCH_LOOK_NS - 1);
	ck_assert(boot_watch_is_on(&watch));
}
END_TEST

START_TEST(a_guest_that_has_ended_is_not_watched)
{
	struct boot_watch watch = watch_of(getpid()); /* in which nothing is a vCPU */

	boot_watch_look(&watch, watch.looked_ns + BOOT_WATCH_LOOK_NS);
	ck_assert(!boot_watch_is_on(&watch));
}
END_TEST

START_TEST(a_guest_that_is_not_there_is_not_watched)
{
	struct boot_watch watch;

	boot_watch_begin(&watch, "no-such-guest", now_ns());
	ck_assert(!boot_watch_is_on(&watch));
	boot_watch_look(&watch, now_ns());
	ck_assert(!boot_watch_is_on(&watch));
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &it_has_booted_when_it_rests },
	{ "core", &it_has_booted_when_it_does_nothing_at_all },
	{ "limits", &it_has_booted_when_it_never_rests },
	{ "limits", &it_has_booted_when_it_reboots_for_ever },
	{ "limits", &a_look_that_comes_too_soon_is_none },
	{ "faults", &a_guest_that_has_ended_is_not_watched },
	{ "faults", &a_guest_that_is_not_there_is_not_watched },
};

SUITE_MAIN("boot_watch", tests)
