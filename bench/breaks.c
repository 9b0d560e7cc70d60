/* SPDX-License-Identifier: Apache-2.0 */
/* breaks.c - how long the first write to a shared page takes, here and under KSM */
/*
 * Usage: breaks ROUNDS SECONDS
 *
 * Two memories with equal pages that the engine has shared, and two more that KSM has
 * merged, which the caller has set up; all in this process. When both are done, both rest,
 * and each page of one memory of either kind is written to once, in turns, some pages of
 * one kind and then the same of the other. Every write is timed. The pages were read
 * before, so that what is measured is the copy and not how the page came to be mapped; and
 * once more pages that nobody has read since they were shared. Each round has fresh memory.
 *
 * Runs are as long as in guests' memory: of five pages one is different in both. Waits up
 * to SECONDS for KSM. Prints JSON: nanoseconds, medians of all writes of all rounds.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"
#include "tests/model/expect.h"
#include "tests/model/host.h"

#define RUN		  5u /* pages, of which the last is this memory's own */
#define BATCH		  50u
#define ROUNDS_MAX	  100u
#define STEPS_MAX	  100000u
#define NO_REST_STATUS	  3
#define SCANS_AT_LEAST	  4
#define KSM_FILES	  "/sys/kernel/mm/ksm/"
#define PAGEMAP_PRESENT	  (UINT64_C(1) << 63)
#define PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56)
#define WORD_OF_PATTERN	  UINT64_C(0x9e3779b97f4a7c15)

enum kind { SAMEPAGE, KSM, KINDS };
enum touch { READ_BEFORE, UNREAD, TOUCHES };

static uint8_t *memories[KINDS][HOST_GUESTS];
static bool ksm_has[HOST_PAGES];
static uint32_t *took[KINDS][TOUCHES];
static size_t took_count[KINDS][TOUCHES];

static bool page_is_equal(uint32_t page)
{
	return page % RUN != RUN - 1;
}

static volatile uint64_t *page_word(enum kind kind, uint32_t guest, uint32_t page)
{
	return (uint64_t *)(uintptr_t)(memories[kind][guest] + (size_t)page * PAGE_BYTES);
}

static void memory_fill(enum kind kind, uint32_t guest)
{
	for (uint32_t page = 0; page < HOST_PAGES; page++) {
		uint64_t word = (page + 1) * WORD_OF_PATTERN + (page_is_equal(page) ? 0 : guest);
		volatile uint64_t *words = page_word(kind, guest, page);

		for (size_t i = 0; i < PAGE_BYTES / sizeof(word); i++)
			words[i] = word;
	}
}

static void ksm_map(void)
{
	size_t bytes = (size_t)HOST_PAGES * PAGE_BYTES;

	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		expect(memory != MAP_FAILED);
		expect(madvise(memory, bytes, MADV_NOHUGEPAGE) == 0);
		expect(madvise(memory, bytes, MADV_MERGEABLE) == 0);
		memories[KSM][i] = memory;
		memory_fill(KSM, i);
	}
}

static struct host *samepage_map(void)
{
	struct host *host = host_create(false);

	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		memories[SAMEPAGE][i] = host->guests[i].base;
		memory_fill(SAMEPAGE, i);
	}
	return host;
}

static void ksm_unmap(void)
{
	for (uint32_t i = 0; i < HOST_GUESTS; i++)
		munmap(memories[KSM][i], (size_t)HOST_PAGES * PAGE_BYTES);
}

/* Sharing */

static uint32_t count_equal(void)
{
	uint32_t count = 0;

	for (uint32_t page = 0; page < HOST_PAGES; page++)
		count += page_is_equal(page);
	return count;
}

static void samepage_share(struct host *host)
{
	uint32_t steps = 0;

	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		struct engine *engine = host->guests[i].engine;

		for (; engine_tally(engine).states[PAGE_SHARED] < count_equal(); steps++) {
			for (uint32_t j = 0; j < HOST_GUESTS; j++)
				expect(engine_step(host->guests[j].engine) >= 0);
			expect(steps < STEPS_MAX);
		}
	}
}

