/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_faults.c - each system call on guest memory fails once, and no byte is ever wrong
 *
 * Two engines share two guests' memories on the real kernel, while a writer who knows what
 * it wrote is at work. The linker leads their system calls through here, where the n-th
 * fails: for each n, with each error that a busy or crowded host gives. Then the memory is
 * compared with what has to be in it, and the engines have to come to the same end as if
 * nothing had happened. Once more with calls that fail at random.
 *
 *	FAULTS_SEED=N	repeats what failed at random
 *	FAULTS_TURNS=4	tries each kind of failure at each call, not one of them
 *	FAULTS_STRIDE=N	tries every N-th call only
 */
#include <errno.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "dedup/huge.h"
#include "tests/model/expect.h"
#include "tests/model/host.h"
#include "vmm/gmem_huge.h"

#define PAGES_USED    96u /* by the plan below */
#define PAGES_HOT     32u /* behind them: the writer's */
#define ROUNDS	      44u /* what lies over the first broker's store is restored in these */
#define ROUND_BROKER  12u /* another one from then on */
#define SETTLE	      20u
#define RANDOM_TRIALS 30u

/* The system calls */

/* At the n-th call, or at about one of so many, or at none. */
struct fault {
	uint64_t at;
	uint32_t one_in;
	int error;
	bool tears; /* what works page by page does half of it before it fails */
};

static struct fault fault;
static uint64_t calls, failed, random_state;
static const char *last_call = "none"; /* that failed */
static _Thread_local bool is_armed;

static uint32_t fault_random(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % below;
}

static bool call_fails(const char *name)
{
	if (!is_armed)
		return false;
	calls++;
	if (calls != fault.at && (fault.one_in == 0 || fault_random(fault.one_in) != 0))
		return false;
	failed++;
	last_call = name;
	errno = fault.error;
	return true;
}

void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
void *__real_mremap(void *from, size_t old_length, size_t length, int flags, ...);
void *__wrap_mremap(void *from, size_t old_length, size_t length, int flags, ...);
int __real_madvise(void *address, size_t length, int advice);
int __wrap_madvise(void *address, size_t length, int advice);
int __real_msync(void *address, size_t length, int flags);
int __wrap_msync(void *address, size_t length, int flags);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
ssize_t __real_pread(int fd, void *to, size_t length, off_t offset);
ssize_t __wrap_pread(int fd, void *to, size_t length, off_t offset);

/* Torn, it leaves a hole: as when the kernel runs out of memory after it has unmapped. */
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	if (!call_fails("mmap"))
		return __real_mmap(address, length, protection, flags, fd, offset);
	if (fault.tears && (flags & MAP_FIXED))
		expect(munmap(address, length) == 0);
	errno = fault.error;
	return MAP_FAILED;
}

/* The kernel unmaps what is there before it moves anything. */
void *__wrap_mremap(void *from, size_t old_length, size_t length, int flags, ...)
{
	va_list arguments;
	void *address;

	va_start(arguments, flags);
	address = va_arg(arguments, void *);
	va_end(arguments);
	if (!call_fails("mremap"))
		return __real_mremap(from, old_length, length, flags, address);
	if (fault.tears && (flags & MREMAP_FIXED))
		expect(munmap(address, length) == 0);
	errno = fault.error;
	return MAP_FAILED;
}

int __wrap_madvise(void *address, size_t length, int advice)
{
	return call_fails("madvise") ? -1 : __real_madvise(address, length, advice);
}

int __wrap_msync(void *address, size_t length, int flags)
{
	return call_fails("msync") ? -1 : __real_msync(address, length, flags);
}

ssize_t __wrap_pread(int fd, void *to, size_t length, off_t offset)
{
	return call_fails("pread") ? -1 : __real_pread(fd, to, length, offset);
}

/* The kernel protects page by page. */
static void protect_half(int fd, const struct uffdio_writeprotect *request)
{
	struct uffdio_writeprotect half = *request;

	half.range.len = half.range.len / 2 & ~(uint64_t)(PAGE_BYTES - 1);
	if (half.range.len > 0)
		(void)__real_ioctl(fd, UFFDIO_WRITEPROTECT, &half);
}

