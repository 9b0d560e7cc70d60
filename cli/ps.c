/* SPDX-License-Identifier: Apache-2.0 */
/* ps.c - samepage ps: which guests run */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/targets.h"

struct settings {
	struct target_choice targets;
	bool json;
};

static const struct option options[] = {
	{ "json", NULL, "one line of JSON instead of a table", OPTION_FLAG,
	  offsetof(struct settings, json), 0, 0, 0 },
	TARGETS_OPTIONS,
	{ 0 },
};

static const struct table_column columns[] = {
	{ "NAME", TABLE_LEFT },	   { "DOMAIN", TABLE_LEFT }, { "PID", TABLE_RIGHT },
	{ "STATE", TABLE_LEFT },   { "CPUS", TABLE_RIGHT },  { "MEM", TABLE_RIGHT },
	{ "UPTIME", TABLE_RIGHT },
};

static void ps_row(struct table *table, const struct control_report *report)
{
	uint64_t seconds = report->uptime_ns / NS_PER_SEC;

	table_text(table, report->name);
	table_text(table, report->domain);
	table_number(table, report->pid);
	table_text(table, control_state_name(report->state));
	table_number(table, report->cpus);
	table_mib(table, (int64_t)report->ram_bytes);
	table_format(table, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
		     seconds / 60 % 60, seconds % 60);
}

static int ps_table(const struct control_report *reports, size_t count, struct fail *why)
{
	struct table *table;
	int rc = table_create(columns, ARRAY_SIZE(columns), &table, why);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		ps_row(table, &reports[i]);
	table_print(table, stdout);
	table_free(table);
	return 0;
}

/* The keys are those of the report (report_json.c), as far as it has them. */
static json_t *guest_json(const struct control_report *report)
{
	return json_pack("{ss ss sI ss sI sI sf}", "name", report->name, "domain", report->domain,
			 "pid", (json_int_t)report->pid, "state", control_state_name(report->state),
			 "cpus", (json_int_t)report->cpus, "ram_bytes",
			 (json_int_t)report->ram_bytes, "uptime_seconds",
			 (double)report->uptime_ns / (double)NS_PER_SEC);
}

static int ps_json(const struct control_report *reports, size_t count, struct fail *why)
{
	json_t *guests = json_array(), *whole;
	int failed = 0;

	for (size_t i = 0; i < count; i++)
		failed |= json_array_append_new(guests, guest_json(&reports[i]));
	whole = json_pack("{so}", "guests", guests);
	if (!failed)
		failed = !whole || json_dumpf(whole, stdout, JSON_COMPACT) < 0;
	json_decref(whole);
	if (failed)
		return fail_set(why, EIO, "cannot write the list of guests");
	putchar('\n');
	return 0;
}

static int ps_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	struct client_roll roll;
	int rc = targets_roll_call(call, &roll, why);

	if (rc < 0)
		return rc;
	if (settings->json)
		rc = ps_json(roll.reports, roll.count, why);
	else
		rc = ps_table(roll.reports, roll.count, why);
	client_roll_done(&roll);
	return rc;
}

const struct verb verb_ps = {
	.name = "ps",
	.purpose = "list the running guests of this user",
	.synopsis = "[OPTIONS] [" TARGETS_SYNOPSIS "]",
	.example = "  samepage ps\n"
		   "  samepage ps --json --domain web | jq -r '.guests[].name'\n",
	.options = options,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = targets_check_optional,
	.exec = ps_exec,
};
