/* SPDX-License-Identifier: Apache-2.0 */
/* ps.c - samepage ps: which guests run */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/verb.h"

static const struct option options[] = { { 0 } };

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

static int ps_exec(const struct call *call, struct fail *why)
{
	AUTO_FREE struct control_report *reports = NULL;
	struct table *table;
	size_t count;
	int rc = client_report_all(&reports, &count, why);

	if (rc < 0)
		return rc;
	rc = table_create(columns, ARRAY_SIZE(columns), &table, why);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		ps_row(table, &reports[i]);
	table_print(table, stdout);
	table_free(table);
	return 0;
}

const struct verb verb_ps = {
	.name = "ps",
	.purpose = "list the running guests of this user",
	.synopsis = "",
	.example = "  samepage ps\n",
	.options = options,
	.exec = ps_exec,
};
