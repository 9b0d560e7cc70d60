/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_balloon.c - memory that the guest gives back
 *
 * Queues are numbered without gaps: a driver that does not want the statistics has
 * the reports on their number. Some give the reports the number that they have with
 * all features there are. So every queue behind the statistics takes reports.
 *
 * The balloon and the reports have one batch each (balloon_batch.c): that is how many
 * chains of theirs are held, whatever the guest offers. One more is the guest's
 * statistics: the device holds that chain, and returning it asks for fresh ones.
 */
#include "devices/virtio_balloon.h"

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "base/clock.h"
#include "vmm/gmem.h"

#define QUEUES		 5
#define QUEUE_SIZE	 128
#define CHAINS_IN_ONE_GO 16
#define PCI_CLASS_RAM	 0x050000
/* Between two questions: each makes the guest write to some pages, which break. */
#define STATS_REST_NS (60 * NS_PER_SEC)

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS };

#define FEATURES                                                                                   \
	(VIRTIO_FEATURE(VIRTIO_BALLOON_F_STATS_VQ) |                                               \
	 VIRTIO_FEATURE(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) |                                         \
	 VIRTIO_FEATURE(VIRTIO_BALLOON_F_PAGE_POISON) |                                            \
	 VIRTIO_FEATURE(VIRTIO_BALLOON_F_REPORTING))

struct virtio_balloon {
	struct virtio virtio; /* first: the device is found by it */
	uint64_t ram_bytes;

	/* The guest's view, in pages; written and read on any thread. */
	atomic_uint_least32_t target; /* of the balloon's size */
	atomic_uint_least32_t actual; /* as the guest says */
	atomic_uint_least32_t poison; /* what free pages are filled with */

	/* The I/O thread's. */
	struct balloon_batch inflation, report;
	unsigned int report_queue; /* that of the chain in `report` */
	bool is_resetting;
	struct chain deflation;	  /* at hand */
	struct chain stats_chain; /* held, if holds_stats */
	bool holds_stats;
	uint64_t stats_asked_ns;
	struct loop_source *ask; /* somebody wants fresh statistics */

	pthread_mutex_t lock; /* protects what follows; a leaf */
	struct balloon_stats stats;
	uint64_t stats_ns; /* when they came; 0: never */
};

static struct virtio_balloon *balloon_of(struct virtio *virtio)
{
	return (struct virtio_balloon *)virtio;
}

static void on_refuse(const char *reason, void *context)
{
	virtio_refuse(&((struct virtio_balloon *)context)->virtio, reason);
}

/* ----------------------------------------------------- the balloon's pages */

/* A batch has ended: the guest gets its chain back. False: no more, the device is reset. */
static bool batch_return(struct virtio_balloon *balloon, struct balloon_batch *batch,
			 unsigned int queue)
{
	struct virtio *virtio = &balloon->virtio;

	if (!balloon->is_resetting) {
		virtio_return(virtio, queue, &batch->chain, 0);
		virtio_flush(virtio, queue);
		return true;
	}
	virtio_drop(virtio, queue);
	if (!balloon->inflation.is_busy && !balloon->report.is_busy) {
		balloon->is_resetting = false;
		virtio_drained(virtio);
	}
	return false;
}

static void on_inflated(struct balloon_batch *batch, void *context)
{
	struct virtio_balloon *balloon = context;

	if (batch_return(balloon, batch, QUEUE_INFLATE))
		virtio_serve_again(&balloon->virtio, QUEUE_INFLATE);
}

static bool is_list(const struct chain *chain)
{
	return chain->writable_count == 0 && chain->readable_bytes > 0 &&
	       chain->readable_bytes % sizeof(uint32_t) == 0;
}

static void chain_refuse(struct virtio *virtio, unsigned int queue, const struct chain *chain,
			 const char *reason)
{
	virtio_return(virtio, queue, chain, 0);
	virtio_refuse(virtio, reason);
}

