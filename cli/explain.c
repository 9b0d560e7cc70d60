/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c - samepage explain: where a guest's memory is, and what keeps it apart */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/comparison.h"
#include "cli/explanation.h"
#include "cli/targets.h"

struct settings {
	struct target_choice targets;
	bool json;
	bool has_shown; /* a guest: the next one's tables keep a distance */
	uint64_t sample;
};

static const struct settings defaults = { .sample = 16384 };

static const struct option options[] = {
	{ "json", NULL, "one line of JSON instead of tables", OPTION_FLAG,
	  offsetof(struct settings, json), 0, 0, 0 },
	{ "sample", "PAGES",
	  "unique pages that are compared with the neighbours' (16384);\n0: none are read",
	  OPTION_NUMBER, offsetof(struct settings, sample), 0, SAMPLE_PAGES_MAX, 0 },
	TARGETS_OPTIONS,
	{ 0 },
};

/* What is asked of each guest of the domain. */
struct survey {
	struct control_report report; /* of the guest in question */
	struct census guest;
	struct census *others;
	size_t other_count;
};

static void survey_done(struct survey *survey)
{
	census_done(&survey->guest);
	for (size_t i = 0; i < survey->other_count; i++)
		census_done(&survey->others[i]);
	free(survey->others);
}

static int guest_ask(const char *name, struct survey *survey, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	if (rc == 0)
		rc = client_report(&client, &survey->report, why);
	if (rc == 0)
		rc = census_ask(&client, &survey->guest, why);
	return rc;
}

/* Whoever has gone, or does not share, is no neighbour. */
static bool neighbour_ask(const char *name, struct census *ret_census)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	struct fail why;
	int rc = client_connect(name, &client, &why);

	if (rc == 0)
		rc = census_ask(&client, ret_census, &why);
	if (rc < 0 && rc != -ENOENT && rc != -ECONNRESET && rc != -ENOTSUP)
		log_warn("%s; it is left out", why.text);
	return rc == 0;
}

static int neighbours_ask(struct survey *survey, struct fail *why)
{
	AUTO_FREE struct control_report *reports = NULL;
	size_t count;
	int rc = client_report_all(&reports, &count, why);

	if (rc < 0)
		return rc;
	survey->others = calloc(count + 1, sizeof(*survey->others));
	if (!survey->others)
		return fail_errno(why, ENOMEM, "cannot ask the other guests");
	for (size_t i = 0; i < count; i++)
		if (strcmp(reports[i].domain, survey->report.domain) == 0 &&
		    reports[i].pid != survey->report.pid)
			survey->other_count += neighbour_ask(reports[i].name,
							     &survey->others[survey->other_count]);
	return 0;
}

static int survey_explain(const struct survey *survey, uint32_t sample,
			  struct explanation **ret_explanation, struct fail *why)
{
	struct explanation *explanation = NULL;
	int rc = explanation_build(&survey->guest, survey->report.domain, survey->others,
				   survey->other_count, &explanation, why);

	if (rc == 0 && sample > 0 && survey->other_count > 0)
		rc = comparison_make(&survey->guest, survey->others, survey->other_count, sample,
				     &explanation->twins, &explanation->comparable, why);
	if (rc < 0) {
		explanation_free(explanation);
		return rc;
	}
	*ret_explanation = explanation;
	return 0;
}

static int explain_one(const char *name, const struct call *call, struct fail *why)
{
	struct settings *settings = call->settings;
	struct explanation *explanation = NULL;
	struct survey survey = { 0 };
	int rc = guest_ask(name, &survey, why);

	if (rc == 0)
		rc = neighbours_ask(&survey, why);
	if (rc == 0)
		rc = survey_explain(&survey, (uint32_t)settings->sample, &explanation, why);
	survey_done(&survey);
	if (rc < 0)
		return rc;
	if (settings->has_shown && !settings->json)
		putchar('\n');
	settings->has_shown = true;
	if (settings->json)
		rc = explanation_print_json(explanation, stdout, why);
	else
		rc = explanation_print_table(explanation, stdout, why);
	explanation_free(explanation);
	return rc;
}

static int explain_exec(const struct call *call, struct fail *why)
{
	return targets_each(call, explain_one, why);
}

const struct verb verb_explain = {
	.name = "explain",
	.purpose = "tell where a guest's memory is, and what keeps it from being shared",
	.synopsis = "[OPTIONS] " TARGETS_SYNOPSIS,
	.example = "  samepage explain web-1\n"
		   "  samepage explain --sample 0 --json web-1 | jq .unique_bytes\n",
	.options = options,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = targets_check,
	.exec = explain_exec,
};
