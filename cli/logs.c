/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.c - samepage logs: what guests, and the brokers of their domains, have said
 *
 * A log is a file where its guest is detached (guest_log.h). Where the journal has the
 * words, journalctl is asked for them: each line begins with the name of its guest.
 *
 * Followed are the files, by what inotify says of their directories, until all guests
 * that ran at the beginning have ended; a broker's last words come no later than that
 * of its last guest.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/log.h"
#include "cli/client.h"
#include "cli/guest_log.h"
#include "cli/log_tail.h"
#include "cli/targets.h"

struct settings {
	struct target_choice targets;
	bool follow;
};

static const struct option options[] = {
	{ "follow", NULL, "go on with what is said from now on, until the guests have ended",
	  OPTION_FLAG, offsetof(struct settings, follow), 0, 0, 0 },
	TARGETS_OPTIONS,
	{ 0 },
};

/* One log. */
struct source {
	char name[WIRE_TEXT_SIZE];
	bool is_broker;
	struct client client; /* the guest, if it runs */
	struct log_tail tail;
};

struct sources {
	struct source *items;
	size_t count;
};

static void sources_done(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		client_close(&sources->items[i].client);
		log_tail_done(&sources->items[i].tail);
	}
	free(sources->items);
}

/* ------------------------------------------------------- whose logs are meant */

static bool sources_have(const struct sources *sources, enum rundir_kind kind, const char *name)
{
	for (size_t i = 0; i < sources->count; i++)
		if (sources->items[i].is_broker == (kind == RUNDIR_DOMAINS) &&
		    strcmp(sources->items[i].name, name) == 0)
			return true;
	return false;
}

static int source_add(struct sources *sources, enum rundir_kind kind, const char *name,
		      struct fail *why)
{
	struct source *grown, *source;
	struct fail silent;

	if (name[0] == '.' || strchr(name, '/') || strlen(name) >= sizeof(source->name))
		return client_no_such_guest(name, why);
	if (sources_have(sources, kind, name))
		return 0;
	grown = realloc(sources->items, (sources->count + 1) * sizeof(*grown));
	if (!grown)
		return fail_errno(why, ENOMEM, "cannot list the logs");
	sources->items = grown;
	source = &grown[sources->count];
	*source = (struct source){ .is_broker = kind == RUNDIR_DOMAINS, .client = CLIENT_NONE };
	strcpy(source->name, name);
	if (kind == RUNDIR_GUESTS && client_connect(name, &source->client, &silent) < 0)
		source->client = (struct client)CLIENT_NONE; /* it has ended */
	sources->count++;
	return log_tail_init(&source->tail, kind, name, why);
}

/* All of which something with this suffix is there. */
static int sources_add_all(struct sources *sources, enum rundir_kind kind, const char *suffix,
			   struct fail *why)
{
	char **names;
	size_t count;
	int rc = rundir_names_with(kind, suffix, &names, &count, why);

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = source_add(sources, kind, names[i], why);
	rundir_names_free(names, count);
	return rc;
}

static int sources_add_targets(struct sources *sources, const struct call *call, struct fail *why)
{
	AUTO_TARGETS struct targets targets = { 0 };
	int rc = targets_resolve(call, &targets, why);

	for (size_t i = 0; rc == 0 && i < targets.count; i++)
		rc = source_add(sources, RUNDIR_GUESTS, targets.names[i], why);
	return rc;
}

static int sources_find(struct sources *sources, const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	int rc = sources_add_targets(sources, call, why);

	if (rc == 0 && settings->targets.domain)
		rc = source_add(sources, RUNDIR_DOMAINS, settings->targets.domain, why);
	if (!settings->targets.all)
		return rc;
	if (rc == 0)
		rc = sources_add_all(sources, RUNDIR_GUESTS, ".log", why);
	if (rc == 0)
		rc = sources_add_all(sources, RUNDIR_GUESTS, ".old", why);
	if (rc == 0)
		rc = sources_add_all(sources, RUNDIR_DOMAINS, ".sock", why);
	return rc;
}

/* -------------------------------------------------------------- the journal */

static bool source_is_in_journal(const struct source *source)
{
	return !source->is_broker && !source->tail.exists && source->client.pidfd >= 0 &&
	       guest_log_find(source->client.pid) == GUEST_LOG_JOURNAL;
}

/* What lines of these guests begin with, as a regular expression. */
static int journal_pattern(const struct sources *sources, char *pattern, size_t size,
			   struct fail *why)
{
	size_t used = (size_t)snprintf(pattern, size, "^(");

	for (size_t i = 0; i < sources->count; i++) {
		if (!source_is_in_journal(&sources->items[i]))
			continue;
		for (const char *c = sources->items[i].name; *c && used < size; c++)
			used += (size_t)snprintf(pattern + used, size - used,
						 *c == '.' ? "[%c]" : "%c", *c);
		if (used < size)
			used += (size_t)snprintf(pattern + used, size - used, "|");
	}
	if (used + 2 >= size)
		return fail_set(why, E2BIG,
				"the journal can't be asked for so many guests at once");
	strcpy(pattern + used - 1, "): ");
	return 0;
}

