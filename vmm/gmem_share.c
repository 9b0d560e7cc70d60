/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_share.c - shares a guest's memory with the other guests of its domain
 *
 * The dedup thread is the only one that touches the engine, the link and the
 * remap. It runs passes; between the steps of a pass it keeps to its CPU budget,
 * between passes it sleeps, as pace.h says. While it sleeps, three things wake it:
 * offers from the broker, somebody who wants a report, and the end.
 *
 * The others see only the snapshot, under the lock.
 */
#include "vmm/gmem_share.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "dedup/engine.h"
#include "dedup/pace.h"
#include "vmm/broker_link.h"
#include "vmm/gmem_remap.h"

#define RECONNECT_NS	  NS_PER_SEC
#define REPORT_PATIENCE_S 2
/* Mappings that the rest of the process may need: stacks, libraries, devices. */
#define MAPPINGS_RESERVED 2048u
#define MAPPINGS_DEFAULT  65530u
/* A vm_area_struct with what hangs on it, by the kernel's slab sizes. */
#define MAPPING_BYTES 280u

#ifndef PR_GET_MEMORY_MERGE
#define PR_GET_MEMORY_MERGE 68
#endif

struct gmem_share {
	/* The dedup thread's alone. */
	struct engine *engine;
	struct broker_link *link;
	struct remap remap;
	struct pace pace;
	uint64_t reconnect_ns;	/* not before */
	bool link_fail_is_said; /* until it works again */
	pthread_t thread;
	int schedstat_fd; /* of the thread; -1: the kernel does not tell */
	int wake_fd;	  /* readable: look at the fields below */

	/* Anybody's, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t reported; /* on CLOCK_MONOTONIC */
	bool stop;
	uint64_t reports_wanted, reports_made;
	struct tally snapshot;
};

/* What others ask of the thread */