static void inflation_serve(struct virtio_balloon *balloon)
{
	struct virtio *virtio = &balloon->virtio;
	struct balloon_batch *batch = &balloon->inflation;

	if (batch->is_busy) /* its end serves the queue again */
		return;
	while (!virtio_take(virtio, QUEUE_INFLATE, &batch->chain))
		if (!virtio_want_kicks(virtio, QUEUE_INFLATE))
			return;
	if (is_list(&batch->chain))
		balloon_batch_start_list(batch);
	else
		chain_refuse(virtio, QUEUE_INFLATE, &batch->chain,
			     "what goes into the balloon is no list of pages");
}

/* Pages that leave the balloon are the guest's again; nothing has to be done for that. */
static bool deflation_step(struct virtio *virtio, unsigned int queue)
{
	struct chain *chain = &balloon_of(virtio)->deflation;

	if (!virtio_take(virtio, queue, chain))
		return virtio_want_kicks(virtio, queue);
	if (!is_list(chain)) {
		chain_refuse(virtio, queue, chain, "what leaves the balloon is no list of pages");
		return false;
	}
	virtio_return(virtio, queue, chain, 0);
	return true;
}

static void deflation_serve(struct virtio_balloon *balloon)
{
	virtio_serve_steps(&balloon->virtio, QUEUE_DEFLATE, CHAINS_IN_ONE_GO, deflation_step);
	virtio_flush(&balloon->virtio, QUEUE_DEFLATE);
}

/* ------------------------------------------------------------------ reports */

static void on_reported(struct balloon_batch *batch, void *context)
{
	struct virtio_balloon *balloon = context;

	if (!batch_return(balloon, batch, balloon->report_queue))
		return;
	for (unsigned int queue = QUEUE_STATS; queue < QUEUES; queue++)
		virtio_serve_again(&balloon->virtio, queue);
}

/*
 * A guest that fills its free pages with a value relies on finding it there again. A
 * page without memory reads as zero, so that only 0 can be promised.
 */
static bool pages_may_go(struct virtio_balloon *balloon)
{
	return !virtio_has_feature(&balloon->virtio, VIRTIO_BALLOON_F_PAGE_POISON) ||
	       atomic_load(&balloon->poison) == 0;
}

static void report_start(struct virtio_balloon *balloon, unsigned int queue)
{
	struct virtio *virtio = &balloon->virtio;
	struct balloon_batch *batch = &balloon->report;

	if (batch->chain.readable_count > 0) {
		chain_refuse(virtio, queue, &batch->chain, "a report of free pages has a content");
		return;
	}
	balloon->report_queue = queue;
	if (pages_may_go(balloon)) {
		balloon_batch_start_parts(batch);
		return;
	}
	virtio_return(virtio, queue, &batch->chain, 0);
	virtio_flush(virtio, queue);
	virtio_serve_again(virtio, queue);
}

static void report_serve(struct virtio_balloon *balloon, unsigned int queue)
{
	struct virtio *virtio = &balloon->virtio;

	if (balloon->report.is_busy) /* its end serves the queue again */
		return;
	while (!virtio_take(virtio, queue, &balloon->report.chain))
		if (!virtio_want_kicks(virtio, queue))
			return;
	report_start(balloon, queue);
}

/* --------------------------------------------------------------- statistics */

static void stats_keep(struct virtio_balloon *balloon)
{
	struct balloon_stats stats;

	balloon_stats_parse(&balloon->stats_chain, &stats);
	pthread_mutex_lock(&balloon->lock);
	balloon->stats = stats;
	balloon->stats_ns = now_ns();
	pthread_mutex_unlock(&balloon->lock);
}

static void stats_serve(struct virtio_balloon *balloon)
{
	struct virtio *virtio = &balloon->virtio;

	if (balloon->holds_stats) /* its return serves the queue again */
		return;
	while (!virtio_take(virtio, QUEUE_STATS, &balloon->stats_chain))
		if (!virtio_want_kicks(virtio, QUEUE_STATS))
			return;
	if (balloon->stats_chain.writable_count > 0) {
		chain_refuse(virtio, QUEUE_STATS, &balloon->stats_chain,
			     "statistics that are not there to be read");
		return;
	}
	balloon->holds_stats = true;
	stats_keep(balloon);
}

