/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.c - a guest's memory under constant, verified change */
/*
 * Usage: pattern [-s SECONDS] [-p PERCENT] [-t THREADS] [-l LIFE] [-x]
 *
 * Fills PERCENT of the free memory (with an M behind the number: so many MiB) with
 * pages of which many are equal within the guest and across guests and many are
 * unlike any other, says where in the machine's memory they lie, then for SECONDS
 * reads every page again and again, compares each word with what it should be,
 * and rewrites pages in between, whole or by one word. At the end it reads all
 * of them once more.
 *
 * What a page should hold follows from its number and its generation alone, and
 * is computed anew for each look: nothing is compared with another copy in
 * memory, which sharing could have spoilt in the same way.  The generations are
 * themselves in memory, so each carries its own check.
 *
 * A page's generation is a major and a minor number.  The major chooses a kind
 * and its words; each minor step changes one word of that.  So there are pages
 * that equal others for a while, pages that differ from them in a single word,
 * and writes that touch eight bytes of a page that may be shared.
 *
 * Each thread owns a range of pages: no locks, and no wrong byte can be the
 * program's own race.  A wrong byte is reported at once, on standard output.
 *
 * LIFE is how many seconds a page lasts on average until it is rewritten.  Half
 * of the rewrites fall on a sixteenth of the pages, so that some are always
 * hot and most are calm long enough to be shared.  -x spoils one page itself,
 * to prove that it would be noticed.
 */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "physical.h"

#define PAGE_BYTES	4096
#define PAGE_WORDS	(PAGE_BYTES / sizeof(uint64_t))
#define MINORS		8    /* minor steps before the next major */
#define POOL_PAGES	2048 /* patterns that all guests choose from */
#define HOT_ONE_IN	16   /* of all pages, which take half of the rewrites */
#define LOOKS_PER_CLOCK 64   /* a clock is read after so many looks */
#define THREADS_MAX	64
#define PERCENT_DEFAULT 70
#define GENERATION_MASK 0x9e3779b9u

enum page_kind { KIND_POOL, KIND_NEAR, KIND_UNIQUE, KIND_ZERO, KIND_BYTE };

/* The check says that the generation is what its owner wrote for this page. */
struct generation {
	uint32_t number;
	uint32_t check;
};

struct worker {
	pthread_t thread;
	size_t first_page, end_page;
	uint64_t random; /* state of this thread's choices */
	size_t rewrites; /* done so far */
	unsigned long passes;
};

static uint64_t (*memory)[PAGE_WORDS];
static struct generation *generations;
static size_t page_count;
static uint64_t salt; /* of this guest: makes its unique pages its own */
static double started, seconds_to_run, page_life_seconds;
static atomic_ulong wrong_count;

static uint64_t mix(uint64_t value)
{
	value ^= value >> 30;
	value *= 0xbf58476d1ce4e5b9u;
	value ^= value >> 27;
	value *= 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

static uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return mix(*state);
}

static void words_from_seed(uint64_t *words, uint64_t seed)
{
	uint64_t state = seed | 1;

	for (size_t i = 0; i < PAGE_WORDS; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		words[i] = state;
	}
}

/*
 * At first, stretches of pages follow the pool in order, so that neighbours
 * have neighbours as twins; later each page goes its own way.
 */
static uint64_t pool_seed(size_t page, uint32_t major)
{
	uint64_t choice = major ? mix(page ^ (uint64_t)major << 32) : page;

	return mix(choice % POOL_PAGES + 1);
}

static enum page_kind page_kind(size_t page, uint32_t major)
{
	uint64_t stretch = major ? page ^ (uint64_t)major << 40 : page / 64;

	switch (mix(stretch + 77) % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
		return KIND_POOL;
	case 8:
	case 9:
		return KIND_NEAR;
	case 10:
		return KIND_ZERO;
	case 11:
		return KIND_BYTE;
	default:
		return KIND_UNIQUE;
	}
}