/* Becomes journalctl where all that is to be shown is there; says how to call it elsewhere. */
static int journal_show(const struct sources *sources, bool follow, struct fail *why)
{
	char pattern[8192];
	size_t there = 0;
	int rc;

	for (size_t i = 0; i < sources->count; i++)
		there += source_is_in_journal(&sources->items[i]);
	if (there == 0)
		return 0;
	rc = journal_pattern(sources, pattern, sizeof(pattern), why);
	if (rc < 0)
		return rc;
	if (there == sources->count) {
		fflush(stdout);
		execlp("journalctl", "journalctl", "-q", "-t", "samepage", "-g", pattern,
		       follow ? "-f" : NULL, NULL);
	}
	log_answer("%zu of these guests write to the journal: journalctl -t samepage -g '%s'",
		   there, pattern);
	return 0;
}

/* ---------------------------------------------------------------- what is said */

/* Why there is nothing to show. */
static int source_explain(const struct source *source, struct fail *why)
{
	if (source->client.pidfd < 0)
		return fail_set(
			why, ENOENT,
			"guest '%s' does not run, and has left no log here; if it ran under "
			"systemd: journalctl -t samepage -g '^%s: '",
			source->name, source->name);
	return fail_set(why, ENOENT,
			"guest '%s' has no log: it writes to the standard error of the command "
			"that started it",
			source->name);
}

static int sources_print(struct sources *sources, struct fail *why)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sources->count; i++) {
		struct source *source = &sources->items[i];

		rc = log_tail_copy(&source->tail, stdout);
		if (rc < 0)
			return fail_errno(why, -rc, "cannot read %s", source->tail.path);
	}
	return 0;
}

/* A guest that was named has to have a log; the last one's sentence is left to the caller. */
static int sources_miss(const struct sources *sources, const struct call *call, struct fail *why)
{
	int failed = 0;

	for (size_t i = 0; call->operand_count > 0 && i < sources->count; i++) {
		const struct source *source = &sources->items[i];

		if (source->tail.exists || source_is_in_journal(source))
			continue;
		if (failed)
			log_answer("%s", why->text);
		failed = source_explain(source, why);
	}
	return failed;
}

/* -------------------------------------------------------------------- follow */

static int directories_watch(int *ret_fd, struct fail *why)
{
	static const enum rundir_kind kinds[] = { RUNDIR_GUESTS, RUNDIR_DOMAINS };
	AUTO_CLOSE int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[RUNDIR_PATH_MAX];

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(kinds); i++) {
		int rc = rundir_path(kinds[i], "", "", path, why);

		if (rc < 0)
			return rc;
		if (inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_FROM) < 0)
			return fail_errno(why, errno, "cannot watch %s", path);
	}
	if (fd < 0)
		return fail_errno(why, errno, "cannot watch the logs");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Which files changed is found out by reading all of them. */
static void events_discard(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

/* Until something was written or a guest has ended. Guests that run after that. */
static size_t sources_wait(struct sources *sources, struct pollfd *polls, int watch_fd)
{
	size_t running = 0, count = sources->count;

	polls[count] = (struct pollfd){ .fd = watch_fd, .events = POLLIN };
	for (size_t i = 0; i < count; i++)
		polls[i] =
			(struct pollfd){ .fd = sources->items[i].client.pidfd, .events = POLLIN };
	if (poll(polls, count + 1, -1) < 0)
		return count;
	events_discard(watch_fd);
	for (size_t i = 0; i < count; i++) {
		struct source *source = &sources->items[i];

		if (polls[i].revents)
			client_close(&source->client);
		running += source->client.pidfd >= 0;
	}
	return running;
}

/* watch_fd was there before the first look, so that nothing is missed. */
static int sources_follow(struct sources *sources, int watch_fd, struct fail *why)
{
	AUTO_FREE struct pollfd *polls = calloc(sources->count + 1, sizeof(*polls));
	size_t running = 0;
	int rc = 0;

	if (!polls)
		return fail_errno(why, ENOMEM, "cannot follow the logs");
	for (size_t i = 0; i < sources->count; i++)
		running += sources->items[i].client.pidfd >= 0;
	while (rc == 0 && running > 0) {
		if (fflush(stdout) != 0)
			return 0; /* main() says that standard output failed */
		running = sources_wait(sources, polls, watch_fd);
		rc = sources_print(sources, why);
	}
	return rc;
}

static int logs_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	struct sources sources = { 0 };
	AUTO_CLOSE int watch_fd = -1;
	int missing = 0, rc = sources_find(&sources, call, why);

	if (rc == 0 && settings->follow && sources.count > 0)
		rc = directories_watch(&watch_fd, why);
	if (rc == 0)
		rc = sources_print(&sources, why);
	if (rc == 0)
		rc = journal_show(&sources, settings->follow, why);
	if (rc == 0)
		missing = sources_miss(&sources, call, why);
	if (rc == 0 && settings->follow && missing == 0)
		rc = sources_follow(&sources, watch_fd, why);
	sources_done(&sources);
	return rc < 0 ? rc : missing;
}

const struct verb verb_logs = {
	.name = "logs",
	.purpose = "show what guests, and brokers of domains, have to say",
	.synopsis = "[OPTIONS] " TARGETS_SYNOPSIS,
	.example = "  samepage logs web-1\n"
		   "  samepage logs --follow --domain web\n",
	.options = options,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_LOGS,
	.max_operands = -1,
	.check = targets_check,
	.exec = logs_exec,
};
