/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_link.c - a guest's connection to the broker of its domain
 *
 * Requests are answered in order, and offers may come in between: whatever reads
 * the socket puts offers aside until the engine asks for them. The broker is of the
 * same user and domain, but it is a peer: lengths and counts are checked, and a
 * message that makes no sense ends the connection. So does a broker that does not
 * answer for long, or that offers more than this guest has pages: the dedup thread has
 * others to serve, too. What frames it names is checked where they are read, whole,
 * before they are mapped (gmem_remap.c), and by comparing (dedup/merge.c).
 */
#include "vmm/broker_link.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/race.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "wire/broker.h"

#define INPUT_SIZE    (2 * (WIRE_HEADER_SIZE + BROKER_REPLY_MAX))
#define CONNECT_TRIES 3
#define GREET_SECONDS 5	 /* to wait for the welcome */
#define REPLY_SECONDS 20 /* and later for each piece of an answer: losing a link is dear */
#define ANSWER_NS     (3 * REPLY_SECONDS * NS_PER_SEC) /* for all of it */
#define BROKER_FD     3 /* where the new broker finds its listening socket */

struct broker_link {
	char domain[WIRE_TEXT_SIZE];
	struct broker_hello hello;
	pthread_mutex_t lock; /* of the next three, for those who don't wait for the broker */
	int fd;
	bool interrupted; /* for good */
	bool is_cut;	  /* until it is mended */
	uint8_t input[INPUT_SIZE];
	size_t input_used;
	struct link_offer *offers; /* put aside */
	uint32_t offer_count, offer_room;
	uint8_t output[WIRE_HEADER_SIZE + 4 + PROBE_MAX * BROKER_ITEM_SIZE];
};

int broker_link_create(const char *domain, const char *name, uint32_t pages, uint32_t max_sharers,
		       struct broker_link **ret_link)
{
	struct broker_link *link = calloc(1, sizeof(*link));

	if (!link)
		return -ENOMEM;
	snprintf(link->domain, sizeof(link->domain), "%s", domain);
	snprintf(link->hello.name, sizeof(link->hello.name), "%s", name);
	link->hello.pages = pages;
	link->hello.max_sharers = max_sharers;
	link->fd = -1;
	pthread_mutex_init(&link->lock, NULL);
	*ret_link = link;
	return 0;
}

static void link_close(struct broker_link *link)
{
	pthread_mutex_lock(&link->lock);
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	pthread_mutex_unlock(&link->lock);
	link->input_used = 0;
	link->offer_count = 0;
}

void broker_link_free(struct broker_link *link)
{
	if (!link)
		return;
	link_close(link);
	pthread_mutex_destroy(&link->lock);
	free(link->offers);
	free(link);
}

int broker_link_fd(const struct broker_link *link)
{
	return link->fd;
}

static void link_hang_up(struct broker_link *link, bool *why)
{
	pthread_mutex_lock(&link->lock);
	*why = true;
	if (link->fd >= 0)
		shutdown(link->fd, SHUT_RDWR);
	pthread_mutex_unlock(&link->lock);
}

void broker_link_interrupt(struct broker_link *link)
{
	link_hang_up(link, &link->interrupted);
}

void broker_link_cut(struct broker_link *link)
{
	link_hang_up(link, &link->is_cut);
}

void broker_link_mend(struct broker_link *link)
{
	pthread_mutex_lock(&link->lock);
	link->is_cut = false;
	pthread_mutex_unlock(&link->lock);
}

/* Starting a broker */

