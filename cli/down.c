/* SPDX-License-Identifier: Apache-2.0 */
/*
 * down.c - samepage down: shut down the guests of a file
 *
 * It returns when nothing is left of them: no process, no socket, no log, and no broker
 * where nobody else uses the domain.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/rundir.h"
#include "cli/broker_watch.h"
#include "cli/client.h"
#include "cli/fleet_file.h"
#include "cli/shutdown.h"
#include "cli/unit.h"
#include "cli/verb.h"

#define BROKER_LEAVE_MS 10000

struct settings {
	uint64_t timeout_seconds;
	bool systemd;
};

static const struct settings defaults = { .timeout_seconds = 30 };

static const struct option options[] = {
	{ "timeout", "SECONDS", "how long guests may take (default 30); then they are ended",
	  OPTION_NUMBER, offsetof(struct settings, timeout_seconds), 0, 86400, 0 },
	{ "systemd", NULL,
	  "stop the units samepage@NAME.service, which says how long they may take", OPTION_FLAG,
	  offsetof(struct settings, systemd), 0, 0, 0 },
	{ 0 },
};

struct down {
	struct fleet_file *file;
	size_t off, ended, absent, failed;
};

static void on_shutdown(void *context, const char *name, enum shutdown_outcome outcome,
			const struct fail *why)
{
	struct down *down = context;

	switch (outcome) {
	case SHUTDOWN_OFF:
		down->off++;
		break;
	case SHUTDOWN_ENDED:
		down->ended++;
		break;
	case SHUTDOWN_ABSENT:
		down->absent++;
		return;
	case SHUTDOWN_FAILED:
		down->failed++;
		fprintf(stderr, "samepage: %s\n", why->text);
		return;
	}
	printf("%s: %s (%zu of %zu)\n", name,
	       outcome == SHUTDOWN_OFF ? "off" : "did not shut down in time and was ended",
	       down->off + down->ended + down->absent + down->failed, down->file->member_count);
	fflush(stdout);
}

/* Whatever the guest had to say: who takes it down does not look for it any more. */
static void log_remove(const char *name)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	char path[RUNDIR_PATH_MAX];
	struct fail why;

	if (client_connect(name, &client, &why) == -ENOENT &&
	    rundir_path(RUNDIR_GUESTS, name, ".log", path, &why) == 0)
		unlink(path);
}

static bool domain_is_used(const struct control_report *reports, size_t count, const char *domain)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(reports[i].domain, domain) == 0)
			return true;
	return false;
}

/* Each domain of the file that no guest uses any more loses its broker. */
static int brokers_wait(const struct fleet_file *file, struct fail *why)
{
	AUTO_FREE struct control_report *reports = NULL;
	const char *last = "";
	size_t count;
	int rc = client_report_all(&reports, &count, why);

	for (size_t i = 0; rc == 0 && i < file->member_count; i++) {
		const char *domain = file->members[i].definition->domain;

		domain = domain ? domain : file->domain;
		if (strcmp(domain, last) != 0 && !domain_is_used(reports, count, domain))
			rc = broker_wait_gone(domain, BROKER_LEAVE_MS, why);
		last = domain;
	}
	return rc;
}

static int guests_shut_down(struct down *down, uint64_t timeout_seconds, struct fail *why)
{
	size_t count = down->file->member_count;
	AUTO_FREE const char **names = fleet_file_names(down->file);

	if (!names)
		return fail_errno(why, ENOMEM, "cannot stop the guests");
	return shutdown_guests(names, count, timeout_seconds, on_shutdown, down, why);
}

/* systemd starts no guest again that it has stopped itself. */
static int units_stop(struct down *down, struct fail *why)
{
	AUTO_FREE const char **names = fleet_file_names(down->file);
	int status = 0;
	pid_t pid = names ? fork() : -1;

	if (pid < 0)
		return fail_errno(why, errno, "cannot call systemctl");
	if (pid == 0 && unit_become("stop", names, down->file->member_count, why) < 0) {
		fprintf(stderr, "samepage: %s\n", why->text);
		_exit(STATUS_ERROR);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : fail_set(why, EIO, "systemctl could not stop all units");
}

static int down_run(struct down *down, const struct settings *settings, struct fail *why)
{
	uint64_t began_ns = now_ns();
	int rc = 0;

	if (settings->systemd) {
		unit_use_rundir();
		rc = units_stop(down, why);
	}
	/* with units, what was started without them */
	if (rc == 0)
		rc = guests_shut_down(down, settings->timeout_seconds, why);
	for (size_t i = 0; rc == 0 && i < down->file->member_count; i++)
		log_remove(down->file->members[i].name);
	if (rc == 0)
		rc = brokers_wait(down->file, why);
	if (rc < 0)
		return rc;
	if (down->absent == down->file->member_count)
		printf(settings->systemd ? "all %zu are down\n"
					 : "none of %zu ran: nothing was done\n",
		       down->absent);
	else
		printf("%zu off, %zu ended, %zu did not run, %zu failed, in %.1f s\n", down->off,
		       down->ended, down->absent, down->failed,
		       (double)(now_ns() - began_ns) / NS_PER_SEC);
	return down->failed ? STATUS_ERROR : 0;
}

static int down_exec(const struct call *call, struct fail *why)
{
	struct down down = { .file = fleet_file_of_call(call) };
	int rc;

	if (!down.file)
		return STATUS_USAGE;
	rc = down_run(&down, call->settings, why);
	fleet_file_free(down.file);
	return rc;
}

const struct verb verb_down = {
	.name = "down",
	.purpose = "shut down the guests of a file",
	.synopsis = "[OPTIONS] FILE [NAME...]",
	.example = "  samepage down shop.conf\n"
		   "  samepage down --timeout 5 shop.conf web-3\n",
	.options = options,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.min_operands = 1,
	.max_operands = -1,
	.exec = down_exec,
};
