/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.c - who is connected, for how long, and how much of the broker each may use up
 *
 * The end of a connection does not end the guest's references (broker.c): what a process
 * holds is kept until the process ends.
 *
 * A peer can be anybody's of this user: a guest's process that its guest has taken over,
 * or one that is not ours at all. What it may use up is bounded:
 *
 *	memory		one message that is not whole yet; what it does not read, up to
 *			a report and an offer of each frame; one claim and one reference a
 *			page (dedup/catalog.c)
 *	time		a quarter of one processor, after a burst for the first look at
 *			a guest; who has used that up is not served until it has some again.
 *			Reading, writing and forgetting it count as well. All connections of
 *			a process share it, and so do those after them (process.c)
 *	numbers		JOINS_MAX connections of a process whose references are kept
 *	trust		see serve.c
 *	the log		a line now and then (base/log.h)
 *
 * A guest that stands still, in the middle of a message even, is not dropped for it: it
 * may have been stopped, and a link is dear to it. It holds up nobody. Strangers, who
 * have not said HELLO, have to be quick, are few, and share one allowance of time: where
 * it is used up, who connects waits, too, behind those who came before.
 */
#include "broker/guest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define LINGER_NS	(2 * NS_PER_SEC)
#define STRANGER_NS	(10 * NS_PER_SEC) /* until a connection has to be a guest's */
#define STRANGERS_MAX	256u
#define JOINS_MAX	8u
#define RELIEF_NS	(20 * NS_PER_MS) /* between two looks at who is paused */
#define BACKLOG_BYTES	(1u << 20)	 /* a report, say */
#define OFFER_BYTES_MAX 32u		 /* a message of one offer: what a page can cost */

static const struct allowance_rate time_rate = { 10 * NS_PER_SEC, 25 };

static const struct peer_limits stranger_limits = {
	.payload_bytes = BROKER_HELLO_BYTES,
	.backlog_bytes = BACKLOG_BYTES,
};

void broker_guests_init(struct broker *broker)
{
	allowance_init(&broker->strangers, time_rate, now_ns());
	allowance_init(&broker->tidying, time_rate, now_ns());
}

static void guest_complain(struct guest *guest, const char *what, int rc)
{
	log_warn("pid %d (%s) %s (%s)", guest->pid, guest->is_guest ? guest->name : "no guest",
		 what, strerror(-rc));
}

/* Life and death */

static void max_sharers_settle(struct broker *broker)
{
	uint32_t lowest = 0;

	for (const struct guest *guest = broker->guests; guest; guest = guest->next)
		if (guest->is_guest && guest->max_sharers > 0 &&
		    (lowest == 0 || guest->max_sharers < lowest))
			lowest = guest->max_sharers;
	broker->max_sharers = lowest;
	catalog_set_max_sharers(broker->catalog, lowest);
}

/* The process, if it is known, and not another one's of the same number. */
static struct process *process_find(const struct broker *broker, pid_t pid)
{
	struct process *process = broker->processes;

	while (process && (process->pid != pid || !process->death))
		process = process->next;
	return process;
}

static void processes_forget(struct broker *broker)
{
	struct process **link = &broker->processes;

	while (*link) {
		struct process *process = *link;

		if (!process_is_forgettable(process)) {
			link = &process->next;
			continue;
		}
		*link = process->next;
		process_free(process);
	}
}

static void guest_enter_process(struct guest *guest, struct process *process)
{
	guest->process = process;
	if (process)
		process->users++;
}

/* All that it has to be forgotten of is work as well, and at its own expense. */
static void guest_free(struct guest *guest)
{
	struct broker *broker = guest->broker;
	struct guest **link = &broker->guests;
	uint64_t begin_ns = thread_cpu_ns();

	while (*link != guest)
		link = &(*link)->next;
	*link = guest->next;
	if (guest->is_guest) {
		catalog_client_remove(broker->catalog, guest->client);
		broker->by_client[guest->client] = NULL;
		max_sharers_settle(broker);
		if (--broker->guest_count == 0 && broker->linger)
			loop_arm(broker->linger, LINGER_NS);
	} else {
		broker->stranger_count--;
	}
	allowance_spend(guest->time, thread_cpu_ns() - begin_ns);
	if (guest->process)
		guest->process->users--;
	free(guest);
}