/* posix_spawn() copies no page tables, however much memory this process has. */
static int broker_spawn(const char *domain, int listen_fd, const char *log_path)
{
	char fd_text[16], verb[] = "broker", self[] = "samepage", option[] = "--listen-fd";
	char name[WIRE_TEXT_SIZE];
	char level_option[] = "--log-level", level[16];
	char *argv[] = { self, verb, option, fd_text, level_option, level, name, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	pid_t pid;
	int rc;

	snprintf(fd_text, sizeof(fd_text), "%d", BROKER_FD);
	snprintf(name, sizeof(name), "%s", domain);
	snprintf(level, sizeof(level), "%s", log_level_name(log_get_level()));
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (!log_is_to_journal())
		posix_spawn_file_actions_addopen(&actions, 2, log_path,
						 O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&actions, listen_fd, BROKER_FD);
	posix_spawn_file_actions_addclosefrom_np(&actions, BROKER_FD + 1);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	/* the broker forks at once, so that it is nobody's child: this is its first half */
	while (rc == 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -rc;
}

/*
 * Where a service manager waits for it, it makes the broker a process of a unit of its
 * own: one that is ours would be ended with our unit, and pay for its store there.
 * -ENOENT, -ECONNREFUSED: nobody waits.
 */
static int broker_hand_over(const char *domain, int listen_fd, const char *starter_path)
{
	uint8_t bytes[WIRE_HEADER_SIZE + BROKER_START_BYTES];
	AUTO_CLOSE int fd = -1;
	int rc = sock_connect(starter_path, true, &fd);

	if (rc == 0)
		rc = broker_put_start(bytes, sizeof(bytes), domain);
	return rc < 0 ? rc : sock_write_fd(fd, bytes, (size_t)rc, listen_fd);
}

/*
 * Under the lock, so that only one guest starts a broker, and none is started while
 * one is about to leave. The new broker inherits the listening socket: from now on a
 * connection waits there, even before the broker runs.
 */
static int broker_start(const char *domain, const char *socket_path, struct fail *why)
{
	char log_path[RUNDIR_PATH_MAX], starter_path[RUNDIR_PATH_MAX];
	AUTO_CLOSE int lock = -1, listen_fd = -1, high_fd = -1;
	int rc = rundir_path(RUNDIR_DOMAINS, domain, ".log", log_path, why);

	if (rc == 0)
		rc = rundir_path(RUNDIR_DOMAINS, RUNDIR_BROKER_STARTER, "", starter_path, why);
	if (rc == 0)
		rc = rundir_lock(RUNDIR_DOMAINS, true, &lock, why);
	if (rc < 0)
		return rc;
	rc = sock_listen(socket_path, &listen_fd);
	if (rc == -EADDRINUSE)
		return 0; /* somebody was faster */
	if (rc < 0)
		return fail_errno(why, -rc, "cannot listen at %s", socket_path);
	rc = broker_hand_over(domain, listen_fd, starter_path);
	if (rc == -ENOENT || rc == -ECONNREFUSED) {
		/* dup2() onto itself would leave close-on-exec set */
		high_fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, BROKER_FD + 1);
		rc = high_fd < 0 ? -errno : broker_spawn(domain, high_fd, log_path);
	}
	if (rc < 0) {
		unlink(socket_path);
		return fail_errno(why, -rc, "cannot start the broker of domain %s", domain);
	}
	return 0;
}

/* Connecting */

static int link_set_patience(const struct broker_link *link, time_t seconds)
{
	struct timeval patience = { .tv_sec = seconds };

	if (setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(link->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	return 0;
}

static int link_open(struct broker_link *link, struct fail *why)
{
	char path[RUNDIR_PATH_MAX];
	int fd, rc = rundir_path(RUNDIR_DOMAINS, link->domain, ".sock", path, why);

	for (int tries = 0; rc == 0 && tries < CONNECT_TRIES; tries++) {
		rc = sock_connect(path, false, &fd);
		if (rc == 0)
			break;
		if (rc == -ENOENT || rc == -ECONNREFUSED)
			rc = broker_start(link->domain, path, why);
		else
			rc = fail_errno(why, -rc, "cannot connect to the broker at %s", path);
		if (rc == 0 && tries + 1 == CONNECT_TRIES)
			rc = fail_errno(why, ECONNREFUSED, "no broker answers at %s", path);
	}
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&link->lock);
	link->fd = fd;
	if (link->interrupted || link->is_cut)
		shutdown(fd, SHUT_RDWR);
	pthread_mutex_unlock(&link->lock);
	return 0;
}

/*
 * It has to have all its frames: reading behind its end would be a SIGBUS. Who can cut
 * it short later is who writes the frames, and could do worse.
 */
static int store_check(int fd, uint32_t frames)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size / (off_t)PAGE_BYTES < (off_t)frames)
		return -EPROTO;
	return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY ? 0 : -EPROTO;
}

