/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gmem_share.c - shares a guest's memory with the other guests of its domain
 *
 * The dedup thread is the only one that touches the engine, the link and the
 * remap. It runs passes; between the steps of a pass it keeps to its CPU budget,
 * between passes it sleeps, as pace.h says. While it sleeps, four things wake it:
 * offers from the broker, memory that is to be given back (gmem_discard.h), somebody
 * who wants a report, and the end. They are looked at between steps as well. All that the
 * thread does counts against the budget; but where that is used up, only offers wait.
 * Between passes there is a fifth: the host that becomes short of memory.
 *
 * The others see only the snapshot, under the lock.
 */
#include "vmm/gmem_share.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/thread.h"
#include "dedup/census.h"
#include "dedup/engine.h"
#include "dedup/pace.h"
#include "vmm/broker_link.h"
#include "vmm/gmem_discard.h"
#include "vmm/gmem_huge.h"
#include "vmm/gmem_remap.h"
#include "vmm/pressure.h"
#include "vmm/rest.h"
#include "wire/control.h"

#define REST_LOOK_NS	  NS_PER_SEC /* rest.h asks for it */
#define RECONNECT_NS	  NS_PER_SEC
#define REPORT_PATIENCE_S 2
/* Mappings that the rest of the process may need: stacks, libraries, devices. */
#define MAPPINGS_RESERVED 2048u
#define MAPPINGS_DEFAULT  65530u
/*
 * Of the kernel's for each: a vm_area_struct (192), its part of the tree (34) and what
 * cgroups keep of both (9). bench/against-ksm counts what it really is.
 */
#define MAPPING_BYTES 240u
#define DISCARD_PAGES 16384u /* given back between two looks at whether to stop */
/*
 * Of 512 pages. A huge page that stays costs at most this much memory that could be had; it
 * is worth more to a user who asked for huge pages.
 */
#define HUGE_GAIN_AUTO 16u
#define HUGE_GAIN_THP  256u

#ifndef PR_GET_MEMORY_MERGE
#define PR_GET_MEMORY_MERGE 68
#endif

struct gmem_share {
	struct gmem *gmem;
	struct discard_queue *discards; /* the gmem's; locks itself */

	/* The dedup thread's alone. */
	struct engine *engine;
	struct broker_link *link;
	struct remap remap;
	struct pace pace;
	struct pressure pressure;
	uint64_t pass_ns;	/* for which the thread had run at the start of the pass */
	uint64_t waited_ns;	/* for a processor, as of the last time that the kernel told */
	uint64_t reconnect_ns;	/* not before */
	struct rest rest;	/* nothing is merged meanwhile; begun by anybody */
	uint64_t rested_ns;	/* the rest whose end was dealt with: rest.over_ns then */
	bool link_fail_is_said; /* until it works again */
	bool offers_left;	/* of those that have come, maybe: not all were taken */
	pthread_t thread;
	int schedstat_fd; /* of the thread; -1: the kernel does not tell */
	int wake_fd;	  /* readable: look at the fields below */

