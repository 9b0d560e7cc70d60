/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker.c - the process that keeps one trust domain's shared frames
 *
 * Theory of operation
 *
 * One thread and one event loop serve the domain's socket. A connection that says
 * HELLO is a guest (guest.c): it gets the store's read-only descriptor, asks the
 * catalog, and publishes. A connection that asks for a report is a command.
 *
 * A guest's references outlive its connection. They stand for mappings, and those
 * last as long as the guest's process: were a frame freed because a socket broke, a
 * living guest would read somebody else's bytes. So the end of a guest is the end of
 * its process, which a pidfd tells, and nothing else.
 *
 * The broker leaves when the last guest has been gone for a while. It does so under
 * the lock that guests hold while they start a broker, and only where nobody waits
 * to be accepted. A guest that connects in the last moment all the same, or has not
 * said HELLO yet, finds its connection closed, and tries again.
 */
#include "broker/broker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "broker/guest.h"

#define LINGER_NS   (2 * NS_PER_SEC)
#define TIDY_NS	    (5 * NS_PER_SEC)
#define STORE_SPARE 16384u /* pages of the store beyond its frames */
#define ACCEPT_MAX  32	   /* connections at once: then those that are there have their turn */

static void remove_files(const char *domain)
{
	static const char *const suffixes[] = { ".sock", ".log", ".old" };
	char path[RUNDIR_PATH_MAX];
	struct fail why;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (rundir_path(RUNDIR_DOMAINS, domain, suffixes[i], path, &why) == 0)
			unlink(path);
}

/* Whether the socket was given up; the lock keeps new guests off while we look. */
static bool leave_domain(struct broker *broker)
{
	AUTO_CLOSE int lock = -1;
	struct fail why;
	pid_t pid;
	int fd;

	if (rundir_lock(RUNDIR_DOMAINS, false, &lock, &why) == -EAGAIN)
		return false; /* somebody is about to connect: look again later */
	if (sock_accept(broker->listen_fd, true, &fd, &pid) == 0) {
		broker_connect(broker, fd, pid);
		return false;
	}
	remove_files(broker->domain);
	return true;
}

static void on_linger(void *context)
{
	struct broker *broker = context;

	if (broker->guest_count > 0)
		return;
	if (leave_domain(broker))
		loop_quit(broker->loop, 0);
	else
		loop_arm(broker->linger, LINGER_NS);
}

/*
 * Reading a hole of the store through a mapping makes a page of zeroes there. A guest of
 * ours reads only frames that it was given; what others fill is emptied again. Nobody can
 * tell who it was, so this has an allowance of its own.
 */
static void store_tidy(struct broker *broker)
{
	uint32_t frames = broker->store.frames, end;
	uint64_t begin_ns = thread_cpu_ns();

	if (store_bytes(&broker->store) / PAGE_BYTES <=
		    catalog_frames(broker->catalog) + STORE_SPARE ||
	    !allowance_is_left(&broker->tidying, now_ns()))
		return;
	log_warn("somebody reads where no frames are: the store is emptied there");
	for (uint32_t first = 0; first < frames; first = end) {
		bool used = catalog_frame_is_used(broker->catalog, first);

		for (end = first + 1; end < frames; end++)
			if (catalog_frame_is_used(broker->catalog, end) != used)
				break;
		if (!used)
			store_punch(&broker->store, first, end - first);
	}
	allowance_spend(&broker->tidying, thread_cpu_ns() - begin_ns);
}

static void on_tidy(void *context)
{
	struct broker *broker = context;

	store_tidy(broker);
	broker_guests_tidy(broker);
	broker_history_note(broker);
	if (loop_set_events(broker->incoming, EPOLLIN) < 0)
		log_debug("cannot listen");
	loop_arm(broker->tidy, TIDY_NS);
}

static void on_relief(void *context)
{
	broker_guests_relieve(context);
}

static void on_incoming(void *context, uint32_t events)
{
	struct broker *broker = context;
	pid_t pid;
	int fd, rc = 0;

	for (int i = 0; rc == 0 && i < ACCEPT_MAX; i++) {
		rc = sock_accept(broker->listen_fd, true, &fd, &pid);
		if (rc == 0)
			broker_connect(broker, fd, pid);
	}
	if (rc == 0 || rc == -EAGAIN || rc == -EPERM)
		return;
	/* out of descriptors, say: look again at the next tidy, not at once and for ever */
	log_warn("cannot accept a connection: %s", strerror(-rc));
	if (loop_set_events(broker->incoming, 0) < 0)
		log_debug("cannot stop listening");
}

static void on_signal(void *context, int signal)
{
	struct broker *broker = context;

	/* a domain that is in use is not left because somebody ends a session */
	if (broker->guest_count == 0)
		on_linger(broker);
	else
		log_warn("%u guests use domain %s: the broker stays until they end",
			 broker->guest_count, broker->domain);
}

static int broker_listen(struct broker *broker)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct loop_source *source;
	int rc = loop_add_fd(broker->loop, broker->listen_fd, EPOLLIN, on_incoming, broker,
			     &broker->incoming);

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(signals); i++)
		rc = loop_add_signal(broker->loop, signals[i], on_signal, broker, &source);
	if (rc == 0)
		rc = loop_add_timer(broker->loop, on_linger, broker, &broker->linger);
	if (rc == 0)
		rc = loop_add_timer(broker->loop, on_tidy, broker, &broker->tidy);
	if (rc == 0)
		rc = loop_add_timer(broker->loop, on_relief, broker, &broker->relief);
	return rc;
}

/*
 * Processes of the same user, root's aside, can't look into this one from now on, nor
 * reach the store through what it has open. The leak checker would be one of them.
 */
static void broker_hide(void)
{
#ifndef __SANITIZE_ADDRESS__
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		log_warn("cannot keep other processes of this user out: %s", strerror(errno));
#endif
}

static int broker_open(struct broker *broker, struct fail *why)
{
	int rc = store_init(&broker->store, broker->domain, why);

	broker_guests_init(broker);
	if (rc < 0)
		return rc;
	broker_hide();
	if (getrandom(broker->secret.bytes, sizeof(broker->secret.bytes), 0) !=
	    (ssize_t)sizeof(broker->secret.bytes))
		return fail_errno(why, EIO, "cannot draw the secret of domain %s", broker->domain);
	rc = catalog_create(broker->store.frames, &broker->secret, &broker_catalog_ops, broker,
			    &broker->catalog);
	if (rc == 0)
		rc = loop_create(&broker->loop);
	if (rc == 0)
		rc = broker_listen(broker);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot start the broker of domain %s", broker->domain);
	return 0;
}

int broker_main(const char *domain, int listen_fd, struct fail *why)
{
	struct broker broker = { .domain = domain, .listen_fd = listen_fd };
	int rc;

	broker.store.fd = broker.store.read_only_fd = -1;
	rc = broker_open(&broker, why);
	if (rc < 0)
		remove_files(domain);
	if (rc == 0) {
		loop_arm(broker.linger, LINGER_NS);
		loop_arm(broker.tidy, TIDY_NS);
		rc = loop_run(broker.loop);
		if (rc < 0)
			rc = fail_errno(why, -rc, "the broker of domain %s failed", domain);
	}
	broker_guests_free(&broker);
	loop_free(broker.loop);
	catalog_free(broker.catalog);
	store_done(&broker.store);
	close(listen_fd);
	return rc;
}