static int link_greet(struct broker_link *link, struct digest_secret *ret_secret, int *ret_store_fd)
{
	uint8_t bytes[WIRE_HEADER_SIZE + DIGEST_SECRET_BYTES + 4];
	struct broker_welcome welcome;
	struct wire_header header;
	AUTO_CLOSE int store_fd = -1;
	int rc = link_set_patience(link, GREET_SECONDS);
	ssize_t n;

	if (rc == 0)
		rc = broker_put_hello(link->output, sizeof(link->output), &link->hello);
	if (rc > 0)
		rc = sock_write_all(link->fd, link->output, (size_t)rc);
	if (rc < 0)
		return rc;
	n = sock_read_fd(link->fd, bytes, sizeof(bytes), &store_fd);
	if (n <= 0)
		return n < 0 ? (int)n : -ECONNRESET;
	/* it is sent as one, and comes as one */
	rc = (size_t)n == sizeof(bytes)
		     ? wire_header_decode(bytes, sizeof(bytes) - WIRE_HEADER_SIZE, &header)
		     : -EPROTO;
	if (rc == 0 && (header.type != BROKER_WELCOME || store_fd < 0))
		rc = -EPROTO;
	if (rc == 0)
		rc = broker_get_welcome(bytes + WIRE_HEADER_SIZE, header.length, &welcome);
	if (rc == 0)
		rc = store_check(store_fd, welcome.store_frames);
	if (rc == 0)
		rc = link_set_patience(link, REPLY_SECONDS);
	if (rc < 0)
		return rc;
	*ret_secret = welcome.secret;
	*ret_store_fd = TAKE_FD(store_fd);
	return 0;
}

int broker_link_connect(struct broker_link *link, struct digest_secret *ret_secret,
			int *ret_store_fd, struct fail *why)
{
	int rc;

	/* a broker that is just leaving closes what it has not greeted: the next one stays */
	for (int tries = 0; tries < 2; tries++) {
		link_close(link);
		rc = link_open(link, why);
		if (rc < 0)
			return rc;
		rc = link_greet(link, ret_secret, ret_store_fd);
		if (rc != -ECONNRESET && rc != -EPIPE)
			break;
	}
	if (rc < 0) {
		link_close(link);
		if (rc == -ECONNRESET || rc == -EPIPE) /* it was there, and hung up twice */
			return fail_errno(
				why, -rc,
				"the broker of domain %s hangs up on this guest: see its log",
				link->domain);
		return fail_errno(why, rc == -EAGAIN ? ETIMEDOUT : -rc,
				  "the broker of domain %s does not answer as it should",
				  link->domain);
	}
	return 0;
}

/* Messages in */

static int offers_keep(struct broker_link *link, const uint8_t *payload, size_t length)
{
	uint32_t count, room = link->offer_room;
	struct link_offer *offers;
	int rc;

	/* each is for a page that waits */
	if (link->offer_count > link->hello.pages)
		return -EPROTO;
	if (link->offer_count + BROKER_OFFERS_MAX > room) {
		room = room * 2 + BROKER_OFFERS_MAX;
		offers = realloc(link->offers, room * sizeof(*offers));
		if (!offers)
			return -ENOMEM;
		link->offers = offers;
		link->offer_room = room;
	}
	rc = broker_get_offers(payload, length, link->offers + link->offer_count, &count);
	if (rc == 0)
		link->offer_count += count;
	return rc;
}

/*
 * Reads what is there, or waits for something; -EAGAIN: for too long. 0: nothing new
 * without waiting.
 */
