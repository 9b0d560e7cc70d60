/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_share.c - the dedup thread serves who gives memory back, broker or not
 *
 * This program is its own broker: one that leaves at once, one that takes the
 * connection and never says a word, or one that hears the guest's first and says none. Threads that
 * stand for devices give memory away, write and pin meanwhile; every request is completed once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rundir.h"
#include "dedup/census.h"
#include "tests/model/expect.h"
#include "tests/unit/scratch.h"
#include "vmm/gmem.h"
#include "vmm/gmem_discard.h"
#include "vmm/gmem_share.h"
#include "vmm/pressure.h"

#define SKIPPED	  77
#define BROKER_FD 3 /* its listening socket */
#define BYTES	  (UINT64_C(64) << 20)
#define PAGES	  (BYTES / GMEM_PAGE_SIZE)

struct request {
	struct gmem_discard discard; /* first: on_done() gets this one */
	pthread_mutex_t lock;
	pthread_cond_t done;
	int calls, error;
};

static struct gmem *gmem;
static struct gmem_share *share;

static void on_done(struct gmem_discard *discard, int error)
{
	struct request *request = (struct request *)discard;

	pthread_mutex_lock(&request->lock);
	request->calls++;
	request->error = error;
	pthread_cond_signal(&request->done);
	pthread_mutex_unlock(&request->lock);
}

static void request_init(struct request *request, uint64_t first, uint64_t count)
{
	*request = (struct request){ .discard = { .first = first, .count = count } };
	request->discard.done = on_done;
	pthread_mutex_init(&request->lock, NULL);
	pthread_cond_init(&request->done, NULL);
}

static void request_wait(struct request *request)
{
	pthread_mutex_lock(&request->lock);
	while (request->calls == 0)
		pthread_cond_wait(&request->done, &request->lock);
	expect(request->calls == 1);
	pthread_mutex_unlock(&request->lock);
}

static struct request give_away(uint64_t first, uint64_t count)
{
	struct request request;

	request_init(&request, first, count);
	gmem_discard(gmem, &request.discard);
	request_wait(&request);
	return request;
}

/* The linker leads all of the program's calls of pread() here. */

static atomic_bool looks_fail;
static atomic_uint looks_failed;

ssize_t __real_pread(int fd, void *to, size_t length, off_t offset);
ssize_t __wrap_pread(int fd, void *to, size_t length, off_t offset);

/* What is so long asks what backs pages. */
ssize_t __wrap_pread(int fd, void *to, size_t length, off_t offset)
{
	if (length < 256 || !atomic_load(&looks_fail))
		return __real_pread(fd, to, length, offset);
	atomic_fetch_add(&looks_failed, 1);
	errno = ENOMEM;
	return -1;
}

/*
 * A host that is never short where it is asked; and where the trigger would be there is a
 * socket: poll() tells of a byte that is out of band as of a trigger, but until it is taken.
 */

static int trigger[2];

void __real_pressure_open(struct pressure *pressure, const char *path);
void __wrap_pressure_open(struct pressure *pressure, const char *path);

void __wrap_pressure_open(struct pressure *pressure, const char *path)
{
	__real_pressure_open(pressure, "/nonexistent");
	pressure->trigger_fd = fcntl(trigger[1], F_DUPFD_CLOEXEC, 0);
}

static const char *heard_path(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/heard", scratch_path);
	return path;
}

static void start_with(uint64_t bytes, const char *broker)
{
	struct gmem_share_config config = { .domain = "test", .name = "test", .cpu_percent = 50 };
	struct fail why;

	setenv("CHECK_SHARE_BROKER", broker, 1);
	setenv("CHECK_SHARE_HEARD", heard_path(), 1);
	expect(rundir_create(&why) == 0);
	expect(gmem_create(bytes, &gmem, &why) == 0);
	memset(gmem_base(gmem), 7, bytes);
	if (gmem_share_create(gmem, &config, &share, &why) < 0) {
		printf("skipped: %s\n", why.text);
		scratch_remove();
		exit(SKIPPED);
	}
}

static void start(const char *broker)
{
	start_with(BYTES, broker);
}

static void finish(void)
{
	gmem_share_free(share);
	gmem_free(gmem);
}

static uint64_t *page_at(uint64_t page)
{
	return (uint64_t *)gmem_base(gmem) + page * (GMEM_PAGE_SIZE / sizeof(uint64_t));
}

static void memory_comes_back_and_the_report_says_so(void)
{
	struct gmem_share_report report;
	struct request request;

	start("leaves");
	request = give_away(100, 5000);
	expect(request.error == 0 && request.discard.returned == 5000);
	gmem_share_report(share, &report);
	expect(report.discarded_total == 5000);
	expect(report.populated_bytes == BYTES - 5000 * GMEM_PAGE_SIZE);
	expect(report.shared_bytes == 0 && report.zero_bytes == 0);
	expect(*page_at(99) != 0 && *page_at(100) == 0 && *page_at(5099) == 0);
	*page_at(200) = 1; /* the guest takes one back */
	gmem_share_report(share, &report);
	expect(report.returned_bytes == 4999 * GMEM_PAGE_SIZE);
	expect(report.populated_bytes == BYTES - 4999 * GMEM_PAGE_SIZE);
	expect(*page_at(200) == 1);
	finish();
}