static void minor_step(uint64_t *words, size_t page, uint32_t generation)
{
	uint64_t choice = mix(mix(page) + generation);

	/* Half of the steps are the same for each guest, half its own. */
	if (choice & 1 << 20)
		choice ^= mix(salt) << 32;
	words[choice % PAGE_WORDS] ^= choice >> 32 | 1;
}

static void expected_page(uint64_t *words, size_t page, uint32_t generation)
{
	uint32_t major = generation / MINORS;

	switch (page_kind(page, major)) {
	case KIND_POOL:
		words_from_seed(words, pool_seed(page, major));
		break;
	case KIND_NEAR:
		words_from_seed(words, pool_seed(page, major));
		words[mix(page) % PAGE_WORDS] ^= mix(salt ^ page) | 1;
		break;
	case KIND_UNIQUE:
		words_from_seed(words, mix(salt + page) ^ mix(major));
		break;
	case KIND_ZERO:
		memset(words, 0, PAGE_BYTES);
		break;
	case KIND_BYTE:
		memset(words, (int)(mix(major) % 255 + 1), PAGE_BYTES);
		break;
	}
	for (uint32_t step = generation - generation % MINORS; step < generation; step++)
		minor_step(words, page, step + 1);
}

static void generation_set(size_t page, uint32_t number)
{
	generations[page].number = number;
	generations[page].check = number ^ (uint32_t)mix(page) ^ GENERATION_MASK;
}

static bool generation_is_sound(size_t page)
{
	const struct generation *g = &generations[page];

	return g->check == (g->number ^ (uint32_t)mix(page) ^ GENERATION_MASK);
}

static void report_wrong(size_t page, size_t word, uint64_t found, uint64_t expected)
{
	atomic_fetch_add(&wrong_count, 1);
	printf("PATTERN WRONG page=%zu address=%p word=%zu generation=%u found=%016llx expected=%016llx\n",
	       page, (void *)memory[page], word, generations[page].number,
	       (unsigned long long)found, (unsigned long long)expected);
	fflush(stdout);
}

static void page_verify(size_t page)
{
	uint64_t expected[PAGE_WORDS];

	if (!generation_is_sound(page)) {
		printf("PATTERN WRONG generation of page %zu: %u with check %08x\n", page,
		       generations[page].number, generations[page].check);
		fflush(stdout);
		atomic_fetch_add(&wrong_count, 1);
		return;
	}
	expected_page(expected, page, generations[page].number);
	if (memcmp(memory[page], expected, PAGE_BYTES) == 0)
		return;
	for (size_t i = 0; i < PAGE_WORDS; i++) {
		uint64_t found = memory[page][i];

		if (found != expected[i]) {
			report_wrong(page, i, found, expected[i]);
			return;
		}
	}
	/* Wrong in one look and right in the next is wrong as well. */
	report_wrong(page, PAGE_WORDS, 0, 0);
}