static const char *ioctl_name(unsigned long request)
{
	return request == UFFDIO_WRITEPROTECT ? "UFFDIO_WRITEPROTECT"
	       : request == UFFDIO_REGISTER   ? "UFFDIO_REGISTER"
	       : request == UFFDIO_UNREGISTER ? "UFFDIO_UNREGISTER"
	       : request == UFFDIO_WAKE	      ? "UFFDIO_WAKE"
					      : "ioctl";
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (!call_fails(ioctl_name(request)))
		return __real_ioctl(fd, request, argument);
	if (fault.tears && request == UFFDIO_WRITEPROTECT)
		protect_half(fd, argument);
	errno = fault.error;
	return -1;
}

/* What has to be in memory */

static uint8_t contents[HOST_GUESTS][PAGES_USED];

static void page_write(struct host *host, uint32_t guest, uint32_t page, uint8_t content)
{
	contents[guest][page] = content;
	host_fill(&host->guests[guest], page, content);
}

static void expect_contents(const struct host *host)
{
	for (uint32_t guest = 0; guest < HOST_GUESTS; guest++)
		for (uint32_t page = 0; page < PAGES_USED; page++)
			for (uint32_t i = 0; i < PAGE_BYTES; i++)
				expect(host_page(&host->guests[guest], page)[i] ==
				       contents[guest][page]);
}

/* Runs that both have, pages that one has twice, zero pages, pages that nobody else has. */
static uint8_t content_of(uint32_t guest, uint32_t page)
{
	if (page % 12 == 0)
		return 0;
	if (page % 12 == 11)
		return (uint8_t)(200 + guest);
	return (uint8_t)(page < 64 ? 1 + page : 100 + page % 3);
}

/* Breaks, pages that become zero or stop to be, and the same in the other guest later. */
static void round_write(struct host *host, uint32_t round)
{
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t page = (round * 29 + i * 17) % PAGES_USED;

		page_write(host, round % 2, page,
			   (uint8_t)(i == 0   ? 0
				     : i == 1 ? 203 + round /* nobody else's */
					      : 150 + i % 3));
	}
}

static void pages_give_away(struct host *host, uint32_t round)
{
	uint32_t guest = round / 2 % 2, first = round * 7 % (PAGES_USED - 12), returned;

	is_armed = true;
	if (engine_discard(host->guests[guest].engine, first, 12, &returned) == 0)
		expect(returned == 12);
	is_armed = false;
	/* it failed in part, or not at all: what is zero was given away, the rest is as it was */
	for (uint32_t page = first; page < first + 12; page++)
		if (page_is_zero(host_page(&host->guests[guest], page)))
			contents[guest][page] = 0;
}

/* The writer */

struct writer {
	struct host *host;
	atomic_bool stop;
	uint64_t writes;
	uint64_t words[HOST_GUESTS][PAGES_HOT];
	pthread_t thread;
};

static volatile uint64_t *hot_word(const struct host *host, uint32_t guest, uint32_t i)
{
	return (uint64_t *)(void *)host_page(&host->guests[guest], PAGES_USED + i) + i;
}

static void *writer_run(void *context)
{
	struct writer *writer = context;
	uint64_t random = 1;

	for (; !atomic_load(&writer->stop); writer->writes++) {
		uint32_t guest, i;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		guest = (uint32_t)(random >> 40) % HOST_GUESTS;
		i = (uint32_t)(random >> 44) % PAGES_HOT;
		expect(*hot_word(writer->host, guest, i) == writer->words[guest][i]);
		*hot_word(writer->host, guest, i) = writer->words[guest][i] = random >> 50 & 1;
		if (writer->writes % 8 == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 }, NULL);
	}
	return NULL;
}