static uint64_t passes_now(void)
{
	struct gmem_share_report report;

	gmem_share_report(share, &report);
	return report.passes;
}

static void a_look_that_fails_does_not_end_sharing(void)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };
	uint64_t before;

	start("leaves");
	atomic_store(&looks_failed, 0);
	atomic_store(&looks_fail, true);
	while (atomic_load(&looks_failed) == 0)
		nanosleep(&moment, NULL);
	atomic_store(&looks_fail, false);
	before = passes_now();
	while (passes_now() < before + 2)
		nanosleep(&moment, NULL);
	finish();
}

/* From the end of one to the end of the next. */
static uint64_t time_of_a_pass_ns(void)
{
	const struct timespec moment = { .tv_nsec = 5 * 1000 * 1000 };
	uint64_t before = passes_now(), begin_ns;

	while (passes_now() == before)
		nanosleep(&moment, NULL);
	begin_ns = now_ns();
	while (passes_now() == before + 1)
		nanosleep(&moment, NULL);
	return now_ns() - begin_ns;
}

/* A pause without a broker is of a second. */
static void a_host_that_becomes_short_of_memory_ends_a_pause(void)
{
	char byte = 0;

	start_with(UINT64_C(1) << 20, "leaves");
	while (time_of_a_pass_ns() < NS_PER_SEC * 9 / 10)
		;
	expect(send(trigger[0], &byte, 1, MSG_OOB) == 1);
	while (time_of_a_pass_ns() > NS_PER_SEC / 2)
		;
	expect(recv(trigger[1], &byte, 1, MSG_OOB) == 1);
	while (time_of_a_pass_ns() < NS_PER_SEC * 9 / 10)
		;
	finish();
}

static uint64_t census_count(const uint32_t *entries, enum census_kind kind)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < PAGES; i++)
		count += census_kind(entries[i]) == kind;
	return count;
}

static void a_census_says_what_each_page_is(void)
{
	uint32_t *entries = malloc(PAGES * sizeof(*entries));
	uint64_t store;

	start("leaves");
	expect(entries && give_away(100, 5000).error == 0);
	*page_at(200) = 1; /* the guest takes one back */
	expect(gmem_pin(gmem, page_at(7), GMEM_PAGE_SIZE) == 0);
	expect(gmem_share_census(share, entries, &store) == 0);
	gmem_unpin(gmem, page_at(7), GMEM_PAGE_SIZE);
	expect(store == 0);
	expect(census_kind(entries[7]) == CENSUS_PINNED);
	expect(census_kind(entries[99]) == CENSUS_CHANGING);
	expect(census_kind(entries[100]) == CENSUS_RETURNED);
	expect(census_kind(entries[200]) == CENSUS_CHANGING);
	expect(census_count(entries, CENSUS_RETURNED) == 4999);
	expect(census_count(entries, CENSUS_PINNED) == 1);
	expect(census_count(entries, CENSUS_CHANGING) == PAGES - 5000);
	finish();
	free(entries);
}

static void all_of_memory_comes_back(void)
{
	struct gmem_share_report report;

	start("leaves");
	for (int round = 0; round < 2; round++) {
		struct request request = give_away(0, PAGES);

		expect(request.error == 0 && request.discard.returned == PAGES);
		gmem_share_report(share, &report);
		expect(report.populated_bytes == 0 && report.returned_bytes == BYTES);
		expect(report.mappings == 1);
		memset(gmem_base(gmem), 9, BYTES);
	}
	expect(give_away(PAGES - 1, 2).error == -EFAULT);
	finish();
}

/* It sleeps between two passes, or in one, when the guest starts anew. */
static void no_page_is_looked_at_while_a_guest_boots(void)
{
	const struct timespec longer_than_between_passes = { .tv_sec = 2 };
	struct gmem_share_report before = { 0 }, after;

	start_with(UINT64_C(1) << 20, "leaves"); /* a pass is one step */
	while (before.passes == 0)
		gmem_share_report(share, &before);
	gmem_share_rest(share, 3600 * NS_PER_SEC);
	gmem_share_report(share, &before); /* after the step that was under way */
	nanosleep(&longer_than_between_passes, NULL);
	gmem_share_report(share, &after);
	expect(after.passes == before.passes);
	expect(give_away(0, 256).error == 0); /* the others are served */
	finish();
}

