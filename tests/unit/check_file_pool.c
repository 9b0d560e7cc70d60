/* SPDX-License-Identifier: Apache-2.0 */
/* check_file_pool.c - a job that lasts holds up no other, as long as there can be more threads */
#include "tests/unit/suite.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "disk/file_io.h"

#define JOBS 4 /* as many as the pool has threads */

static struct loop *loop;
static struct file_engine *engine;
static struct file_job jobs[JOBS];
static unsigned int done_count;

/* A disk that is slow: nothing is on it before so many jobs have come to it. */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrival = PTHREAD_COND_INITIALIZER;
static unsigned int arrived, expected;

/* Instead of the system's. */
int fdatasync(int fd)
{
	pthread_mutex_lock(&lock);
	arrived++;
	pthread_cond_broadcast(&arrival);
	while (arrived < expected)
		pthread_cond_wait(&arrival, &lock);
	pthread_mutex_unlock(&lock);
	return 0;
}

static void on_watchdog(void *context)
{
	ck_abort_msg("%u of %u jobs have been begun", arrived, expected);
}

static void on_turn(void *context)
{
	struct file_job *job;

	engine->type->start(engine);
	while ((job = file_jobs_pop(&engine->finished)))
		if (--done_count == 0)
			loop_quit(loop, 0);
}

static void submit(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		jobs[i] = (struct file_job){ .op = FILE_SYNC, .fd = -1 };
		file_job_begin(&jobs[i]);
		file_jobs_push(&engine->waiting, &jobs[i]);
	}
	arrived = 0;
	expected = count;
	done_count = count;
	engine->type->start(engine);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(arrived, count);
}

static void setup(void)
{
	struct loop_source *watchdog;

	ck_assert_int_eq(loop_create(&loop), 0);
	ck_assert_int_eq(loop_add_timer(loop, on_watchdog, NULL, &watchdog), 0);
	loop_arm(watchdog, 30 * NS_PER_SEC);
	ck_assert_int_eq(file_pool_create(loop, &engine), 0);
	engine->turn = on_turn;
}

static void teardown(void)
{
	engine->type->free(engine);
	loop_free(loop);
}

START_TEST(jobs_handed_over_at_once_are_begun_at_once)
{
	submit(JOBS);
}
END_TEST

/* One thread is there and has nothing to do. */
START_TEST(one_idle_thread_is_not_enough_for_two_jobs)
{
	submit(1);
	for (unsigned int count = 2; count <= JOBS; count++)
		submit(count);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &jobs_handed_over_at_once_are_begun_at_once },
	{ "core", &one_idle_thread_is_not_enough_for_two_jobs },
};

SUITE_MAIN_AROUND("file_pool", tests, setup, teardown)