static void writer_stop(struct writer *writer)
{
	atomic_store(&writer->stop, true);
	expect(pthread_join(writer->thread, NULL) == 0);
	for (uint32_t guest = 0; guest < HOST_GUESTS; guest++)
		for (uint32_t i = 0; i < PAGES_HOT; i++)
			expect(*hot_word(writer->host, guest, i) == writer->words[guest][i]);
}

/* Huge pages: what was touched first brings 511 others along, which are zero. */

static struct gmem_huge huge[HOST_GUESTS];
static bool has_huge = true; /* until the host has none to give */

static void huge_begin(struct host *host)
{
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		struct host_guest *guest = &host->guests[i];

		huge[i] = (struct gmem_huge){ .base = guest->base,
					      .bytes = (uint64_t)HOST_PAGES * PAGE_BYTES,
					      .hugepages = GMEM_HUGEPAGES_AUTO };
		guest->remap.huge = &huge[i];
	}
}

/* No page of it has been handed back, so that all 512 are there. */
static bool looks_huge(struct host_guest *guest)
{
	return host_look(guest, HUGE_PAGES - 1) == LOOK_OWN &&
	       remap_ops.is_huge(&guest->remap, 0) != 0;
}

/* Trials */

struct outcome {
	uint64_t shared, zero, mappings, restored;
};

static void engines_step(struct host *host, bool may_fail)
{
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		int rc;

		is_armed = may_fail;
		rc = engine_step(host->guests[i].engine);
		is_armed = false;
		expect(rc >= 0 || (may_fail && failed > 0));
	}
}

/* By the kernel's word, once it was read. */
static void expect_backed_as_said(struct host_guest *guest, uint32_t page)
{
	enum page_state state = engine_page(guest->engine, page).state;
	volatile uint8_t byte = *host_page(guest, page);

	(void)byte;
	expect(state != PAGE_SHARED || host_look(guest, page) == LOOK_OTHER);
}

/* No page of a guest stays held, registered or not: who writes to it comes through. */
static struct outcome settle(struct host *host)
{
	struct outcome outcome = { 0 };

	for (uint32_t round = 0; round < SETTLE; round++)
		engines_step(host, false);
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		struct host_guest *guest = &host->guests[i];
		struct tally tally = engine_tally(guest->engine);

		engine_check(guest->engine);
		expect(!guest->remap.huge || !looks_huge(guest)); /* split, be it later */
		for (uint32_t page = 0; page < PAGES_USED + PAGES_HOT; page++)
			expect_backed_as_said(guest, page);
		outcome.shared += tally.states[PAGE_SHARED];
		outcome.zero += tally.states[PAGE_ZERO];
		outcome.mappings += tally.mappings;
		outcome.restored += tally.restored_total;
		expect(tally.old_store == 0);
	}
	catalog_check(host->catalog);
	expect_contents(host);
	return outcome;
}

static void everything_is_writable(struct host *host)
{
	for (uint32_t i = 0; i < HOST_GUESTS; i++)
		for (uint32_t page = 0; page < PAGES_USED + PAGES_HOT; page++)
			host_fill(&host->guests[i], page, 77);
}

/* All of the memory is given away, as at a reboot: what trials before have left is gone. */
static void host_clear(struct host *host)
{
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		uint32_t returned;

		if (host->guests[i].remap.huge)
			huge[i].is_on = true;
		expect(engine_discard(host->guests[i].engine, 0, HOST_PAGES, &returned) == 0);
		expect(returned == HOST_PAGES);
	}
	for (uint32_t guest = 0; guest < HOST_GUESTS; guest++)
		for (uint32_t page = 0; page < PAGES_USED; page++)
			page_write(host, guest, page, content_of(guest, page));
	for (uint32_t i = 0; i < HOST_GUESTS; i++) {
		struct host_guest *guest = &host->guests[i];

		if (!guest->remap.huge)
			continue;
		huge[i].is_on = false;
		engine_expect_huge(guest->engine, false);
		if (!looks_huge(guest))
			has_huge = false;
	}
}

static struct outcome trial(struct host *host, const struct fault *wanted, bool with_writer)
{
	struct writer writer = { .host = host };
	struct outcome outcome;