/* One word, where one word makes the difference; else the whole page. */
static void page_rewrite(size_t page, uint64_t random)
{
	uint32_t generation = generations[page].number;

	if (random % 2 == 0 && (generation + 1) % MINORS != 0) {
		minor_step(memory[page], page, generation + 1);
		generation_set(page, generation + 1);
		return;
	}
	generation = (generation / MINORS + 1) * MINORS;
	expected_page(memory[page], page, generation);
	generation_set(page, generation);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t worker_choose(struct worker *worker, uint64_t random)
{
	size_t pages = worker->end_page - worker->first_page;

	if (random % 2 == 0 && pages > HOT_ONE_IN)
		pages /= HOT_ONE_IN;
	return worker->first_page + (random >> 32) % pages;
}

/* Catches up with the rewrites that are due. */
static void worker_rewrite(struct worker *worker)
{
	double elapsed = seconds_now() - started;
	double pages = (double)(worker->end_page - worker->first_page);

	while ((double)worker->rewrites < elapsed * pages / page_life_seconds) {
		uint64_t random = next_random(&worker->random);

		page_rewrite(worker_choose(worker, random), random >> 16);
		worker->rewrites++;
	}
}

/* Each page once; false: a wrong byte was found. */
static bool worker_pass(struct worker *worker, bool rewrite)
{
	for (size_t page = worker->first_page; page < worker->end_page; page++) {
		page_verify(page);
		if (atomic_load(&wrong_count))
			return false;
		if (rewrite && page % LOOKS_PER_CLOCK == 0)
			worker_rewrite(worker);
	}
	worker->passes++;
	return true;
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;

	do
		if (!worker_pass(worker, true))
			return NULL;
	while (seconds_now() - started < seconds_to_run);
	/* whatever happened to a page until now is seen */
	worker_pass(worker, false);
	return NULL;
}

static void *map_or_die(size_t bytes)
{
	void *address =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (address == MAP_FAILED) {
		printf("PATTERN FAILED no memory for %zu bytes: %s\n", bytes, strerror(errno));
		exit(2);
	}
	return address;
}

static unsigned long number_or_die(const char *text, unsigned long least, unsigned long most)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*end || end == text || number < least || number > most) {
		printf("PATTERN FAILED not a number from %lu to %lu: %s\n", least, most, text);
		exit(2);
	}
	return number;
}

static size_t pages_of_percent(unsigned long percent)
{
	struct sysinfo system;

	sysinfo(&system);
	return (size_t)((double)system.freeram * system.mem_unit / PAGE_BYTES * (double)percent /
			100);
}

/* PERCENT of what is free, or MIBM. */
static size_t pages_or_die(char *text)
{
	size_t length = strlen(text);

	if (length == 0 || text[length - 1] != 'M')
		return pages_of_percent(number_or_die(text, 1, 95));
	text[length - 1] = '\0';
	return number_or_die(text, 1, 1 << 20) * ((1 << 20) / PAGE_BYTES);
}

int main(int argc, char **argv)
{
	unsigned long seconds = 60, threads = 3, life = 20, passes = ~0ul;
	char *amount = NULL;
	static struct worker workers[THREADS_MAX];
	bool spoil = false;
	int option;

	while ((option = getopt(argc, argv, "s:p:t:l:x")) != -1) {
		if (option == 's')
			seconds = number_or_die(optarg, 1, 1000000);
		else if (option == 'p')
			amount = optarg;
		else if (option == 't')
			threads = number_or_die(optarg, 1, THREADS_MAX);
		else if (option == 'l')
			life = number_or_die(optarg, 1, 1000000);
		else if (option == 'x')
			spoil = true;
		else
			return 2;
	}
	if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) != sizeof(salt))
		salt = mix((uint64_t)time(NULL) ^ (uint64_t)clock());
	page_count = amount ? pages_or_die(amount) : pages_of_percent(PERCENT_DEFAULT);
	memory = map_or_die(page_count * PAGE_BYTES);
	generations = map_or_die(page_count * sizeof(*generations));
	for (size_t page = 0; page < page_count; page++) {
		generation_set(page, 0);
		expected_page(memory[page], page, 0);
	}
	physical_blocks_print("PATTERN", memory, page_count * PAGE_BYTES);
	printf("PATTERN FILLED pages=%zu threads=%lu\n", page_count, threads);
	fflush(stdout);

	if (spoil)
		((unsigned char *)memory[page_count / 2])[1234] ^= 1;
	started = seconds_now();
	seconds_to_run = (double)seconds;
	page_life_seconds = (double)life;
	for (size_t i = 0; i < threads; i++) {
		workers[i].first_page = page_count * i / threads;
		workers[i].end_page = page_count * (i + 1) / threads;
		workers[i].random = mix(salt + i);
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i])) {
			printf("PATTERN FAILED no thread\n");
			return 2;
		}
	}
	for (size_t i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].passes < passes)
			passes = workers[i].passes;
	}
	if (atomic_load(&wrong_count))
		return 1;
	printf("PATTERN OK passes=%lu pages=%zu wrong=0\n", passes, page_count);
	return 0;
}