static int input_fill(struct broker_link *link, bool wait)
{
	ssize_t n;

	do {
		n = recv(link->fd, link->input + link->input_used, INPUT_SIZE - link->input_used,
			 wait ? 0 : MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN && !wait ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	link->input_used += (size_t)n;
	return 1;
}

static void input_consume(struct broker_link *link, size_t count)
{
	memmove(link->input, link->input + count, link->input_used - count);
	link->input_used -= count;
}

/*
 * Takes the first whole message off the input. 1: it was an offer, now put aside;
 * 2: it was answers, now in ret_answers; 0: there is no whole message.
 */
static int input_take(struct broker_link *link, uint32_t *ret_answers, uint32_t expected)
{
	struct wire_header header;
	uint32_t count;
	const uint8_t *payload = link->input + WIRE_HEADER_SIZE;
	int rc;

	if (link->input_used < WIRE_HEADER_SIZE)
		return 0;
	rc = wire_header_decode(link->input, BROKER_REPLY_MAX, &header);
	if (rc < 0)
		return rc;
	if (link->input_used - WIRE_HEADER_SIZE < header.length)
		return 0;
	if (header.type == BROKER_OFFERS) {
		rc = offers_keep(link, payload, header.length);
	} else if (header.type == BROKER_ANSWERS && ret_answers) {
		rc = broker_get_numbers(payload, header.length, expected, ret_answers, &count);
		if (rc == 0 && count != expected)
			rc = -EPROTO;
	} else {
		rc = -EPROTO;
	}
	input_consume(link, WIRE_HEADER_SIZE + header.length);
	return rc < 0 ? rc : header.type == BROKER_OFFERS ? 1 : 2;
}

static int answers_wait(struct broker_link *link, uint32_t *ret_answers, uint32_t expected)
{
	uint64_t end = now_ns() + ANSWER_NS;
	int rc = 0;

	while (rc >= 0 && rc != 2) {
		rc = input_take(link, ret_answers, expected);
		if (rc == 0)
			rc = now_ns() < end ? input_fill(link, true) : -ETIMEDOUT;
	}
	return rc < 0 ? rc : 0;
}

/* The engine's requests */

static int link_probe(void *context, const struct catalog_item *items, uint32_t count,
		      uint32_t *ret_answers)
{
	struct broker_link *link = context;
	int rc = broker_put_probe(link->output, sizeof(link->output), items, count);

	if (rc > 0)
		rc = sock_write_all(link->fd, link->output, (size_t)rc);
	return rc < 0 ? rc : answers_wait(link, ret_answers, count);
}

/* The pages' bytes go to the socket straight from guest memory: the broker checks what comes. */
static int publication_send(const struct broker_link *link, struct iovec *parts, size_t count)
{
	RACES_WITH_GUEST;

	return sock_write_parts(link->fd, parts, count);
}

static int link_publish(void *context, const struct catalog_item *items, const void *const *pages,
			uint32_t count, uint32_t *ret_answers)
{
	struct broker_link *link = context;
	struct iovec parts[PUBLISH_MAX + 1];
	int rc = broker_put_publish(link->output, sizeof(link->output), items, count);

	if (rc < 0)
		return rc;
	parts[0] = (struct iovec){ .iov_base = link->output, .iov_len = (size_t)rc };
	for (uint32_t i = 0; i < count; i++)
		parts[i + 1] = (struct iovec){ .iov_base = (void *)(uintptr_t)pages[i],
					       .iov_len = PAGE_BYTES };
	rc = publication_send(link, parts, count + 1);
	return rc < 0 ? rc : answers_wait(link, ret_answers, count);
}

static int link_release(void *context, const uint32_t *frames, uint32_t count)
{
	struct broker_link *link = context;
	int rc = broker_put_numbers(link->output, sizeof(link->output), BROKER_RELEASE, frames,
				    count);

	return rc < 0 ? rc : sock_write_all(link->fd, link->output, (size_t)rc);
}

static int link_offers(void *context, struct link_offer *ret_offers, uint32_t max)
{
	struct broker_link *link = context;
	uint32_t count;
	int rc = 1;

	while (rc > 0 && link->offer_count < max) {
		rc = input_take(link, NULL, 0);
		if (rc == 0)
			rc = input_fill(link, false);
	}
	if (rc < 0)
		return rc;
	if (link->offer_count == 0)
		return 0;
	count = link->offer_count < max ? link->offer_count : max;
	memcpy(ret_offers, link->offers, count * sizeof(*ret_offers));
	link->offer_count -= count;
	memmove(link->offers, link->offers + count, link->offer_count * sizeof(*link->offers));
	return (int)count;
}

const struct link_ops broker_link_ops = {
	.probe = link_probe,
	.publish = link_publish,
	.release = link_release,
	.offers = link_offers,
};