	alarm(60); /* a writer that nobody wakes waits for ever */
	host_clear(host);
	fault = *wanted;
	calls = failed = 0;
	if (with_writer)
		expect(pthread_create(&writer.thread, NULL, writer_run, &writer) == 0);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		engines_step(host, true);
		if (round == ROUND_BROKER)
			host_change_broker(host);
		if (round >= 12 && round % 3 == 0)
			round_write(host, round);
		if (round >= 16 && round % 5 == 0)
			pages_give_away(host, round);
	}
	if (with_writer)
		writer_stop(&writer);
	outcome = settle(host);
	everything_is_writable(host);
	return outcome;
}

static uint64_t restored(const struct host *host)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < HOST_GUESTS; i++)
		sum += engine_tally(host->guests[i].engine).restored_total;
	return sum;
}

/* A claim that does not hold, or a writer who waits for ever. */
static void on_end(int signal)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "call %llu failed with error %d, last %s%s\n",
			 (unsigned long long)fault.at, fault.error, last_call,
			 signal == SIGALRM ? "; then nothing went on" : "");

	if (write(STDERR_FILENO, text, (size_t)n) == n)
		_exit(1);
	_exit(2);
}

static const struct fault faults[] = {
	{ .error = ENOMEM },
	{ .error = EAGAIN },
	{ .error = EINTR },
	{ .error = ENOMEM, .tears = true },
};

/* A hole is there for a moment: no writer may meet it. */
static void each_call_fails_once(struct host *host, uint64_t turn, uint64_t stride)
{
	uint64_t before = restored(host);
	struct outcome whole = trial(host, &(struct fault){ 0 }, false), outcome;
	uint64_t count = calls;

	expect(whole.shared > 50 && count > 100);
	expect(host->guests[0].remap.huge || whole.restored > before);
	printf("- each of %llu calls fails once%s\n", (unsigned long long)count,
	       host->guests[0].remap.huge ? ", in huge pages" : "");
	fflush(stdout);
	for (uint64_t at = 1; at <= count; at += stride) {
		struct fault now = faults[(at + turn) % ARRAY_SIZE(faults)];

		now.at = at;
		outcome = trial(host, &now, at % 2 == 0 && !now.tears);
		/* what was given away in vain is other pages than without the failure */
		expect(outcome.shared >= whole.shared / 2);
	}
}

static void calls_fail_at_random(struct host *host, uint64_t seed)
{
	printf("- calls fail at random, seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	random_state = seed;
	for (uint32_t i = 0; i < RANDOM_TRIALS; i++) {
		struct fault now = faults[i % 3];

		now.one_in = 2 + i % 30;
		trial(host, &now, true);
	}
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

/* Splits, and what says whether a page is huge, are system calls as well. */
static void each_call_fails_once_in_huge_pages(bool plain, uint64_t turns, uint64_t stride)
{
	struct host *host = host_create(plain);

	huge_begin(host);
	trial(host, &(struct fault){ 0 }, false);
	for (uint64_t turn = 0; has_huge && turn < turns; turn++)
		each_call_fails_once(host, turn, stride);
	if (!has_huge)
		printf("- not in huge pages: this host has none to give\n");
	host_free(host);
}

int main(void)
{
	uint64_t seed = number_from("FAULTS_SEED", now_ns());
	uint64_t turns = number_from("FAULTS_TURNS", 1);

	signal(SIGABRT, on_end);
	signal(SIGALRM, on_end);
	for (int plain = 0; plain < 2; plain++) {
		struct host *host = host_create(plain);

		printf("%s\n", plain ? "as Linux 6.1" : "as this kernel is");
		calls_fail_at_random(host, seed);
		for (uint64_t turn = 0; turn < turns; turn++)
			each_call_fails_once(host, turn, number_from("FAULTS_STRIDE", 1));
		host_free(host);
		each_call_fails_once_in_huge_pages(plain, turns, number_from("FAULTS_STRIDE", 1));
	}
	return 0;
}