static void thread_wake(struct gmem_share *share)
{
	uint64_t one = 1;

	if (write(share->wake_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: awake already */
}

static bool should_stop(struct gmem_share *share)
{
	bool stop;

	pthread_mutex_lock(&share->lock);
	stop = share->stop;
	pthread_mutex_unlock(&share->lock);
	return stop;
}

static void snapshot_take(struct gmem_share *share)
{
	struct tally tally = engine_tally(share->engine);

	pthread_mutex_lock(&share->lock);
	share->snapshot = tally;
	pthread_mutex_unlock(&share->lock);
}

static void reports_serve(struct gmem_share *share)
{
	uint64_t wanted;

	pthread_mutex_lock(&share->lock);
	wanted = share->reports_wanted;
	pthread_mutex_unlock(&share->lock);
	if (wanted == share->reports_made)
		return;
	if (engine_refresh(share->engine) < 0)
		log_debug("cannot look at guest memory");
	snapshot_take(share);
	pthread_mutex_lock(&share->lock);
	share->reports_made = wanted;
	pthread_cond_broadcast(&share->reported);
	pthread_mutex_unlock(&share->lock);
}

/* The link */

static void link_connect(struct gmem_share *share)
{
	struct digest_secret secret;
	struct fail why;
	int store_fd;

	if (now_ns() < share->reconnect_ns)
		return;
	if (broker_link_connect(share->link, &secret, &store_fd, &why) < 0) {
		share->reconnect_ns = now_ns() + RECONNECT_NS;
		if (!share->link_fail_is_said && !should_stop(share))
			log_warn("%s; sharing waits", why.text);
		share->link_fail_is_said = true;
		return;
	}
	share->link_fail_is_said = false;
	remap_set_store(&share->remap, store_fd);
	engine_link_up(share->engine, &secret);
	log_debug("connected to the broker");
}

/* The thread */

/*
 * Sleeps until the time is over, or somebody wakes the thread, or offers come.
 * Returns whether to go on.
 */
static bool thread_sleep(struct gmem_share *share, uint64_t duration_ns)
{
	uint64_t end = now_ns() + duration_ns, now, count;

	while (!should_stop(share) && (now = now_ns()) < end) {
		struct timespec left = { .tv_sec = (time_t)((end - now) / NS_PER_SEC),
					 .tv_nsec = (long)((end - now) % NS_PER_SEC) };
		bool linked = engine_link_is_up(share->engine);
		struct pollfd fds[] = {
			{ .fd = share->wake_fd, .events = POLLIN },
			{ .fd = linked ? broker_link_fd(share->link) : -1, .events = POLLIN },
		};

		if (ppoll(fds, ARRAY_SIZE(fds), &left, NULL) < 0 && errno != EINTR)
			return false;
		if (fds[0].revents && read(share->wake_fd, &count, sizeof(count)) < 0)
			continue;
		if (fds[1].revents) {
			engine_take_offers(share->engine);
			snapshot_take(share);
			if (!engine_link_is_up(share->engine))
				return true; /* a pass is due: it connects anew */
		}
		reports_serve(share);
	}
	return !should_stop(share);
}

/*
 * What the thread takes from others: the time that it ran, and the time that it was
 * ready but somebody else ran. Where guests compete for processors the budget is
 * used up sooner, so that sharing steps back. Documentation/scheduler/sched-stats.rst
 */
static uint64_t thread_busy_ns(const struct gmem_share *share)
{
	char text[128] = "";
	unsigned long long ran, waited = 0;

	if (share->schedstat_fd >= 0 && pread(share->schedstat_fd, text, sizeof(text) - 1, 0) > 0 &&
	    sscanf(text, "%llu %llu", &ran, &waited) != 2)
		waited = 0;
	return thread_cpu_ns() + waited;
}

/* One pass; returns whether to go on. */
static bool thread_pass(struct gmem_share *share)
{
	int rc = 0;

	pace_start(&share->pace, now_ns(), thread_busy_ns(share));
	while (rc == 0) {
		uint64_t brake_ns;

		if (!engine_link_is_up(share->engine))
			link_connect(share);
		rc = engine_step(share->engine);
		if (rc < 0)
			log_error("cannot look at guest memory: %s; sharing ends", strerror(-rc));
		snapshot_take(share);
		reports_serve(share);
		brake_ns = pace_brake_ns(&share->pace, now_ns(), thread_busy_ns(share));
		if (brake_ns > 0 ? !thread_sleep(share, brake_ns) : should_stop(share))
			return false;
	}
	return rc > 0;
}

/* How long to rest after a pass, by what it brought since `before`. */
static uint64_t pass_evaluate(struct gmem_share *share, const struct tally *before)
{
	struct tally now = engine_tally(share->engine);
	uint64_t gained =
		now.merges_total + now.zeroes_total - before->merges_total - before->zeroes_total;
	uint64_t changed =
		now.changes_total + now.breaks_total - before->changes_total - before->breaks_total;
	uint64_t pause_ns = pace_pause_ns(&share->pace, gained, changed);

	engine_set_caution(share->engine, share->pace.caution);
	if (!engine_link_is_up(share->engine) && pause_ns > RECONNECT_NS)
		pause_ns = RECONNECT_NS;
	return pause_ns;
}

static void *thread_run(void *context)
{
	struct gmem_share *share = context;
	struct tally before;

	share->schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	engine_set_caution(share->engine, share->pace.caution);
	do {
		before = engine_tally(share->engine);
		if (!thread_pass(share))
			break;
	} while (thread_sleep(share, pass_evaluate(share, &before)));
	return NULL;
}

/* Life */

static uint64_t mappings_limit(void)
{
	uint64_t limit = proc_mappings_limit();

	if (limit == 0)
		limit = MAPPINGS_DEFAULT;
	return limit > 2 * MAPPINGS_RESERVED ? limit - MAPPINGS_RESERVED : limit / 2;
}

static bool kernel_is_plain(void)
{
	const char *text = getenv("SAMEPAGE_PLAIN_KERNEL");

	return text && strcmp(text, "1") == 0;
}

static void warn_of_ksm(void)
{
	if (prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) == 1)
		log_warn("KSM is on for this process: it slows sharing down, and finds nothing "
			 "that samepage does not; switch it off (PR_SET_MEMORY_MERGE)");
}

static int share_open(struct gmem_share *share, struct gmem *gmem,
		      const struct gmem_share_config *config, struct fail *why)
{
	struct engine_config engine = {
		.base = gmem_base(gmem),
		.pages = (uint32_t)(gmem_bytes(gmem) / GMEM_PAGE_SIZE),
		.mappings_limit = mappings_limit(),
		.memory = &remap_ops,
		.memory_context = &share->remap,
		.link = &broker_link_ops,
	};
	int rc = remap_init(&share->remap, gmem_base(gmem), gmem_bytes(gmem), kernel_is_plain(),
			    why);

	if (rc < 0)
		return rc;
	share->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = share->wake_fd < 0
		     ? -errno
		     : broker_link_create(config->domain, config->name, engine.pages, &share->link);
	engine.link_context = share->link;
	if (rc == 0)
		rc = engine_create(&engine, &share->engine);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot set up sharing");
	pace_init(&share->pace, config->cpu_percent, engine.pages);
	share->snapshot = engine_tally(share->engine);
	return 0;
}

static void share_close(struct gmem_share *share)
{
	engine_free(share->engine);
	broker_link_free(share->link);
	remap_done(&share->remap);
	if (share->wake_fd >= 0)
		close(share->wake_fd);
	if (share->schedstat_fd >= 0)
		close(share->schedstat_fd);
	pthread_cond_destroy(&share->reported);
	pthread_mutex_destroy(&share->lock);
	free(share);
}

int gmem_share_create(struct gmem *gmem, const struct gmem_share_config *config,
		      struct gmem_share **ret_share, struct fail *why)
{
	struct gmem_share *share = calloc(1, sizeof(*share));
	pthread_condattr_t monotonic;
	int rc;

	if (!share)
		return fail_errno(why, ENOMEM, "cannot set up sharing");
	share->wake_fd = share->schedstat_fd = share->remap.uffd.fd = -1;
	share->remap.pagemap_fd = share->remap.store_fd = -1;
	pthread_mutex_init(&share->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&share->reported, &monotonic);
	pthread_condattr_destroy(&monotonic);
	warn_of_ksm();
	rc = share_open(share, gmem, config, why);
	if (rc == 0) {
		rc = -pthread_create(&share->thread, NULL, thread_run, share);
		if (rc < 0)
			rc = fail_errno(why, -rc, "cannot start the dedup thread");
	}
	if (rc < 0) {
		share_close(share);
		return rc;
	}
	pthread_setname_np(share->thread, "dedup");
	*ret_share = share;
	return 0;
}

void gmem_share_free(struct gmem_share *share)
{
	if (!share)
		return;
	pthread_mutex_lock(&share->lock);
	share->stop = true;
	pthread_mutex_unlock(&share->lock);
	broker_link_interrupt(share->link);
	thread_wake(share);
	pthread_join(share->thread, NULL);
	share_close(share);
}

static uint64_t thread_time_ns(pthread_t thread)
{
	clockid_t clock;

	return pthread_getcpuclockid(thread, &clock) == 0 ? clock_ns(clock) : 0;
}

static struct tally snapshot_wait(struct gmem_share *share)
{
	struct timespec deadline;
	struct tally tally;
	uint64_t mine;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += REPORT_PATIENCE_S;
	pthread_mutex_lock(&share->lock);
	mine = ++share->reports_wanted;
	pthread_mutex_unlock(&share->lock);
	thread_wake(share);
	pthread_mutex_lock(&share->lock);
	while (share->reports_made < mine && rc == 0)
		rc = pthread_cond_timedwait(&share->reported, &share->lock, &deadline);
	tally = share->snapshot;
	pthread_mutex_unlock(&share->lock);
	return tally;
}

void gmem_share_report(struct gmem_share *share, struct gmem_share_report *ret_report)
{
	struct tally tally = snapshot_wait(share);

	*ret_report = (struct gmem_share_report){
		.populated_bytes = tally.populated * GMEM_PAGE_SIZE,
		.shared_bytes = tally.states[PAGE_SHARED] * GMEM_PAGE_SIZE,
		.zero_bytes = tally.states[PAGE_ZERO] * GMEM_PAGE_SIZE,
		.breaks_total = tally.breaks_total,
		.merges_total = tally.merges_total,
		.mappings = tally.mappings,
		.mappings_limit = tally.mappings_limit,
		.cpu_ns = thread_time_ns(share->thread),
		.passes = tally.passes,
		.overhead_bytes = tally.memory_bytes + tally.mappings * MAPPING_BYTES,
	};
}
