/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_link_faults.c - each system call of a link and of a broker fails once: no byte is wrong,
 * and no reference stays behind
 *
 * Two processes with an engine, real memory and a link each share what they have in common
 * through a real broker, which the first of them starts: this program, once more. The linker
 * leads the calls that links and brokers make through here, where the n-th fails, for each
 * n, with each of the errors in turn that this call can give on a busy host. Guests share,
 * break pages and share them again; they check all of their memory after each step, and have
 * to come to the same end whatever failed. When they are gone the broker has no frame left.
 *
 *	FAULTS_TURNS=3	tries each error at each call, not one of them
 *	FAULTS_STRIDE=N	tries every N-th call only (3)
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rundir.h"
#include "broker/broker.h"
#include "dedup/engine.h"
#include "tests/model/expect.h"
#include "tests/unit/scratch.h"
#include "vmm/broker_link.h"
#include "vmm/gmem_remap.h"
#include "wire/broker.h"

#define GUESTS	  2u
#define EQUAL	  40u /* pages that both have */
#define TWICE	  8u  /* and such that one has two of */
#define ZEROES	  8u
#define OWN	  8u
#define PAGES	  (EQUAL + TWICE + ZEROES + OWN)
#define BROKEN	  8u /* of the equal ones, by each guest */
#define PATIENCE  (60 * NS_PER_SEC)
#define SKIPPED	  77
#define FAULT_ENV "CHECK_LINK_FAULTS"

/* The system calls */

enum side { LINK, BROKER };

/* In a file that all processes of a trial map. */
struct fault {
	enum side side;
	uint32_t at; /* the n-th call; 0: none */
	uint32_t turn;
	atomic_uint calls, failed;
	atomic_int broker; /* its process */
	char name[16];	   /* of the call that failed */
	int error;
};

static struct fault *fault;
static bool is_armed;

#define ON_NO_MEMORY 1u
#define ON_LATER     2u
#define ON_SIGNAL    4u
#define ON_ALL	     7u

static bool call_fails(const char *name, unsigned int errors)
{
	static const int numbers[] = { ENOMEM, EAGAIN, EINTR };
	uint32_t number, pick;

	if (!is_armed)
		return false;
	number = atomic_fetch_add(&fault->calls, 1) + 1;
	if (number != fault->at)
		return false;
	pick = (number + fault->turn) % ARRAY_SIZE(numbers);
	while (!(errors & 1u << pick))
		pick = (pick + 1) % ARRAY_SIZE(numbers);
	atomic_fetch_add(&fault->failed, 1);
	snprintf(fault->name, sizeof(fault->name), "%s", name);
	errno = fault->error = numbers[pick];
	return true;
}

