/* SPDX-License-Identifier: Apache-2.0 */
/*
 * up.c - samepage up: start the guests of a file that don't run yet
 *
 * Each start has a process of its own, and there are so many places for them as --parallel
 * says. A start ends when its guest runs; its place is taken until that has booted: many
 * that boot at once only keep each other waiting. The last ones are not waited for. A signal
 * starts no more guests, and ends the starts that are under way: what runs then stays, and
 * the next samepage up goes on from there.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "cli/boot_watch.h"
#include "cli/end_signals.h"
#include "cli/fleet_file.h"
#include "cli/starter.h"
#include "cli/unit.h"
#include "cli/verb.h"

struct settings {
	uint64_t parallel; /* 0: as many as there are processors */
	bool systemd;
};

static const struct option options[] = {
	{ "parallel", "NUMBER",
	  "start so many at once, until they have booted (default: as many as processors)",
	  OPTION_NUMBER, offsetof(struct settings, parallel), 1, DEFINITION_MAX_COUNT, 0 },
	{ "systemd", NULL,
	  "let systemd start and look after them, by the units samepage@NAME.service", OPTION_FLAG,
	  offsetof(struct settings, systemd), 0, 0, 0 },
	{ 0 },
};

struct start {
	const struct fleet_member *member;
	pid_t pid; /* 0: not begun, or done */
	struct boot_watch boot;
};

struct up {
	struct starter starter;
	struct start *starts;
	size_t count, begun, under_way, booting, parallel;
	size_t outcomes[STARTER_STOPPED + 1];
	bool was_stopped;
	sigset_t awaited; /* signals: the end of a child, or our own */
};

static size_t processors(void)
{
	long number = sysconf(_SC_NPROCESSORS_ONLN);

	return number > 0 ? (size_t)number : 1;
}

static const char *outcome_text(enum starter_outcome outcome)
{
	switch (outcome) {
	case STARTER_STARTED:
		return "started";
	case STARTER_FAILED:
		return "not started";
	case STARTER_STOPPED:
		return "start interrupted";
	case STARTER_RUNS:
	case STARTER_CHANGED:
		break;
	}
	return NULL; /* nothing was done */
}

static void start_done(struct up *up, struct start *start, enum starter_outcome outcome)
{
	const char *text = outcome_text(outcome);

	start->pid = 0;
	up->under_way--;
	up->outcomes[outcome]++;
	if (text)
		printf("%s: %s (%zu of %zu)\n", start->member->name, text,
		       up->begun - up->under_way, up->count);
	fflush(stdout);
}

static bool starts_remain(const struct up *up)
{
	return !up->was_stopped && up->begun < up->count;
}

static void starts_begin(struct up *up)
{
	while (starts_remain(up) && up->under_way + up->booting < up->parallel) {
		struct start *start = &up->starts[up->begun++];
		struct fail why;

		up->under_way++;
		if (starter_fork(&up->starter, start->member, &start->pid, &why) == 0)
			continue;
		fprintf(stderr, "samepage: %s\n", why.text);
		start_done(up, start, STARTER_FAILED);
	}
}

/* Its place is free once it has booted, which matters to those that wait for one. */
static void start_end(struct up *up, struct start *start, enum starter_outcome outcome)
{
	start_done(up, start, outcome);
	if (outcome == STARTER_STARTED && !start->member->definition->paused && starts_remain(up))
		boot_watch_begin(&start->boot, start->member->name, now_ns());
}

static void starts_reap(struct up *up)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < up->begun; i++)
			if (up->starts[i].pid == pid)
				start_end(up, &up->starts[i], starter_outcome(status));
}

/* Systemd goes on with what it was told; a start of our own ends with its guest. */
static void starts_stop(struct up *up)
{
	up->was_stopped = true;
	for (size_t i = 0; i < up->begun && !up->starter.by_unit; i++)
		if (up->starts[i].pid > 0)
			kill(up->starts[i].pid, SIGTERM);
}

static void boots_look(struct up *up)
{
	up->booting = 0;
	for (size_t i = 0; i < up->begun; i++) {
		boot_watch_look(&up->starts[i].boot, now_ns());
		up->booting += boot_watch_is_on(&up->starts[i].boot);
	}
}

static void starts_run(struct up *up)
{
	const struct timespec look = { .tv_nsec = BOOT_WATCH_LOOK_NS };

	starts_begin(up);
	while (up->under_way > 0 || starts_remain(up)) {
		int number = sigtimedwait(&up->awaited, NULL, starts_remain(up) ? &look : NULL);

		if (number == SIGCHLD)
			starts_reap(up);
		else if (number > 0 && !up->was_stopped)
			starts_stop(up);
		boots_look(up);
		starts_begin(up);
	}
}

static int up_summarize(const struct up *up, uint64_t took_ns)
{
	const size_t *outcomes = up->outcomes;
	size_t running = outcomes[STARTER_RUNS] + outcomes[STARTER_CHANGED];
	size_t missing = up->count - running - outcomes[STARTER_STARTED];

	if (running == up->count)
		printf("all %zu run already: nothing was done", running);
	else
		printf("%zu started in %.1f s, %zu ran already, %zu not started",
		       outcomes[STARTER_STARTED], (double)took_ns / NS_PER_SEC, running, missing);
	if (outcomes[STARTER_CHANGED])
		printf("; %zu run otherwise than the file says", outcomes[STARTER_CHANGED]);
	printf("%s\n", up->was_stopped ? "; interrupted" : "");
	return missing || up->was_stopped ? STATUS_ERROR : 0;
}

static int up_prepare(struct up *up, const struct settings *settings, struct fleet_file *file,
		      struct fail *why)
{
	*up = (struct up){ .starter = { .file = file, .by_unit = settings->systemd },
			   .count = file->member_count,
			   .parallel = settings->parallel ? settings->parallel : processors() };
	up->starts = calloc(up->count, sizeof(*up->starts));
	if (!up->starts)
		return fail_errno(why, ENOMEM, "cannot start the guests");
	for (size_t i = 0; i < up->count; i++)
		up->starts[i].member = &file->members[i];
	end_signals_set(&up->awaited);
	sigaddset(&up->awaited, SIGCHLD);
	sigprocmask(SIG_BLOCK, &up->awaited, &up->starter.signals);
	return 0;
}

static int up_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	uint64_t began_ns = now_ns();
	struct fleet_file *file = fleet_file_of_call(call);
	struct up up;
	int rc = 0;

	if (!file)
		return STATUS_USAGE;
	if (settings->systemd) {
		unit_use_rundir();
		rc = unit_check_file(file->absolute, why);
	}
	if (rc == 0)
		rc = up_prepare(&up, settings, file, why);
	if (rc == 0) {
		starts_run(&up);
		rc = up_summarize(&up, now_ns() - began_ns);
		free(up.starts);
	}
	fleet_file_free(file);
	return rc;
}

const struct verb verb_up = {
	.name = "up",
	.purpose = "start the guests of a file that don't run yet",
	.synopsis = "[OPTIONS] FILE [NAME...]",
	.example = "  samepage up shop.conf\n"
		   "  samepage up --parallel 8 shop.conf web-1 web-2\n",
	.options = options,
	.settings_size = sizeof(struct settings),
	.min_operands = 1,
	.max_operands = -1,
	.exec = up_exec,
};
