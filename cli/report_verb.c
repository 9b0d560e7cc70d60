/* SPDX-License-Identifier: Apache-2.0 */
/* report_verb.c - samepage report: all of the report as a page for a browser */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rundir.h"
#include "cli/new_file.h"
#include "cli/report_page.h"
#include "cli/targets.h"

struct settings {
	struct target_choice targets;
	const char *html;
};

static const struct option options[] = {
	{ "html", "FILE", "where the page goes; - is standard output", OPTION_TEXT,
	  offsetof(struct settings, html), 0, 0, 0 },
	TARGETS_OPTIONS,
	{ 0 },
};

/* All that is asked for the page. */
struct inquiry {
	struct report *report;
	uint64_t asked_ns; /* the time that the report stands for */
	struct history *guest_histories;
	struct history *domain_histories;
	struct census *censuses; /* of those that answer */
	size_t *census_guests;	 /* of each, which guest of the report it is of */
	size_t census_count;
	struct memory_map *map;
};

static void inquiry_done(struct inquiry *inquiry)
{
	for (size_t i = 0; i < inquiry->census_count; i++)
		census_done(&inquiry->censuses[i]);
	free(inquiry->censuses);
	free(inquiry->census_guests);
	free(inquiry->guest_histories);
	free(inquiry->domain_histories);
	memory_map_free(inquiry->map);
	report_free(inquiry->report);
}

/* Whoever has gone, or does not share, has neither; whoever is silent is left out. */
static void guest_ask(struct inquiry *inquiry, size_t index)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	struct census *census = &inquiry->censuses[inquiry->census_count];
	const struct control_report *figures = &inquiry->report->guests[index].figures;
	struct fail why;
	int rc = client_connect(figures->name, &client, &why);

	if (rc == 0 && (uint32_t)client.pid != figures->pid)
		return; /* another guest of this name by now */
	if (rc == 0)
		rc = client_history(&client, &inquiry->guest_histories[index], &why);
	if (rc == 0)
		rc = census_ask(&client, census, &why);
	if (rc == 0)
		inquiry->census_guests[inquiry->census_count++] = index;
	else if (rc != -ENOENT && rc != -ECONNRESET && rc != -ENOTSUP)
		log_warn("%s; it is missing in curve and maps", why.text);
}

static void broker_history_ask(struct inquiry *inquiry, size_t index)
{
	char path[RUNDIR_PATH_MAX];
	AUTO_CLOSE int fd = -1;
	struct fail why;
	int rc = rundir_path(RUNDIR_DOMAINS, inquiry->report->domains[index].name, ".sock", path,
			     &why);

	if (rc == 0)
		rc = broker_ask(path, BROKER_HISTORY_REQUEST, &fd, &why);
	if (rc == 0)
		rc = broker_history_take(path, fd, now_ns() + CLIENT_TIMEOUT_MS * NS_PER_MS,
					 &inquiry->domain_histories[index], &why);
	if (rc < 0 && rc != -ENOENT && rc != -ECONNREFUSED && rc != -ECONNRESET)
		log_warn("%s; it is missing in the curve", why.text);
}

static int inquiry_make_room(struct inquiry *inquiry)
{
	size_t guests = inquiry->report->guest_count + 1;

	inquiry->guest_histories = calloc(guests, sizeof(*inquiry->guest_histories));
	inquiry->domain_histories =
		calloc(inquiry->report->domain_count + 1, sizeof(*inquiry->domain_histories));
	inquiry->censuses = calloc(guests, sizeof(*inquiry->censuses));
	inquiry->census_guests = calloc(guests, sizeof(*inquiry->census_guests));
	return inquiry->guest_histories && inquiry->domain_histories && inquiry->censuses &&
			       inquiry->census_guests
		       ? 0
		       : -ENOMEM;
}

static int inquiry_make(struct inquiry *inquiry, const struct call *call, struct fail *why)
{
	int rc = targets_report(call, &inquiry->report, why);

	if (rc < 0)
		return rc;
	inquiry->asked_ns = now_ns();
	rc = inquiry_make_room(inquiry);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot ask the guests");
	for (size_t i = 0; i < inquiry->report->domain_count; i++)
		broker_history_ask(inquiry, i);
	for (size_t i = 0; i < inquiry->report->guest_count; i++)
		guest_ask(inquiry, i);
	return memory_map_build(inquiry->censuses, inquiry->census_count, &inquiry->map, why);
}

static int on_write(const void *context, FILE *to, struct fail *why)
{
	const struct inquiry *inquiry = context;
	struct report_page page = {
		.report = inquiry->report,
		.guest_histories = inquiry->guest_histories,
		.domain_histories = inquiry->domain_histories,
		.map = inquiry->map,
		.map_guests = inquiry->census_guests,
		.made_ns = inquiry->asked_ns,
		.made = time(NULL),
	};

	return report_page_print(&page, to, why);
}

static int report_check(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;

	if (!settings->html)
		return fail_set(why, EINVAL, "report needs --html FILE");
	return targets_check_optional(call, why);
}

static int report_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	struct inquiry inquiry = { 0 };
	int rc = inquiry_make(&inquiry, call, why);

	if (rc == 0)
		rc = new_file_write(settings->html, on_write, &inquiry, why);
	inquiry_done(&inquiry);
	return rc;
}

const struct verb verb_report = {
	.name = "report",
	.purpose = "make a page of the report, with its curve and maps of memory",
	.synopsis = "--html FILE [" TARGETS_SYNOPSIS "]",
	.example = "  samepage report --html report.html\n"
		   "  samepage report --html web.html --domain web\n",
	.options = options,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = report_check,
	.exec = report_exec,
};