#define WRAP(result, name, errors, parameters, arguments)                                          \
	result __real_##name parameters;                                                           \
	result __wrap_##name parameters;                                                           \
	result __wrap_##name parameters                                                            \
	{                                                                                          \
		return call_fails(#name, errors) ? (result)-1 : __real_##name arguments;           \
	}

WRAP(int, socket, ON_NO_MEMORY, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, connect, ON_ALL, (int fd, const struct sockaddr *to, socklen_t length), (fd, to, length))
WRAP(int, accept4, ON_ALL, (int fd, struct sockaddr *from, socklen_t *length, int flags),
     (fd, from, length, flags))
WRAP(ssize_t, send, ON_ALL, (int fd, const void *bytes, size_t length, int flags),
     (fd, bytes, length, flags))
WRAP(ssize_t, sendmsg, ON_ALL, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(ssize_t, recv, ON_ALL, (int fd, void *bytes, size_t length, int flags),
     (fd, bytes, length, flags))
WRAP(ssize_t, recvmsg, ON_ALL, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAP(ssize_t, pwrite, ON_NO_MEMORY | ON_SIGNAL,
     (int fd, const void *bytes, size_t length, off_t offset), (fd, bytes, length, offset))
WRAP(int, fallocate, ON_NO_MEMORY | ON_SIGNAL, (int fd, int mode, off_t offset, off_t length),
     (fd, mode, offset, length))
WRAP(int, epoll_wait, ON_SIGNAL, (int fd, struct epoll_event *events, int count, int timeout),
     (fd, events, count, timeout))

int __real_epoll_ctl(int fd, int what, int other, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int what, int other, struct epoll_event *event);

/* To change what is there, or to take it away, takes no memory. */
int __wrap_epoll_ctl(int fd, int what, int other, struct epoll_event *event)
{
	if (what == EPOLL_CTL_ADD && call_fails("epoll_ctl", ON_NO_MEMORY))
		return -1;
	return __real_epoll_ctl(fd, what, other, event);
}

static void fault_map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	expect(fd >= 0 && ftruncate(fd, sizeof(*fault)) == 0);
	fault = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(fault != MAP_FAILED);
	close(fd);
}

/* The broker */

/* As samepage's own verb: nobody's child. */
static int be_the_broker(const char *domain)
{
	struct fail why;

	if (fork() > 0)
		_exit(0);
	fault_map(getenv(FAULT_ENV));
	atomic_store(&fault->broker, getpid());
	log_set_level(LOG_LEVEL_ERROR);
	is_armed = fault->side == BROKER;
	return broker_main(domain, 3, &why) < 0;
}

/* A guest */

struct guest {
	uint32_t number;
	uint8_t *base;
	uint8_t contents[PAGES]; /* what each page has to be filled with */
	struct pins pins;
	struct remap remap;
	struct broker_link *link;
	struct engine *engine;
};

static void page_write(struct guest *guest, uint32_t page, uint8_t content)
{
	guest->contents[page] = content;
	memset(guest->base + (size_t)page * PAGE_BYTES, content, PAGE_BYTES);
}

static uint8_t content_of(const struct guest *guest, uint32_t page)
{
	if (page < EQUAL)
		return (uint8_t)(1 + page);
	if (page < EQUAL + TWICE)
		return (uint8_t)(100 + 8 * guest->number + page % (TWICE / 2));
	return page < EQUAL + TWICE + ZEROES ? 0
					     : (uint8_t)(180 + OWN * guest->number + page % OWN);
}

static void guest_check(const struct guest *guest)
{
	for (uint32_t page = 0; page < PAGES; page++)
		for (uint32_t i = 0; i < PAGE_BYTES; i++)
			expect(guest->base[(size_t)page * PAGE_BYTES + i] == guest->contents[page]);
	engine_check(guest->engine);
}

static void guest_open(struct guest *guest, const char *domain)
{
	struct engine_config config = { .pages = PAGES,
					.mappings_limit = 60000,
					.memory = &remap_ops,
					.memory_context = &guest->remap,
					.link = &broker_link_ops };
	struct fail why;

	config.base = guest->base = mmap(NULL, (size_t)PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	expect(guest->base != MAP_FAILED);
	for (uint32_t page = 0; page < PAGES; page++)
		page_write(guest, page, content_of(guest, page));
	expect(pins_init(&guest->pins, PAGES) == 0);
	if (remap_init(&guest->remap, guest->base, &guest->pins, false, &why) < 0) {
		printf("skipped: %s\n", why.text);
		fflush(stdout);
		_exit(SKIPPED);
	}
	expect(broker_link_create(domain, guest->number ? "b" : "a", PAGES, 0, &guest->link) == 0);
	config.link_context = guest->link;
	expect(engine_create(&config, &guest->engine) == 0);
}

static void guest_step(struct guest *guest)
{
	const struct timespec moment = { .tv_nsec = NS_PER_MS };
	struct digest_secret secret;
	struct fail why;
	int store_fd;

	is_armed = fault->side == LINK && guest->number == 0;
	if (!engine_link_is_up(guest->engine) &&
	    broker_link_connect(guest->link, &secret, &store_fd, &why) == 0) {
		remap_set_store(&guest->remap, store_fd);
		engine_link_up(guest->engine, &secret);
	}
	expect(engine_step(guest->engine) >= 0);
	is_armed = false;
	guest_check(guest);
	nanosleep(&moment, NULL);
}

static void guest_share(struct guest *guest, uint32_t shared)
{
	uint64_t end = now_ns() + PATIENCE;
	struct tally tally;

	do {
		expect(now_ns() < end);
		guest_step(guest);
		tally = engine_tally(guest->engine);
	} while (tally.states[PAGE_SHARED] != shared || tally.states[PAGE_ZERO] != ZEROES);
}

/* The other one is as far as this one, or will be. */
static void guest_say(const int fds[2])
{
	char byte = 0;

	expect(write(fds[0], &byte, 1) == 1);
}

/* Goes on until it is told to end, since the other one may need it. */
static void guest_run(uint32_t number, const char *domain, int fd)
{
	struct pollfd told = { .fd = fd, .events = POLLIN };
	struct guest guest = { .number = number };
	int fds[2] = { fd, fd };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	guest_open(&guest, domain);
	guest_share(&guest, EQUAL + TWICE);
	/* the other one keeps these frames, unless it breaks them as well */
	for (uint32_t i = 0; i < BROKEN; i++)
		page_write(&guest, number * BROKEN + i, (uint8_t)(220 + number * BROKEN + i));
	guest_share(&guest, EQUAL + TWICE - BROKEN);
	for (uint32_t i = 0; i < BROKEN; i++)
		page_write(&guest, number * BROKEN + i, content_of(&guest, number * BROKEN + i));
	guest_share(&guest, EQUAL + TWICE);
	guest_say(fds);
	while (poll(&told, 1, 0) == 0)
		guest_step(&guest);
	_exit(0); /* with all that it shares */
}

/* Trials */

/* Whoever asks may meet the call that fails, and asks again. */
static struct broker_report *report_get(const char *domain)
{
	struct broker_report *report = NULL;
	char path[RUNDIR_PATH_MAX];
	struct fail why;
	int rc = -1;

	expect(rundir_path(RUNDIR_DOMAINS, domain, ".sock", path, &why) == 0);
	for (int tries = 0; tries < 3 && rc < 0; tries++)
		rc = broker_report_query(path, PATIENCE / NS_PER_MS, &report, &why);
	return rc == 0 ? report : NULL;
}

/* What a frame holds that the kernel could not take out of the store. */
static uint64_t kept_bytes(void)
{
	return strcmp(fault->name, "fallocate") == 0 && fault->error == ENOMEM ? PAGE_BYTES : 0;
}

/* Guests are gone, and so has to be all that they had: before the broker leaves, too. */
static void expect_nothing_left(const char *domain)
{
	uint64_t end = now_ns() + PATIENCE, left = 1;

	while (left > 0) {
		const struct timespec moment = { .tv_nsec = NS_PER_MS };
		struct broker_report *report = report_get(domain);

		expect(report && now_ns() < end);
		left = report->frames + report->shared_mappings;
		left += report->store_bytes > kept_bytes();
		free(report);
		nanosleep(&moment, NULL);
	}
}

static void guest_await(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte;

	expect(poll(&ready, 1, (int)(3 * PATIENCE / NS_PER_MS)) == 1);
	expect(read(fd, &byte, 1) >= 0); /* its end, where it failed: that shows below */
}

static uint32_t trial(enum side side, uint32_t at, uint32_t turn)
{
	static uint32_t count;
	int fds[GUESTS][2], status;
	struct broker_report *report;
	pid_t guests[GUESTS];
	char domain[32];

	*fault = (struct fault){ .side = side, .at = at, .turn = turn };
	snprintf(domain, sizeof(domain), "t%u", count++);
	for (uint32_t i = 0; i < GUESTS; i++) {
		expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds[i]) == 0);
		guests[i] = fork();
		expect(guests[i] >= 0);
		if (guests[i] == 0) {
			close(fds[i][0]);
			guest_run(i, domain, fds[i][1]);
		}
		close(fds[i][1]);
	}
	for (uint32_t i = 0; i < GUESTS; i++)
		guest_await(fds[i][0]);
	report = report_get(domain);
	for (uint32_t i = 0; i < GUESTS; i++) {
		shutdown(fds[i][0], SHUT_RDWR); /* closing is not enough: the others have it too */
		close(fds[i][0]);
		expect(waitpid(guests[i], &status, 0) == guests[i]);
		if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
			exit(SKIPPED);
		expect(status == 0);
	}
	expect(report && report->shared_mappings >= (uint64_t)GUESTS * (EQUAL + TWICE));
	free(report);
	expect_nothing_left(domain);
	kill(atomic_load(&fault->broker), SIGKILL);
	return atomic_load(&fault->calls);
}

static void on_abort(int signal)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "call %u of %s, %s, failed with error %d\n", fault->at,
			 fault->side == LINK ? "the link" : "the broker",
			 atomic_load(&fault->failed) ? fault->name : "not reached", fault->error);

	kill(atomic_load(&fault->broker), SIGKILL);
	_exit(write(STDERR_FILENO, text, (size_t)n) == n ? 1 : 2);
}

