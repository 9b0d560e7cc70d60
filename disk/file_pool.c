/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_pool.c - file jobs on a few threads
 *
 * A thread takes a job, makes its system calls until it is over, and wakes the loop; but
 * first it wakes another thread where there are more jobs. So short ones are all done by
 * one thread before a second comes to it, and long ones have as many as there are. A
 * thread is started when there is work and all others have some: by the loop's thread,
 * which is woken for it where it is another that finds that out.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/thread.h"
#include "disk/file_io.h"

#define MAX_THREADS 4

struct file_pool {
	struct file_engine engine; /* first: the type's functions get a pointer to it */
	struct loop_source *wake;
	pthread_t threads[MAX_THREADS]; /* the loop's thread's */

	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t work;  /* there is some, or no more will come */
	struct file_jobs to_do, done;
	unsigned int thread_count; /* changed by the loop's thread */
	unsigned int idle;	   /* threads that wait for work, or were just told of some */
	bool should_stop;
};

static struct file_pool *pool_of(struct file_engine *engine)
{
	return (struct file_pool *)engine;
}

static int64_t call_make(const struct file_job *job, const struct file_call *call)
{
	int64_t result = -1;

	switch (call->op) {
	case FILE_READ:
		result = preadv(job->fd, call->parts, (int)call->part_count, (off_t)call->offset);
		break;
	case FILE_WRITE:
		result = pwritev(job->fd, call->parts, (int)call->part_count, (off_t)call->offset);
		break;
	case FILE_SYNC:
		result = fdatasync(job->fd);
		break;
	case FILE_PUNCH:
	case FILE_ZERO:
		result = fallocate(job->fd, call->mode, (off_t)call->offset, (off_t)call->length);
		break;
	}
	return result < 0 ? -errno : result;
}

static void job_run(struct file_job *job)
{
	struct file_call call;
	int64_t result;

	do {
		file_job_next_call(job, &call);
		result = call_make(job, &call);
		if (result == -EAGAIN)
			sched_yield();
	} while (!file_job_take_result(job, result));
}

/*
 * Who takes a job sees to it that the next one is taken: the job at hand may last, and
 * nothing else may happen meanwhile. True: it takes one more thread.
 */
static bool pass_on(struct file_pool *pool)
{
	if (!pool->to_do.first)
		return false;
	if (pool->idle == 0)
		return pool->thread_count < MAX_THREADS;
	pthread_cond_signal(&pool->work);
	return false;
}

/* Under the lock, which it gives away while it works. */
static void work_off(struct file_pool *pool)
{
	struct file_job *job;
	bool is_news, is_short;

	while ((job = file_jobs_pop(&pool->to_do))) {
		is_short = pass_on(pool);
		pthread_mutex_unlock(&pool->lock);
		if (is_short)
			loop_wake(pool->wake);
		job_run(job);
		pthread_mutex_lock(&pool->lock);
		is_news = !pool->done.first;
		file_jobs_push(&pool->done, job);
		if (!is_news)
			continue;
		/* without the lock, for which the loop's thread would have to wait at once */
		pthread_mutex_unlock(&pool->lock);
		loop_wake(pool->wake);
		pthread_mutex_lock(&pool->lock);
	}
}

static void *pool_thread(void *context)
{
	struct file_pool *pool = context;

	pthread_mutex_lock(&pool->lock);
	while (!pool->should_stop) {
		if (pool->to_do.first) {
			work_off(pool);
			continue;
		}
		pool->idle++;
		pthread_cond_wait(&pool->work, &pool->lock);
		pool->idle--;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* One more thread, where all are at work. Where there can be none at all, this one works. */
static void pool_grow(struct file_pool *pool)
{
	pthread_t *thread = &pool->threads[pool->thread_count];

	if (pool->thread_count < MAX_THREADS &&
	    thread_start(thread, "disk", 0, pool_thread, pool) == 0)
		pool->thread_count++;
	else if (pool->thread_count == 0)
		work_off(pool);
}

static void pool_start(struct file_engine *engine)
{
	struct file_pool *pool = pool_of(engine);
	struct file_job *job;

	pthread_mutex_lock(&pool->lock);
	while ((job = file_engine_next(engine)))
		file_jobs_push(&pool->to_do, job);
	if (pool->to_do.first && pool->idle > 0)
		pthread_cond_signal(&pool->work);
	else if (pool->to_do.first)
		pool_grow(pool);
	while ((job = file_jobs_pop(&pool->done))) {
		file_jobs_push(&engine->finished, job);
		engine->in_flight--;
	}
	pthread_mutex_unlock(&pool->lock);
}

static void pool_free(struct file_engine *engine)
{
	struct file_pool *pool = pool_of(engine);

	pthread_mutex_lock(&pool->lock);
	pool->should_stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	loop_remove(pool->wake);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static const struct file_engine_type pool_type = {
	.start = pool_start,
	.free = pool_free,
};

static void on_wake(void *context)
{
	struct file_pool *pool = context;

	pool->engine.turn(pool->engine.turn_context);
}

int file_pool_create(struct loop *loop, struct file_engine **ret_engine)
{
	struct file_pool *pool = calloc(1, sizeof(*pool));
	int rc;

	if (!pool)
		return -ENOMEM;
	pool->engine.type = &pool_type;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	rc = loop_add_wake(loop, on_wake, pool, &pool->wake);
	if (rc < 0) {
		pool_free(&pool->engine);
		return rc;
	}
	*ret_engine = &pool->engine;
	return 0;
}
