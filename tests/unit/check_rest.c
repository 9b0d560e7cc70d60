/* SPDX-License-Identifier: Apache-2.0 */
/* check_rest.c - who boots is left alone for longer where processors are short, not for ever */
#include "tests/unit/suite.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/proc.h"
#include "vmm/rest.h"

#define BEGIN  (1000 * NS_PER_SEC)
#define LENGTH (5 * NS_PER_SEC)

static uint64_t waited_ns;
static unsigned int asked;

static uint64_t waited(void)
{
	asked++;
	return waited_ns;
}

static uint64_t left_at(struct rest *rest, uint64_t since_begin_ns)
{
	return rest_left_ns(rest, BEGIN + since_begin_ns, waited);
}

START_TEST(a_rest_ends_when_its_time_is_over)
{
	struct rest rest = { 0 };

	ck_assert_uint_eq(left_at(&rest, 0), 0);
	rest_begin(&rest, BEGIN, LENGTH);
	ck_assert_uint_eq(left_at(&rest, 0), LENGTH);
	ck_assert_uint_eq(left_at(&rest, LENGTH - 1), 1);
	ck_assert_uint_eq(left_at(&rest, LENGTH), 0);
	rest_begin(&rest, BEGIN + 2 * LENGTH, LENGTH);
	ck_assert_uint_eq(left_at(&rest, 2 * LENGTH), LENGTH);
}
END_TEST

START_TEST(what_the_guest_waited_for_a_processor_does_not_count)
{
	struct rest rest = { 0 };

	waited_ns = 77 * NS_PER_SEC; /* before */
	rest_begin(&rest, BEGIN, LENGTH);
	ck_assert_uint_eq(left_at(&rest, 0), LENGTH);
	waited_ns += 3 * NS_PER_SEC;
	ck_assert_uint_eq(left_at(&rest, LENGTH), 3 * NS_PER_SEC);
	ck_assert_uint_eq(left_at(&rest, LENGTH + 3 * NS_PER_SEC - 1), 1);
	waited_ns += NS_PER_SEC;
	ck_assert_uint_eq(left_at(&rest, LENGTH + 3 * NS_PER_SEC), NS_PER_SEC);
	ck_assert_uint_eq(left_at(&rest, LENGTH + 4 * NS_PER_SEC), 0);
	waited_ns += NS_PER_SEC; /* too late */
	ck_assert_uint_eq(left_at(&rest, LENGTH + 4 * NS_PER_SEC), 0);
}
END_TEST

/* When a guest reboots its threads are new ones; and what is not known is 0. */
START_TEST(what_new_threads_wait_counts_from_their_beginning)
{
	struct rest rest = { 0 };

	waited_ns = 77 * NS_PER_SEC;
	rest_begin(&rest, BEGIN, LENGTH);
	ck_assert_uint_eq(left_at(&rest, 0), LENGTH);
	waited_ns = 0;
	ck_assert_uint_eq(left_at(&rest, 1), LENGTH - 1);
	waited_ns = 2 * NS_PER_SEC;
	ck_assert_uint_eq(left_at(&rest, LENGTH), 2 * NS_PER_SEC);
	ck_assert_uint_eq(left_at(&rest, LENGTH + 2 * NS_PER_SEC), 0);
	rest_begin(&rest, BEGIN + 10 * LENGTH, LENGTH); /* what was before is another rest's */
	ck_assert_uint_eq(left_at(&rest, 10 * LENGTH), LENGTH);
}
END_TEST

START_TEST(it_is_not_lengthened_for_ever)
{
	struct rest rest = { 0 };

	rest_begin(&rest, BEGIN, LENGTH);
	ck_assert_uint_eq(left_at(&rest, 0), LENGTH);
	waited_ns += 1000 * LENGTH;
	ck_assert_uint_eq(left_at(&rest, LENGTH + REST_LENGTHENED_MAX * LENGTH - 1), 1);
	ck_assert_uint_eq(left_at(&rest, LENGTH + REST_LENGTHENED_MAX * LENGTH), 0);
}
END_TEST

START_TEST(who_needs_memory_ends_the_longer_part_alone)
{
	struct rest rest = { 0 };

	rest_begin(&rest, BEGIN, LENGTH);
	ck_assert_uint_eq(left_at(&rest, 0), LENGTH);
	waited_ns += LENGTH;
	rest_lengthen_no_more(&rest, BEGIN + 1); /* not yet */
	ck_assert_uint_eq(left_at(&rest, 1), 2 * LENGTH - 1);
	ck_assert_uint_gt(left_at(&rest, LENGTH), 0);
	rest_lengthen_no_more(&rest, BEGIN + LENGTH);
	ck_assert_uint_eq(left_at(&rest, LENGTH), 0);
}
END_TEST

START_TEST(a_rest_of_no_length_is_over_at_once_and_nobody_is_asked_again)
{
	struct rest rest = { 0 };
	unsigned int before;

	rest_begin(&rest, BEGIN, 0);
	ck_assert_uint_eq(left_at(&rest, 0), 0);
	before = asked;
	waited_ns += LENGTH;
	ck_assert_uint_eq(left_at(&rest, 1), 0);
	ck_assert_uint_eq(asked, before);
}
END_TEST

static void *work_for(void *context)
{
	const struct timespec *duration = context;
	uint64_t end = now_ns() + (uint64_t)duration->tv_sec * NS_PER_SEC;

	while (now_ns() < end)
		;
	return NULL;
}

/* Four threads on one processor: while one works the others wait. */
START_TEST(the_kernel_tells_who_waits)
{
	struct timespec duration = { .tv_sec = 2 }, half = { .tv_sec = 1 };
	struct proc_threads before, now;
	pthread_t threads[4];
	cpu_set_t one;

	proc_threads_read(getpid(), "check_rest", &before);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work_for, &duration), 0);
	nanosleep(&half, NULL); /* they are still there, and so is what they waited for */
	proc_threads_read(getpid(), "check_rest", &now);
	ck_assert_uint_gt(now.waited_most_ns, before.waited_most_ns + 300 * NS_PER_MS);
	ck_assert_uint_gt(now.waited_ns, before.waited_ns + 900 * NS_PER_MS);
	ck_assert_uint_gt(now.ran_ns, before.ran_ns + 10 * NS_PER_MS);
	ck_assert_uint_eq(now.count, before.count + ARRAY_SIZE(threads));
	ck_assert_uint_ge(now.runnable, ARRAY_SIZE(threads));
	proc_threads_read(getpid(), "nobody", &now);
	ck_assert_uint_eq(now.count + now.ran_ns + now.waited_ns + now.waited_most_ns, 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_rest_ends_when_its_time_is_over, 0 },
	{ "core", &what_the_guest_waited_for_a_processor_does_not_count, 0 },
	{ "core", &what_new_threads_wait_counts_from_their_beginning, 0 },
	{ "core", &the_kernel_tells_who_waits, 0 },
	{ "core", &who_needs_memory_ends_the_longer_part_alone, 0 },
	{ "limits", &it_is_not_lengthened_for_ever, 0 },
	{ "limits", &a_rest_of_no_length_is_over_at_once_and_nobody_is_asked_again, 0 },
};

SUITE_MAIN("rest", tests)