/* The thread waits for the broker's word, and gives up on it some time. */
static void a_broker_that_is_mute_is_not_waited_for(void)
{
	struct request request;

	start("mute");
	request = give_away(0, PAGES);
	expect(request.error == 0 && request.discard.returned == PAGES);
	finish();
}

/* Nor while it is given the time to speak: else a guest that reboots would wait as long. */
static void a_guest_that_starts_anew_does_not_wait_for_a_broker_at_all(void)
{
	const struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };
	uint64_t begin_ns;

	start("deaf");
	while (access(heard_path(), F_OK) < 0) /* the thread waits from then on */
		nanosleep(&moment, NULL);
	begin_ns = now_ns();
	gmem_share_restart(share, 3600 * NS_PER_SEC);
	expect(give_away(0, PAGES).error == 0);
	expect(now_ns() - begin_ns < 2 * NS_PER_SEC);
	finish();
}

static void who_waits_at_the_end_is_told(void)
{
	static struct request requests[64];
	uint64_t returned = 0;

	start("leaves");
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		request_init(&requests[i], 0, PAGES);
		gmem_discard(gmem, &requests[i].discard);
	}
	gmem_share_free(share);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		expect(requests[i].calls == 1);
		expect(requests[i].error == 0 || requests[i].error == -ECANCELED);
		expect(requests[i].error != 0 || requests[i].discard.returned == PAGES);
		returned += requests[i].discard.returned;
	}
	expect(give_away(0, 1).error == -ECANCELED);
	gmem_free(gmem);
}

/* Devices */

enum { DEVICES = 3, ROUNDS = 2000, RANGE = 64 };

/* What a page holds once it was given away belongs to who asked; it is used at once. */
static void *device_run(void *context)
{
	uint64_t number = (uintptr_t)context, own = number * RANGE;
	uint64_t *word = page_at(own + 3);

	for (uint64_t round = 1; round <= ROUNDS; round++) {
		uint64_t first = own + round % RANGE, count = 1 + round % 7;
		struct request request;

		if (first + count > own + RANGE)
			count = own + RANGE - first;
		*word = round;
		request = give_away(first, count);
		expect(request.error == 0 && request.discard.returned == count);
		expect(*word == (first <= own + 3 && first + count > own + 3 ? 0 : round));
		*word = round;
		/* a page that is pinned stays, whoever gives it away */
		expect(gmem_pin(gmem, word, sizeof(*word)) == 0);
		expect(give_away(own, RANGE).discard.returned == RANGE - 1);
		expect(*word == round);
		gmem_unpin(gmem, word, sizeof(*word));
	}
	return NULL;
}

static void many_can_give_away_at_once(void)
{
	pthread_t threads[DEVICES];
	struct gmem_share_report report;

	start("leaves");
	for (uintptr_t i = 0; i < DEVICES; i++)
		expect(pthread_create(&threads[i], NULL, device_run, (void *)i) == 0);
	for (uint32_t i = 0; i < DEVICES; i++)
		expect(pthread_join(threads[i], NULL) == 0);
	gmem_share_report(share, &report);
	expect(report.discarded_total >= (uint64_t)DEVICES * ROUNDS * RANGE);
	finish();
}

/* Listens to the first word of the one who comes, and says so. */
static void broker_hear(void)
{
	struct pollfd guest = { .fd = BROKER_FD, .events = POLLIN };
	char word;

	if (poll(&guest, 1, -1) == 1)
		guest.fd = accept(BROKER_FD, NULL, NULL);
	if (recv(guest.fd, &word, 1, 0) == 1)
		close(open(getenv("CHECK_SHARE_HEARD"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

/* What the dedup thread starts as "samepage broker". */
static int be_the_broker(void)
{
	const char *kind = getenv("CHECK_SHARE_BROKER");

	if (strcmp(kind, "leaves") == 0 || fork() != 0)
		return 0;
	alarm(20); /* nobody else ends it */
	if (strcmp(kind, "deaf") == 0)
		broker_hear();
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
#define TEST(name) { #name, name }
		TEST(memory_comes_back_and_the_report_says_so),
		TEST(a_census_says_what_each_page_is),
		TEST(all_of_memory_comes_back),
		TEST(a_look_that_fails_does_not_end_sharing),
		TEST(a_host_that_becomes_short_of_memory_ends_a_pause),
		TEST(who_waits_at_the_end_is_told),
		TEST(many_can_give_away_at_once),
		TEST(no_page_is_looked_at_while_a_guest_boots),
		TEST(a_broker_that_is_mute_is_not_waited_for),
		TEST(a_guest_that_starts_anew_does_not_wait_for_a_broker_at_all),
#undef TEST
	};

	if (argc > 1 && strcmp(argv[1], "broker") == 0)
		return be_the_broker();
	expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, trigger) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		printf("- %s\n", tests[i].name);
		fflush(stdout);
		alarm(120); /* somebody waits for ever */
		scratch_make();
		tests[i].run();
		scratch_remove();
	}
	return 0;
}
