/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c - samepage doctor: whether this host can run guests, and what would mend it */
#include <stdio.h>

#include "cli/checkup.h"
#include "cli/client.h"
#include "cli/verb.h"

struct settings {
	bool json;
};

static const struct option options[] = {
	{ "json", NULL, "one line of JSON instead of text", OPTION_FLAG,
	  offsetof(struct settings, json), 0, 0, 0 },
	{ 0 },
};

static int doctor_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	AUTO_FREE struct control_report *guests = NULL;
	struct checkup checkup;
	struct host host;
	size_t count = 0;
	int rc = client_report_all(&guests, &count, why);

	/* a run-time directory that can't be read is a finding, not the end */
	host_init(&host, guests, rc < 0 ? 0 : count);
	checkup_make(&host, &checkup);
	rc = 0;
	if (settings->json)
		rc = checkup_print_json(&checkup, stdout, why);
	else
		checkup_print_text(&checkup, stdout);
	if (rc < 0)
		return rc;
	return checkup_worst(&checkup) == VERDICT_BAD ? STATUS_ERROR : 0;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.purpose = "check whether this host can run guests, and say what would mend it",
	.synopsis = "[OPTIONS]",
	.example = "  samepage doctor\n"
		   "  samepage doctor --json | jq -r '.checks[] | select(.verdict != \"ok\") | "
		   ".mend'\n",
	.options = options,
	.settings_size = sizeof(struct settings),
	.exec = doctor_exec,
};