static void on_ask(void *context)
{
	struct virtio_balloon *balloon = context;
	struct virtio *virtio = &balloon->virtio;

	if (!balloon->holds_stats || now_ns() - balloon->stats_asked_ns < STATS_REST_NS)
		return;
	balloon->stats_asked_ns = now_ns();
	balloon->holds_stats = false;
	virtio_return(virtio, QUEUE_STATS, &balloon->stats_chain, 0);
	virtio_flush(virtio, QUEUE_STATS);
	virtio_serve_again(virtio, QUEUE_STATS);
}

static void stats_forget(struct virtio_balloon *balloon)
{
	if (balloon->holds_stats)
		virtio_drop(&balloon->virtio, QUEUE_STATS);
	balloon->holds_stats = false;
	pthread_mutex_lock(&balloon->lock);
	balloon->stats = (struct balloon_stats){ 0 };
	balloon->stats_ns = 0;
	pthread_mutex_unlock(&balloon->lock);
}

/* ------------------------------------------------------ as a virtio device */

static void balloon_serve(struct virtio *virtio, unsigned int queue)
{
	struct virtio_balloon *balloon = balloon_of(virtio);

	if (queue == QUEUE_INFLATE)
		inflation_serve(balloon);
	else if (queue == QUEUE_DEFLATE)
		deflation_serve(balloon);
	else if (queue == QUEUE_STATS && virtio_has_feature(virtio, VIRTIO_BALLOON_F_STATS_VQ))
		stats_serve(balloon);
	else if (virtio_has_feature(virtio, VIRTIO_BALLOON_F_REPORTING))
		report_serve(balloon, queue);
}

static bool balloon_reset(struct virtio *virtio)
{
	struct virtio_balloon *balloon = balloon_of(virtio);

	stats_forget(balloon);
	atomic_store(&balloon->actual, 0);
	atomic_store(&balloon->poison, 0);
	balloon_batch_cut_short(&balloon->inflation);
	balloon_batch_cut_short(&balloon->report);
	balloon->is_resetting = balloon->inflation.is_busy || balloon->report.is_busy;
	return !balloon->is_resetting;
}

static struct virtio_balloon_config config_now(struct virtio_balloon *balloon)
{
	return (struct virtio_balloon_config){
		.num_pages = atomic_load(&balloon->target),
		.actual = atomic_load(&balloon->actual),
		.poison_val = atomic_load(&balloon->poison),
	};
}

static void balloon_config_read(struct virtio *virtio, uint32_t offset, void *bytes, uint32_t size)
{
	struct virtio_balloon_config config = config_now(balloon_of(virtio));

	memcpy(bytes, (unsigned char *)&config + offset, size);
}

static void balloon_config_write(struct virtio *virtio, uint32_t offset, const void *bytes,
				 uint32_t size)
{
	struct virtio_balloon *balloon = balloon_of(virtio);
	struct virtio_balloon_config config = config_now(balloon);

	memcpy((unsigned char *)&config + offset, bytes, size);
	atomic_store(&balloon->actual, config.actual);
	atomic_store(&balloon->poison, config.poison_val);
}

static void balloon_free(struct virtio *virtio)
{
	virtio_balloon_free((struct virtio_balloon *)virtio);
}

static const struct virtio_type balloon_type = {
	.name = "balloon",
	.id = VIRTIO_ID_BALLOON,
	.pci_class = PCI_CLASS_RAM,
	.serve = balloon_serve,
	.reset = balloon_reset,
	.config_read = balloon_config_read,
	.config_write = balloon_config_write,
	.free = balloon_free,
};

/* ------------------------------------------------------------ from outside */

/* How many pages the balloon has when the guest keeps so much. */
static uint32_t pages_beyond(const struct virtio_balloon *balloon, uint64_t bytes)
{
	return (uint32_t)((balloon->ram_bytes - bytes) / GMEM_PAGE_SIZE);
}

struct target_change {
	struct virtio_balloon *balloon;
	uint32_t pages;
};

static void target_change(void *context)
{
	const struct target_change *change = context;

	atomic_store(&change->balloon->target, change->pages);
}

static bool has_driver(struct virtio_balloon *balloon)
{
	uint8_t status = virtio_read_status(&balloon->virtio);

	return (status & (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET)) ==
	       VIRTIO_CONFIG_S_DRIVER_OK;
}