static uint32_t number_from(const char *variable, uint32_t otherwise)
{
	const char *text = getenv(variable);

	return text ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

static void each_call_fails_once(enum side side, uint32_t turns, uint32_t stride)
{
	uint32_t count = trial(side, 0, 0);

	expect(count > 20);
	printf("- each of %u calls of %s fails once, one of %u tried\n", count,
	       side == LINK ? "the link" : "the broker", stride);
	fflush(stdout);
	for (uint32_t turn = 0; turn < turns; turn++)
		for (uint32_t at = 1 + turn % stride; at <= count; at += stride)
			trial(side, at, turn);
}

int main(int argc, char **argv)
{
	uint32_t turns = number_from("FAULTS_TURNS", 1), stride = number_from("FAULTS_STRIDE", 3);
	char path[sizeof(scratch_path) + 8];
	struct fail why;

	if (argc > 1 && strcmp(argv[1], "broker") == 0)
		return be_the_broker(argv[argc - 1]);
	scratch_make();
	snprintf(path, sizeof(path), "%s/fault", scratch_path);
	setenv(FAULT_ENV, path, 1);
	fault_map(path);
	expect(rundir_create(&why) == 0);
	signal(SIGABRT, on_abort);
	log_set_level(LOG_LEVEL_ERROR);
	each_call_fails_once(LINK, turns, stride);
	each_call_fails_once(BROKER, turns, stride);
	scratch_remove();
	return 0;
}