static int64_t ksm_figure(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	expect(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtoll(text, NULL, 10);
}

static void ksm_switch(const char *how)
{
	int fd = open(KSM_FILES "run", O_WRONLY | O_CLOEXEC);

	expect(fd >= 0 && write(fd, how, 1) == 1);
	close(fd);
}

/* Documentation/admin-guide/mm/pagemap.rst: present, and not mapped by this one alone */
static uint32_t ksm_look(void)
{
	static uint64_t entries[HOST_PAGES];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint32_t count = 0;

	expect(fd >= 0);
	expect(pread(fd, entries, sizeof(entries),
		     (off_t)((uintptr_t)memories[KSM][0] / PAGE_BYTES * sizeof(*entries))) ==
	       (ssize_t)sizeof(entries));
	close(fd);
	for (uint32_t page = 0; page < HOST_PAGES; page++) {
		ksm_has[page] =
			(entries[page] & PAGEMAP_PRESENT) && !(entries[page] & PAGEMAP_EXCLUSIVE);
		count += ksm_has[page];
	}
	return count;
}

/* Until it finds no more: some pages it may leave out for ever. */
static void ksm_share(uint64_t patience_ns)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	uint64_t end = now_ns() + patience_ns;
	uint32_t count = 0, before = 0;
	int64_t scans_then = 0;

	ksm_switch("1");
	do {
		before = count;
		count = ksm_look();
		if (count != before || count == 0)
			scans_then = ksm_figure(KSM_FILES "full_scans");
		if (now_ns() > end) {
			fprintf(stderr, "KSM has no rest: it has merged %u pages\n", count);
			exit(NO_REST_STATUS);
		}
		nanosleep(&moment, NULL);
	} while (ksm_figure(KSM_FILES "full_scans") < scans_then + SCANS_AT_LEAST);
	ksm_switch("0");
	expect(count > count_equal() / 2);
}

/* Breaking */

static void pages_read(enum kind kind)
{
	for (uint32_t page = 0; page < HOST_PAGES; page++)
		(void)*page_word(kind, 0, page);
}

static void batch_break(enum kind kind, enum touch touch, uint32_t first)
{
	for (uint32_t page = first; page < first + BATCH && page < HOST_PAGES; page++) {
		volatile uint64_t *word = page_word(kind, 0, page) + 1;
		uint64_t begin;

		if (!ksm_has[page])
			continue;
		begin = now_ns();
		*word = begin;
		took[kind][touch][took_count[kind][touch]++] = (uint32_t)(now_ns() - begin);
	}
}

static void round_run(enum touch touch, uint64_t patience_ns)
{
	struct host *host = samepage_map();

	ksm_map();
	ksm_share(patience_ns);
	samepage_share(host);
	for (int kind = 0; kind < KINDS && touch == READ_BEFORE; kind++)
		pages_read(kind);
	for (uint32_t first = 0; first < HOST_PAGES; first += BATCH)
		for (int kind = 0; kind < KINDS; kind++)
			batch_break(kind, touch, first);
	ksm_unmap();
	host_free(host);
}

/* Figures */

static int ns_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void kind_print(const char *name, enum kind kind)
{
	static const char *const names[TOUCHES] = { "median_ns", "unread_median_ns" };
	static const char *const tails[TOUCHES] = { "p99_ns", "unread_p99_ns" };

	printf("\"%s\":{\"writes\":%zu", name, took_count[kind][READ_BEFORE]);
	for (int touch = 0; touch < TOUCHES; touch++) {
		size_t count = took_count[kind][touch];
		uint32_t *sorted = took[kind][touch];

		qsort(sorted, count, sizeof(*sorted), ns_order);
		printf(",\"%s\":%u,\"%s\":%u", names[touch], sorted[count / 2], tails[touch],
		       sorted[count * 99 / 100]);
	}
	printf("}");
}

int main(int argc, char **argv)
{
	uint32_t rounds = argc == 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	uint64_t patience_ns = argc == 3 ? strtoull(argv[2], NULL, 10) * NS_PER_SEC : 0;

	if (rounds == 0 || rounds > ROUNDS_MAX || patience_ns == 0) {
		fprintf(stderr, "usage: breaks ROUNDS SECONDS\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int kind = 0; kind < KINDS; kind++)
		for (int touch = 0; touch < TOUCHES; touch++) {
			took[kind][touch] = calloc((size_t)rounds * HOST_PAGES, sizeof(uint32_t));
			expect(took[kind][touch]);
		}
	for (uint32_t i = 0; i < rounds; i++)
		for (int touch = 0; touch < TOUCHES; touch++)
			round_run((enum touch)touch, patience_ns);
	printf("{");
	kind_print("samepage", SAMEPAGE);
	printf(",");
	kind_print("ksm", KSM);
	printf("}\n");
	return 0;
}