/* The process is gone, and its mappings with it. */
static void on_death(void *context, struct process *process)
{
	struct broker *broker = context;
	struct guest *guest, *next;

	log_debug("pid %d has ended", process->pid);
	for (guest = broker->guests; guest; guest = next) {
		next = guest->next;
		if (guest->process != process)
			continue;
		if (guest->peer)
			peer_drop(guest->peer); /* on_close does the rest */
		else
			guest_free(guest);
	}
	processes_forget(broker);
}

static bool guest_holds_frames(const struct guest *guest)
{
	uint64_t references, cost_bytes;

	catalog_client_cost(guest->broker->catalog, guest->client, &references, &cost_bytes);
	return references > 0;
}

static void on_close(void *context)
{
	struct guest *guest = context;

	guest->peer = NULL;
	if (!guest->is_guest || !guest->process->death || !guest_holds_frames(guest))
		guest_free(guest);
	else /* or its next connection would take them for a twin's */
		catalog_client_disclaim(guest->broker->catalog, guest->client);
}

/* Joining */

/* The process of a guest: known, or from now on. */
static int guest_introduce(struct guest *guest)
{
	struct broker *broker = guest->broker;
	struct process *process;
	int rc;

	if (!guest->process) /* another connection may have said HELLO meanwhile */
		guest_enter_process(guest, process_find(broker, guest->pid));
	if (guest->process)
		return guest->process->trust > 0 ? 0 : -EACCES;
	rc = process_create(broker->loop, guest->pid, time_rate, on_death, broker, &process);
	if (rc < 0)
		return rc;
	process->next = broker->processes;
	broker->processes = process;
	guest_enter_process(guest, process);
	return 0;
}

