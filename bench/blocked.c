/* SPDX-License-Identifier: Apache-2.0 */
/* blocked.c - how long writers wait for memory that is being merged */
/*
 * Usage: blocked aimed|anywhere|ksm WRITERS MILLISECONDS
 *
 * Two equal memories, and threads that write to them while they are merged: by the engine
 * over the kernel's real mechanism, with the broker's half in this process, or by KSM,
 * which the caller has set up. Writers write what is there already, so that pages stay
 * equal. With `aimed`, they write to the pages that are being held at the moment, as far
 * as they can; else, to any. In between, each sleeps for some microseconds: they measure
 * who is kept waiting, and not how processors are divided.
 *
 * A write that made its thread sleep was blocked: nothing else in it can (the kernel
 * counts the switches). Prints JSON, in microseconds: of the writes that were blocked,
 * and of all.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "tests/model/expect.h"
#include "tests/model/host.h"

#define ROUND_NS	(200 * NS_PER_MS) /* after which everything is merged anew */
#define WRITERS_MAX	16
#define SAMPLES_MAX	(1 << 20) /* a writer's; of more, each is kept with the same chance */
#define SLOW_NS		1000	  /* a write that slept takes longer */
#define BURST		8	  /* writes between two sleeps */
#define SLEEP_NS	200000
#define WORD_OF_PATTERN UINT64_C(0x9e3779b97f4a7c15)

struct samples {
	uint32_t *ns;
	uint64_t count; /* seen; at most SAMPLES_MAX are kept */
};

struct writer {
	pthread_t thread;
	uint64_t random;
	struct samples all, blocked;
	uint64_t preempted; /* slow, but only since somebody else had the processor */
};

static uint8_t *memories[HOST_GUESTS];
static bool is_aimed;
static _Atomic uint64_t aim; /* guest, first page, count: 16, 32, 16 bits */
static atomic_bool stop;
static struct writer writers[WRITERS_MAX];

static uint32_t random_below(uint64_t *state, uint32_t limit)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33) % limit;
}

/* Samples */

static void samples_add(struct samples *samples, uint64_t ns, uint64_t *random)
{
	uint64_t at = samples->count++;

	if (at >= SAMPLES_MAX)
		at = *random % samples->count;
	if (at < SAMPLES_MAX)
		samples->ns[at] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static uint64_t samples_kept(const struct samples *samples)
{
	return samples->count < SAMPLES_MAX ? samples->count : SAMPLES_MAX;
}

static int ns_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double us_at(const uint32_t *sorted, uint64_t count, double part)
{
	uint64_t at = (uint64_t)(part * (double)count);

	return count == 0 ? 0 : sorted[at < count ? at : count - 1] / 1e3;
}

/* Those of all writers; part: &writers[0].all or &writers[0].blocked. */
static void samples_print(const char *name, const struct samples *part, uint32_t writer_count)
{
	size_t offset = (size_t)((const char *)part - (const char *)&writers[0]);
	uint64_t kept = 0, seen = 0, used = 0;
	uint32_t *sorted;

	for (uint32_t i = 0; i < writer_count; i++)
		kept += samples_kept((struct samples *)((char *)&writers[i] + offset));
	sorted = calloc(kept + 1, sizeof(*sorted));
	expect(sorted);
	for (uint32_t i = 0; i < writer_count; i++) {
		struct samples *samples = (struct samples *)((char *)&writers[i] + offset);

		memcpy(sorted + used, samples->ns, samples_kept(samples) * sizeof(*sorted));
		used += samples_kept(samples);
		seen += samples->count;
	}
	qsort(sorted, kept, sizeof(*sorted), ns_order);
	printf("\"%s\":{\"writes\":%llu,\"median_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,"
	       "\"longest_us\":%.2f}",
	       name, (unsigned long long)seen, us_at(sorted, kept, 0.5), us_at(sorted, kept, 0.99),
	       us_at(sorted, kept, 0.999), us_at(sorted, kept, 1));
	free(sorted);
}

/* What else the machine has to do is kept out where that is allowed; writers come first. */
static void priority_take(int above)
{
	const struct sched_param param = { .sched_priority = 1 + above };

	(void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
}

/* Writers */

static uint64_t *page_pick(struct writer *writer)
{
	uint64_t at = atomic_load_explicit(&aim, memory_order_relaxed);
	uint32_t guest = (uint32_t)(at >> 48), first = (uint32_t)(at >> 16);
	uint32_t count = at & UINT16_MAX, page;

	if (!is_aimed || count == 0) {
		guest = random_below(&writer->random, HOST_GUESTS);
		first = 0;
		count = HOST_PAGES;
	}
	page = first + random_below(&writer->random, count);
	return (uint64_t *)(uintptr_t)(memories[guest] + (size_t)page * PAGE_BYTES);
}

static void write_once(struct writer *writer, struct rusage *before)
{
	volatile uint64_t *word = page_pick(writer);
	uint64_t value = *word, begin = now_ns(), took;
	struct rusage now;

	*word = value;
	took = now_ns() - begin;
	samples_add(&writer->all, took, &writer->random);
	if (took < SLOW_NS)
		return;
	getrusage(RUSAGE_THREAD, &now);
	if (now.ru_nvcsw != before->ru_nvcsw)
		samples_add(&writer->blocked, took, &writer->random);
	else if (now.ru_nivcsw != before->ru_nivcsw)
		writer->preempted++;
	*before = now;
}

static void *writer_run(void *context)
{
	struct writer *writer = context;

	prctl(PR_SET_TIMERSLACK, 1);
	priority_take(1);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		struct timespec little = { .tv_nsec = random_below(&writer->random, SLEEP_NS) };
		struct rusage before;

		nanosleep(&little, NULL);
		getrusage(RUSAGE_THREAD, &before);
		for (int i = 0; i < BURST; i++)
			write_once(writer, &before);
	}
	return NULL;
}

static void writers_start(uint32_t count)
{
	atomic_store(&stop, false);
	for (uint32_t i = 0; i < count; i++)
		expect(pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]) == 0);
}