int virtio_balloon_set_target(struct virtio_balloon *balloon, uint64_t bytes)
{
	struct target_change change = { .balloon = balloon };

	if (bytes > balloon->ram_bytes)
		return -ERANGE;
	if (bytes < VIRTIO_BALLOON_FLOOR && bytes < balloon->ram_bytes)
		return -ERANGE;
	if (!has_driver(balloon))
		return -ENOTCONN;
	change.pages = pages_beyond(balloon, bytes);
	virtio_change_config(&balloon->virtio, target_change, &change);
	return 0;
}

uint64_t virtio_balloon_target(struct virtio_balloon *balloon)
{
	return balloon->ram_bytes - atomic_load(&balloon->target) * GMEM_PAGE_SIZE;
}

void virtio_balloon_report(struct virtio_balloon *balloon, struct virtio_balloon_report *ret_report)
{
	uint64_t ballooned = atomic_load(&balloon->actual) * GMEM_PAGE_SIZE;

	*ret_report = (struct virtio_balloon_report){
		.has_driver = has_driver(balloon),
		.target_bytes = virtio_balloon_target(balloon),
		.ballooned_bytes = ballooned < balloon->ram_bytes ? ballooned : balloon->ram_bytes,
		.reported_bytes = atomic_load(&balloon->report.returned_pages) * GMEM_PAGE_SIZE,
	};
	pthread_mutex_lock(&balloon->lock);
	ret_report->stats = balloon->stats;
	if (balloon->stats_ns > 0)
		ret_report->stats_age_ns = now_ns() - balloon->stats_ns;
	pthread_mutex_unlock(&balloon->lock);
	loop_wake(balloon->ask);
}

/* -------------------------------------------------------------------- life */

static int balloon_init(struct virtio_balloon *balloon, const struct virtio_balloon_setup *setup)
{
	struct balloon_batch_hooks hooks = {
		.discard = setup->discard,
		.discard_context = setup->discard_context,
		.ended = on_inflated,
		.refuse = on_refuse,
		.context = balloon,
	};
	int rc = balloon_batch_init(&balloon->inflation, setup->gmem, setup->loop, &hooks);

	hooks.ended = on_reported;
	if (rc == 0)
		rc = balloon_batch_init(&balloon->report, setup->gmem, setup->loop, &hooks);
	if (rc == 0)
		rc = loop_add_wake(setup->loop, on_ask, balloon, &balloon->ask);
	return rc;
}

int virtio_balloon_create(const struct virtio_balloon_setup *setup,
			  struct virtio_balloon **ret_balloon, struct fail *why)
{
	struct virtio_config virtio = {
		.type = &balloon_type,
		.name = setup->name,
		.features = FEATURES,
		.queues = QUEUES,
		.queue_size = QUEUE_SIZE,
		.config_size = sizeof(struct virtio_balloon_config),
		.gmem = setup->gmem,
		.loop = setup->loop,
	};
	struct virtio_balloon *balloon = calloc(1, sizeof(*balloon));
	int rc;

	if (!balloon)
		return fail_errno(why, ENOMEM, "cannot make the %s", setup->name);
	pthread_mutex_init(&balloon->lock, NULL);
	balloon->ram_bytes = gmem_bytes(setup->gmem);
	if (setup->target_bytes > 0)
		atomic_store(&balloon->target, pages_beyond(balloon, setup->target_bytes));
	rc = virtio_init(&balloon->virtio, &virtio, why);
	if (rc == 0) {
		rc = balloon_init(balloon, setup);
		if (rc < 0)
			fail_errno(why, -rc, "cannot make the %s", setup->name);
	}
	if (rc < 0) {
		virtio_balloon_free(balloon);
		return rc;
	}
	*ret_balloon = balloon;
	return 0;
}

void virtio_balloon_free(struct virtio_balloon *balloon)
{
	if (!balloon)
		return;
	virtio_done(&balloon->virtio);
	loop_remove(balloon->ask);
	balloon_batch_done(&balloon->inflation);
	balloon_batch_done(&balloon->report);
	pthread_mutex_destroy(&balloon->lock);
	free(balloon);
}

struct virtio *virtio_balloon_virtio(struct virtio_balloon *balloon)
{
	return &balloon->virtio;
}