/* A guest's process has its guest's RAM: it can't be smaller than that. */
static bool process_has_pages(pid_t pid, uint32_t pages)
{
	uint64_t size = UINT64_MAX;
	char path[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	file = fopen(path, "re");
	if (file && fscanf(file, "%" SCNu64, &size) != 1)
		size = UINT64_MAX; /* not for us to see */
	if (file)
		fclose(file);
	return size >= pages;
}

static uint32_t joins_of(const struct broker *broker, pid_t pid)
{
	uint32_t joins = 0;

	for (const struct guest *guest = broker->guests; guest; guest = guest->next)
		joins += guest->is_guest && guest->pid == pid;
	return joins;
}

int guest_join(struct guest *guest, const struct broker_hello *hello)
{
	struct broker *broker = guest->broker;
	int rc;

	if (!process_has_pages(guest->pid, hello->pages))
		return -ERANGE;
	if (joins_of(broker, guest->pid) >= JOINS_MAX)
		return -EUSERS;
	rc = guest_introduce(guest);
	if (rc == 0)
		rc = catalog_client_add(broker->catalog, hello->pages, &guest->client);
	if (rc < 0)
		return rc;
	if (guest->client >= ARRAY_SIZE(broker->by_client)) {
		catalog_client_remove(broker->catalog, guest->client);
		return -EUSERS;
	}
	memcpy(guest->name, hello->name, sizeof(guest->name));
	peer_set_limits(guest->peer, (struct peer_limits){ .payload_bytes = BROKER_REQUEST_MAX,
							   .backlog_bytes = BACKLOG_BYTES });
	guest->pages = hello->pages;
	guest->max_sharers = hello->max_sharers;
	guest->is_guest = true;
	broker->by_client[guest->client] = guest;
	broker->guest_count++;
	broker->stranger_count--;
	max_sharers_settle(broker);
	loop_arm(broker->linger, 0);
	return 0;
}

/* Messages */

static struct allowance *guest_time_of(struct guest *guest)
{
	return guest->process ? &guest->process->time : &guest->broker->strangers;
}

/* The next who is paused does not put off the relief of those who are already. */
static void relief_arm(struct broker *broker)
{
	if (broker->relief_is_armed)
		return;
	broker->relief_is_armed = true;
	loop_arm(broker->relief, RELIEF_NS);
}

static void guest_pause_if_out_of_time(struct guest *guest)
{
	if (guest->is_paused || allowance_is_left(guest->time, now_ns()))
		return;
	log_debug("pid %d has used up its time", guest->pid);
	guest->is_paused = true;
	peer_pause(guest->peer);
	relief_arm(guest->broker);
}

static int on_message(void *context, const struct wire_header *header, const uint8_t *payload)
{
	struct guest *guest = context;
	struct broker *broker = guest->broker;
	int rc = guest_serve(guest, header, payload);

	if (rc == -EUSERS || rc == -EACCES)
		guest_complain(guest, "has joined too often, or lied: it shares no more", rc);
	else if (rc < 0)
		guest_complain(guest, "sent what no guest sends: dropped", rc);
	for (struct guest *other = broker->guests; broker->offers_wait && other;
	     other = other->next)
		guest_send_offers(other);
	broker->offers_wait = false;
	broker_history_note(broker);
	return rc;
}

/* Joining is at the expense of strangers: who joins is one until then. */
static void on_spent(void *context, uint64_t cpu_ns)
{
	struct guest *guest = context;

	allowance_spend(guest->time, cpu_ns);
	guest->time = guest_time_of(guest);
	guest_pause_if_out_of_time(guest);
}

size_t guest_backlog_bytes(const struct guest *guest)
{
	uint64_t frames = catalog_frames(guest->broker->catalog);

	return BACKLOG_BYTES +
	       (size_t)(frames < guest->pages ? frames : guest->pages) * OFFER_BYTES_MAX;
}

void broker_guests_relieve(struct broker *broker)
{
	bool is_paused = false;

	broker->relief_is_armed = false;
	for (struct guest *guest = broker->guests; guest; guest = guest->next) {
		if (!guest->is_paused || !guest->peer)
			continue;
		guest->is_paused = !allowance_is_left(guest->time, now_ns());
		if (!guest->is_paused)
			peer_resume(guest->peer);
		is_paused |= guest->is_paused;
	}
	if (is_paused)
		relief_arm(broker);
}

/* Connections */

static const struct peer_ops peer_ops = { .on_message = on_message,
					  .on_spent = on_spent,
					  .on_close = on_close };

/* The oldest goes: whoever means to join does so at once. */
static void strangers_bound(struct broker *broker)
{
	struct guest *oldest = NULL;

	if (broker->stranger_count <= STRANGERS_MAX)
		return;
	for (struct guest *guest = broker->guests; guest; guest = guest->next)
		if (!guest->is_guest && !oldest)
			oldest = guest;
	if (oldest)
		peer_close(oldest->peer); /* at once: the next one is there already */
}

/* What the oldest ask is served first. */
static void guest_append(struct broker *broker, struct guest *guest)
{
	struct guest **link = &broker->guests;

	while (*link)
		link = &(*link)->next;
	*link = guest;
}

void broker_connect(struct broker *broker, int fd, pid_t pid)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	int rc;

	if (!guest) {
		close(fd);
		return;
	}
	guest->broker = broker;
	guest->pid = pid;
	guest->since_ns = now_ns();
	rc = peer_create(broker->loop, fd, stranger_limits, &peer_ops, guest, &guest->peer);
	if (rc < 0) {
		log_warn("cannot serve pid %d: %s", pid, strerror(-rc));
		free(guest);
		return;
	}
	guest_enter_process(guest, process_find(broker, pid));
	guest->time = guest_time_of(guest);
	guest_append(broker, guest);
	broker->stranger_count++;
	/* or its first message would be free, and a connection costs nothing */
	guest_pause_if_out_of_time(guest);
	strangers_bound(broker);
}

void broker_guests_tidy(struct broker *broker)
{
	uint64_t now = now_ns();

	for (struct guest *guest = broker->guests; guest; guest = guest->next) {
		if (!guest->peer)
			continue;
		peer_shrink(guest->peer);
		if (!guest->is_guest && now - guest->since_ns > STRANGER_NS)
			peer_drop(guest->peer);
	}
	processes_forget(broker);
}

void broker_guests_free(struct broker *broker)
{
	broker->linger = NULL; /* the loop is over */
	while (broker->guests) {
		struct guest *guest = broker->guests;

		if (guest->peer)
			peer_close(guest->peer); /* through on_close */
		if (broker->guests == guest)
			guest_free(guest);
	}
	while (broker->processes) {
		struct process *process = broker->processes;

		broker->processes = process->next;
		process_free(process);
	}
}
