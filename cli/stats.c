/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c - samepage stats: what sharing gives back and what it costs */
#include <stdio.h>
#include <time.h>

#include "cli/report.h"
#include "cli/targets.h"

struct settings {
	struct target_choice targets;
	bool json;
	uint64_t watch_seconds; /* 0: once */
};

static const struct option options[] = {
	{ "json", NULL, "one line of JSON instead of tables", OPTION_FLAG,
	  offsetof(struct settings, json), 0, 0, 0 },
	{ "watch", "[SECONDS]", "again and again, every 2 seconds if not given", OPTION_SECONDS,
	  offsetof(struct settings, watch_seconds), 1, 86400, 2 },
	TARGETS_OPTIONS,
	{ 0 },
};

static int stats_print(const struct call *call, bool on_screen, struct fail *why)
{
	const struct settings *settings = call->settings;
	struct report *report;
	int rc = targets_report(call, &report, why);

	if (rc < 0)
		return rc;
	if (on_screen)
		fputs("\033[H\033[2J", stdout);
	if (settings->json)
		rc = report_print_json(report, stdout, why);
	else
		rc = report_print_table(report, stdout, why);
	report_free(report);
	return rc;
}

/* Until a signal ends us, or nobody reads any more. */
static int stats_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	struct timespec pause = { .tv_sec = (time_t)settings->watch_seconds };
	bool on_screen = settings->watch_seconds && !settings->json && isatty(STDOUT_FILENO);

	for (;;) {
		int rc = stats_print(call, on_screen, why);

		if (rc < 0 || settings->watch_seconds == 0)
			return rc;
		if (!on_screen && !settings->json)
			putchar('\n');
		if (fflush(stdout) != 0)
			return 0; /* main() says that standard output failed */
		nanosleep(&pause, NULL);
	}
}

const struct verb verb_stats = {
	.name = "stats",
	.purpose = "report what sharing gives back and what it costs",
	.synopsis = "[OPTIONS] [" TARGETS_SYNOPSIS "]",
	.example = "  samepage stats\n"
		   "  samepage stats --json | jq .total\n"
		   "  samepage stats --watch 5 web-1 web-2\n",
	.options = options,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = targets_check_optional,
	.exec = stats_exec,
};