static void writers_stop(uint32_t count)
{
	atomic_store(&stop, true);
	for (uint32_t i = 0; i < count; i++)
		expect(pthread_join(writers[i].thread, NULL) == 0);
}

static void memory_fill(uint8_t *memory)
{
	uint64_t *words = (uint64_t *)(uintptr_t)memory;

	for (uint32_t page = 0; page < HOST_PAGES; page++)
		for (size_t i = 0; i < PAGE_BYTES / sizeof(*words); i++)
			*words++ = (page + 1) * WORD_OF_PATTERN;
}

/* Sides */

/* Aims before the pages are held, so that a writer can be there when they are. */
static int aiming_hold(void *context, uint32_t first, uint32_t count, int over_store)
{
	uint64_t guest = 0;

	while ((uint8_t *)((struct remap *)context)->base != memories[guest])
		guest++;
	atomic_store_explicit(&aim, guest << 48 | (uint64_t)first << 16 | count,
			      memory_order_relaxed);
	return remap_ops.hold(context, first, count, over_store);
}

static uint64_t samepage_round(uint32_t writer_count, uint64_t end_ns)
{
	struct host *host = host_create(false);
	uint64_t merges = 0;

	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		memories[i] = host->guests[i].base;
		memory_fill(memories[i]);
	}
	writers_start(writer_count);
	while (now_ns() < end_ns)
		for (uint32_t i = 0; i < HOST_GUESTS; i++)
			expect(engine_step(host->guests[i].engine) >= 0);
	writers_stop(writer_count);
	atomic_store(&aim, 0);
	for (uint32_t i = 0; i < HOST_GUESTS; i++)
		merges += engine_tally(host->guests[i].engine).merges_total;
	host_free(host);
	return merges;
}

static uint64_t samepage_run(uint32_t writer_count, uint64_t duration_ns)
{
	struct memory_ops ops = remap_ops;
	uint64_t end = now_ns() + duration_ns, merges = 0;

	ops.hold = aiming_hold;
	host_memory_ops = &ops;
	while (now_ns() < end)
		merges += samepage_round(writer_count, now_ns() + ROUND_NS);
	return merges;
}

static uint64_t ksm_run(uint32_t writer_count, uint64_t duration_ns)
{
	const struct timespec duration = { .tv_sec = (time_t)(duration_ns / NS_PER_SEC),
					   .tv_nsec = (long)(duration_ns % NS_PER_SEC) };
	size_t bytes = (size_t)HOST_PAGES * PAGE_BYTES;

	for (int i = 0; i < HOST_GUESTS; i++) {
		memories[i] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);
		expect(memories[i] != MAP_FAILED);
		expect(madvise(memories[i], bytes, MADV_NOHUGEPAGE) == 0);
		memory_fill(memories[i]);
		expect(madvise(memories[i], bytes, MADV_MERGEABLE) == 0);
	}
	writers_start(writer_count);
	nanosleep(&duration, NULL);
	writers_stop(writer_count);
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t count = argc == 4 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	uint64_t duration_ns = argc == 4 ? strtoull(argv[3], NULL, 10) * NS_PER_MS : 0;
	uint64_t merges, preempted = 0;

	if (count == 0 || count > WRITERS_MAX || duration_ns == 0) {
		fprintf(stderr, "usage: blocked aimed|anywhere|ksm WRITERS MILLISECONDS\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	priority_take(0);
	for (uint32_t i = 0; i < count; i++) {
		writers[i].random = i + 1;
		writers[i].all.ns = calloc(SAMPLES_MAX, sizeof(uint32_t));
		writers[i].blocked.ns = calloc(SAMPLES_MAX, sizeof(uint32_t));
		expect(writers[i].all.ns && writers[i].blocked.ns);
	}
	is_aimed = strcmp(argv[1], "aimed") == 0;
	merges = strcmp(argv[1], "ksm") == 0 ? ksm_run(count, duration_ns)
					     : samepage_run(count, duration_ns);
	for (uint32_t i = 0; i < count; i++)
		preempted += writers[i].preempted;
	printf("{\"writers\":%u,", count);
	samples_print("blocked", &writers[0].blocked, count);
	printf(",");
	samples_print("all", &writers[0].all, count);
	printf(",\"preempted\":%llu,\"merges\":%llu}\n", (unsigned long long)preempted,
	       (unsigned long long)merges);
	return 0;
}