	/* Anybody's, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t reported; /* on CLOCK_MONOTONIC */
	bool stop;
	uint64_t reports_wanted, reports_made;
	struct tally snapshot;
	struct history history;
	uint32_t *census; /* to be filled with the next report; NULL: nobody asks */
	uint64_t census_store;
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

static struct history_point history_point(const struct tally *tally)
{
	return (struct history_point){
		.time_ns = now_ns(),
		.figures = {
			[CONTROL_HISTORY_POPULATED] = tally->populated * GMEM_PAGE_SIZE,
			[CONTROL_HISTORY_SHARED] = tally->states[PAGE_SHARED] * GMEM_PAGE_SIZE,
			[CONTROL_HISTORY_ZERO] = tally->states[PAGE_ZERO] * GMEM_PAGE_SIZE,
			[CONTROL_HISTORY_RETURNED] = tally->states[PAGE_RETURNED] * GMEM_PAGE_SIZE,
		},
	};
}

static void snapshot_take(struct gmem_share *share)
{
	struct tally tally = engine_tally(share->engine);
	struct history_point point = history_point(&tally);

	pthread_mutex_lock(&share->lock);
	share->snapshot = tally;
	history_note(&share->history, &point);
	pthread_mutex_unlock(&share->lock);
}

/* A number for the store that frames are mapped from: each is a file of its own. */
static uint64_t store_number(const struct gmem_share *share)
{
	struct stat st;

	if (share->remap.store_fd < 0 || fstat(share->remap.store_fd, &st) < 0)
		return 0;
	return (uint64_t)st.st_dev << 32 ^ (uint64_t)st.st_ino;
}

/* What a device's data is on its way to is not what the engine takes it for. */
static void census_mark_pinned(const struct pins *pins, uint32_t *entries)
{
	for (uint64_t i = 0; i < pins->pages; i++) {
		unsigned int count, kind = census_kind(entries[i]);

		if (kind != CENSUS_UNIQUE && kind != CENSUS_CHANGING)
			continue;
		count = atomic_load_explicit(&pins->counts[i], memory_order_relaxed);
		if (count > 0 && count <= PINS_MAX)
			entries[i] = census_entry(CENSUS_PINNED, 0);
	}
}

/* With the lock: who asks may give up, and take the room away. */
static void census_serve(struct gmem_share *share)
{
	if (!share->census)
		return;
	engine_census(share->engine, share->census);
	census_mark_pinned(share->remap.pins, share->census);
	share->census_store = store_number(share);
	share->census = NULL;
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
	census_serve(share);
	share->reports_made = wanted;
	pthread_cond_broadcast(&share->reported);
	pthread_mutex_unlock(&share->lock);
}

/* Giving back */

/* In pieces, so that the end does not wait for all of a guest's memory. */
static void discard_serve(struct gmem_share *share, struct gmem_discard *discard)
{
	uint64_t end = discard->first + discard->count;
	uint32_t size, returned;
	int error = 0, rc;

	for (uint64_t at = discard->first; at < end; at += size) {
		size = end - at < DISCARD_PAGES ? (uint32_t)(end - at) : DISCARD_PAGES;
		if (should_stop(share)) {
			error = -ECANCELED;
			break;
		}
		rc = engine_discard(share->engine, (uint32_t)at, size, &returned);
		discard->returned += returned;
		if (error == 0)
			error = rc;
	}
	discard->done(discard, error);
}

/* The broker is told last: those who wait for their memory don't wait for it. */
static void discards_serve(struct gmem_share *share)
{
	struct gmem_discard *discard = discard_queue_take(share->discards), *next;

	if (!discard)
		return;
	for (; discard; discard = next) {
		next = discard->next; /* done() may free it */
		discard_serve(share, discard);
	}
	share->offers_left = engine_take_offers(share->engine);
	snapshot_take(share);
}

static void requests_serve(struct gmem_share *share)
{
	discards_serve(share);
	reports_serve(share);
}

/* The link */

static uint64_t vcpus_waited_ns(void)
{
	struct proc_threads vcpus;

	proc_threads_read(getpid(), "vcpu", &vcpus);
	return vcpus.waited_most_ns;
}

/* Who waits for processors rests for longer, unless the host is short of memory. 0: no rest. */
static uint64_t rests_for_ns(struct gmem_share *share)
{
	uint64_t now = now_ns(), left_ns = rest_left_ns(&share->rest, now, vcpus_waited_ns);

	if (left_ns > 0 && pressure_is_high(&share->pressure, now))
		rest_lengthen_no_more(&share->rest, now);
	return left_ns;
}

static void link_connect(struct gmem_share *share)
{
	struct digest_secret secret;
	uint64_t begin_ns = now_ns(), took_ns;
	struct fail why;
	int store_fd;

	if (begin_ns < share->reconnect_ns || !engine_can_link(share->engine))
		return;
	broker_link_mend(share->link);
	if (rests_for_ns(share) > 0) /* it is to stay cut, see gmem_share_restart() */
		return;
	if (broker_link_connect(share->link, &secret, &store_fd, &why) < 0) {
		/* one that hangs must not take all the time from those who are served here */
		took_ns = now_ns() - begin_ns;
		share->reconnect_ns = now_ns() + RECONNECT_NS + 4 * took_ns;
		if (should_stop(share) || rests_for_ns(share) > 0)
			return; /* it was ended from here */
		if (!share->link_fail_is_said)
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
 * What the thread takes from others: the time that it ran, and the time that it was
 * ready but somebody else ran. Where guests compete for processors the budget is
 * used up sooner, so that sharing steps back. Documentation/scheduler/sched-stats.rst
 */
static uint64_t thread_busy_ns(struct gmem_share *share)
{
	char text[128] = "";
	unsigned long long ran, waited;

	if (share->schedstat_fd >= 0 && pread(share->schedstat_fd, text, sizeof(text) - 1, 0) > 0 &&
	    sscanf(text, "%llu %llu", &ran, &waited) == 2)
		share->waited_ns = waited;
	return thread_cpu_ns() + share->waited_ns;
}

/* Only so many at once: what they cost is charged before the next ones are taken. */
static void offers_serve(struct gmem_share *share)
{
	share->offers_left = engine_take_offers(share->engine);
	snapshot_take(share);
}

/* What has woken the thread, beside those who ask for something. */
enum { WOKEN_BY_OFFERS = 1, WOKEN_BY_PRESSURE = 2 };

/*
 * Waits until the time is over, or somebody wakes the thread. Offers wake it as well, unless the
 * budget is used up: then they wait until it is not. Returns by what it was woken, or -errno.
 */
static int thread_wait(struct gmem_share *share, uint64_t now, uint64_t end, bool may_hurry)
{
	uint64_t brake_ns = pace_brake_ns(&share->pace, now, thread_busy_ns(share));
	bool takes = engine_link_is_up(share->engine) && brake_ns == 0;
	uint64_t left_ns = takes && share->offers_left		  ? 0
			   : brake_ns > 0 && brake_ns < end - now ? brake_ns
								  : end - now;
	struct timespec left = { .tv_sec = (time_t)(left_ns / NS_PER_SEC),
				 .tv_nsec = (long)(left_ns % NS_PER_SEC) };
	struct pollfd fds[] = {
		{ .fd = share->wake_fd, .events = POLLIN },
		{ .fd = takes ? broker_link_fd(share->link) : -1, .events = POLLIN },
		{ .fd = may_hurry ? share->pressure.trigger_fd : -1, .events = POLLPRI },
	};
	uint64_t count;
	int woken = 0;

	if (ppoll(fds, ARRAY_SIZE(fds), &left, NULL) < 0 && errno != EINTR)
		return -errno;
	if (fds[0].revents && read(share->wake_fd, &count, sizeof(count)) < 0)
		log_debug("woken by nobody");
	if (takes && (share->offers_left || fds[1].revents))
		woken |= WOKEN_BY_OFFERS;
	if (fds[2].revents && pressure_has_risen(&share->pressure, fds[2].revents))
		woken |= WOKEN_BY_PRESSURE;
	return woken;
}

/*
 * Sleeps until the time is over, and serves meanwhile whoever wakes the thread. A host that
 * becomes short of memory makes that sooner, where may_hurry. Returns whether to go on.
 */
static bool thread_sleep_or_hurry(struct gmem_share *share, uint64_t duration_ns, bool may_hurry)
{
	uint64_t begin = now_ns(), end = begin + duration_ns, now;

	while (!should_stop(share) && (now = now_ns()) < end) {
		int woken = thread_wait(share, now, end, may_hurry);

		if (woken < 0)
			return false;
		pace_start(&share->pace, now_ns(), thread_busy_ns(share));
		if (woken & WOKEN_BY_PRESSURE) {
			end = begin + pace_hurry_ns(&share->pace);
			may_hurry = false;
		}
		if (woken & WOKEN_BY_OFFERS)
			offers_serve(share);
		if ((woken & WOKEN_BY_OFFERS) && !engine_link_is_up(share->engine))
			return true; /* a pass is due: it connects anew */
		requests_serve(share);
	}
	return !should_stop(share);
}

static bool thread_sleep(struct gmem_share *share, uint64_t duration_ns)
{
	return thread_sleep_or_hurry(share, duration_ns, false);
}

/*
 * No step while the guest boots: one would switch KVM's log on, and cut what it maps into small
 * pages. A reboot can begin at any time, so this is asked before each. Returns whether to go on.
 */
static bool rest_take(struct gmem_share *share)
{
	uint64_t left_ns;

	while ((left_ns = rests_for_ns(share)) > 0)
		if (!thread_sleep(share, left_ns < REST_LOOK_NS ? left_ns : REST_LOOK_NS))
			return false;
	return true;
}

/* Once after each rest, when the guest has booted: now its huge pages can be split. */
static void rest_end(struct gmem_share *share)
{
	if (rests_for_ns(share) > 0 || share->rested_ns == share->rest.over_ns)
		return;
	share->rested_ns = share->rest.over_ns;
	gmem_huge_end(share->gmem);
	if (gmem_huge_is_used(share->gmem))
		engine_expect_huge(share->engine,
				   gmem_hugepages(share->gmem) == GMEM_HUGEPAGES_THP);
}

/* One pass; returns whether to go on. */
static bool thread_pass(struct gmem_share *share)
{
	int rc = 0;

	share->pass_ns = thread_cpu_ns();
	pace_start(&share->pace, now_ns(), thread_busy_ns(share));
	while (rc == 0) {
		uint64_t brake_ns;

		if (!rest_take(share))
			return false;
		if (!engine_link_is_up(share->engine))
			link_connect(share);
		rest_end(share);
		rc = engine_step(share->engine);
		if (rc == -ENOMEM || rc == -EAGAIN || rc == -EINTR)
			rc = 1; /* it passes: the next pass goes on where this one ends */
		if (rc < 0)
			log_error("cannot look at guest memory: %s; sharing ends", strerror(-rc));
		snapshot_take(share);
		requests_serve(share);
		brake_ns = pace_brake_ns(&share->pace, now_ns(), thread_busy_ns(share));
		if (brake_ns > 0 ? !thread_sleep(share, brake_ns) : should_stop(share))
			return false;
	}
	share->offers_left = true;
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
	struct pace_pass pass = {
		.gained_pages = gained,
		.changed_pages = changed,
		.price_ns = thread_cpu_ns() - share->pass_ns,
		.memory_is_short = pressure_is_high(&share->pressure, now_ns()),
	};
	uint64_t pause_ns = pace_pause_ns(&share->pace, &pass);

	engine_set_caution(share->engine, share->pace.caution);
	if (!engine_link_is_up(share->engine) && pause_ns > RECONNECT_NS)
		pause_ns = RECONNECT_NS;
	return pause_ns;
}

static void *thread_run(void *context)
{
	struct gmem_share *share = context;
	struct tally before;
	bool goes_on;

	share->schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	engine_set_caution(share->engine, share->pace.caution);
	goes_on = rest_take(share);
	while (goes_on) {
		before = engine_tally(share->engine);
		goes_on = thread_pass(share) &&
			  thread_sleep_or_hurry(share, pass_evaluate(share, &before), true);
	}
	while (!should_stop(share)) /* sharing has ended: the requests have not */
		thread_sleep(share, NS_PER_SEC);
	discard_queue_close(share->discards);
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

/* How much of a huge page must be won by splitting it, in pages. */
static uint32_t huge_gain(enum gmem_hugepages hugepages)
{
	static const uint32_t gains[] = {
		[GMEM_HUGEPAGES_THP] = HUGE_GAIN_THP,
		[GMEM_HUGEPAGES_AUTO] = HUGE_GAIN_AUTO,
	};

	return hugepages < ARRAY_SIZE(gains) ? gains[hugepages] : 0;
}

static int share_open(struct gmem_share *share, struct gmem *gmem,
		      const struct gmem_share_config *config, struct fail *why)
{
	struct engine_config engine = {
		.base = gmem_base(gmem),
		.pages = (uint32_t)(gmem_bytes(gmem) / GMEM_PAGE_SIZE),
		.mappings_limit = mappings_limit(),
		.huge_gain = huge_gain(gmem_hugepages(gmem)),
		.memory = &remap_ops,
		.memory_context = &share->remap,
		.link = &broker_link_ops,
	};
	int rc =
		remap_init(&share->remap, gmem_base(gmem), gmem_pins(gmem), kernel_is_plain(), why);

	if (rc < 0)
		return rc;
	/* whoever wants huge pages for ever wants them in the guest, too: with a log it has none */
	share->remap.dirty = kernel_is_plain() || gmem_hugepages(gmem) == GMEM_HUGEPAGES_THP
				     ? NULL
				     : gmem_dirty(gmem);
	if (share->remap.dirty)
		gmem_dirty_want(share->remap.dirty);
	share->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = share->wake_fd < 0 ? -errno
				: broker_link_create(config->domain, config->name, engine.pages,
						     config->max_sharers, &share->link);
	engine.link_context = share->link;
	if (rc == 0)
		rc = engine_create(&engine, &share->engine);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot set up sharing");
	share->remap.huge = gmem_huge(gmem);
	share->remap.spare = gmem_spare(gmem);
	share->gmem = gmem;
	share->discards = gmem_discards(gmem);
	pace_init(&share->pace, config->cpu_percent, engine.pages);
	share->snapshot = engine_tally(share->engine);
	return 0;
}

static void share_close(struct gmem_share *share)
{
	engine_free(share->engine);
	broker_link_free(share->link);
	remap_done(&share->remap);
	pressure_close(&share->pressure);
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
	pressure_open(&share->pressure, PRESSURE_OF_MEMORY);
	share->remap.pagemap_fd = share->remap.store_fd = -1;
	pthread_mutex_init(&share->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&share->reported, &monotonic);
	pthread_condattr_destroy(&monotonic);
	gmem_share_rest(share, config->rest_ns);
	warn_of_ksm();
	rc = share_open(share, gmem, config, why);
	if (rc == 0) {
		discard_queue_open(share->discards, share->wake_fd);
		rc = thread_start(&share->thread, "dedup", 0, thread_run, share);
		if (rc < 0) {
			discard_queue_close(share->discards);
			rc = fail_errno(why, -rc, "cannot start the dedup thread");
		}
	}
	if (rc < 0) {
		share_close(share);
		return rc;
	}
	*ret_share = share;
	return 0;
}

void gmem_share_rest(struct gmem_share *share, uint64_t rest_ns)
{
	rest_begin(&share->rest, now_ns(), rest_ns);
}

void gmem_share_restart(struct gmem_share *share, uint64_t rest_ns)
{
	gmem_share_rest(share, rest_ns);
	broker_link_cut(share->link);
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

/* entries: for a census as well, or NULL. -ETIMEDOUT: the snapshot is an older one. */
static int snapshot_wait(struct gmem_share *share, uint32_t *entries, struct tally *ret_tally)
{
	struct timespec deadline;
	uint64_t mine;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += REPORT_PATIENCE_S;
	pthread_mutex_lock(&share->lock);
	mine = ++share->reports_wanted;
	if (entries)
		share->census = entries;
	pthread_mutex_unlock(&share->lock);
	thread_wake(share);
	pthread_mutex_lock(&share->lock);
	while (share->reports_made < mine && rc == 0)
		rc = pthread_cond_timedwait(&share->reported, &share->lock, &deadline);
	if (entries)
		share->census = NULL;
	*ret_tally = share->snapshot;
	rc = share->reports_made < mine ? -ETIMEDOUT : 0;
	pthread_mutex_unlock(&share->lock);
	return rc;
}

int gmem_share_census(struct gmem_share *share, uint32_t *entries, uint64_t *ret_store)
{
	struct tally tally;
	int rc = snapshot_wait(share, entries, &tally);

	if (rc == 0)
		*ret_store = share->census_store;
	return rc;
}

void gmem_share_history(struct gmem_share *share, struct history *ret_history)
{
	pthread_mutex_lock(&share->lock);
	*ret_history = share->history;
	pthread_mutex_unlock(&share->lock);
}

void gmem_share_report(struct gmem_share *share, struct gmem_share_report *ret_report)
{
	struct tally tally;

	(void)snapshot_wait(share, NULL, &tally);
	*ret_report = (struct gmem_share_report){
		.populated_bytes = tally.populated * GMEM_PAGE_SIZE,
		.shared_bytes = tally.states[PAGE_SHARED] * GMEM_PAGE_SIZE,
		.zero_bytes = tally.states[PAGE_ZERO] * GMEM_PAGE_SIZE,
		.returned_bytes = tally.states[PAGE_RETURNED] * GMEM_PAGE_SIZE,
		.discarded_total = tally.discarded_total,
		.breaks_total = tally.breaks_total,
		.merges_total = tally.merges_total,
		.mappings = tally.mappings,
		.mappings_limit = tally.mappings_limit,
		.declined_bytes = tally.declined * GMEM_PAGE_SIZE,
		.old_store_bytes = tally.old_store * GMEM_PAGE_SIZE,
		.cpu_ns = thread_time_ns(share->thread),
		.passes = tally.passes,
		.tracks_writes = share->remap.dirty && gmem_dirty_is_on(share->remap.dirty),
		.overhead_bytes = tally.memory_bytes + tally.mappings * MAPPING_BYTES +
				  share->remap.pins->pages * sizeof(*share->remap.pins->counts) +
				  gmem_dirty_memory_bytes(gmem_dirty(share->gmem)),
	};
}
