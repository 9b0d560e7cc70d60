/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_json.c - the report for programs
 *
 * The keys are a promise: other programs rely on them. They are documented in
 * samepage-stats(1), and new ones are added, none renamed.
 */
#include "cli/report_json.h"

#include <errno.h>
#include <string.h>

#include "cli/figure.h"

/* An object of all that is counted of the subject; NULL where memory runs out. */
static json_t *subject_json(const struct figure_set *set, const void *subject)
{
	json_t *object = json_object();

	if (figures_json(set, subject, object) == 0)
		return object;
	json_decref(object);
	return NULL;
}

/* What the guest says of its memory; empty where it says nothing. */
static json_t *statistics_json(const struct control_guest_stats *stats)
{
	json_t *object = json_object();
	int failed = 0;

	if (stats->age_ns > 0)
		failed |= figure_json(&statistic_age, stats, object);
	for (size_t i = 0; i < statistic_figures.count; i++)
		if (statistic_is_known(stats, i))
			failed |= figure_json(&statistic_figures.figures[i], stats, object);
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

/* The cards, or disks, in their order on the command line. */
static json_t *devices_json(const struct figure_set *set, const void *devices, size_t size,
			    uint32_t count)
{
	json_t *array = json_array();
	int failed = 0;

	for (uint32_t i = 0; i < count; i++)
		failed |= json_array_append_new(
			array, subject_json(set, (const char *)devices + i * size));
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

/* Names are ASCII. */
static json_t *guest_json(const struct report_guest *guest)
{
	const struct control_report *figures = &guest->figures;
	json_t *object =
		json_pack("{ss ss sI ss}", "name", figures->name, "domain", figures->domain, "pid",
			  (json_int_t)figures->pid, "state", control_state_name(figures->state));
	int failed = figures_json(&guest_figures, guest, object);

	failed |= json_object_set_new(object, "writes_tracked",
				      json_boolean(figures->writes_tracked != 0));
	failed |= json_object_set_new(object, "guest_statistics",
				      statistics_json(&figures->guest_stats));
	failed |= json_object_set_new(object, "networks",
				      devices_json(&network_figures, figures->networks,
						   sizeof(figures->networks[0]),
						   figures->network_count));
	failed |= json_object_set_new(object, "disks",
				      devices_json(&disk_figures, figures->disks,
						   sizeof(figures->disks[0]), figures->disk_count));
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *domain_json(const struct report_domain *domain)
{
	json_t *object = json_pack("{ss}", "name", domain->name);

	if (figures_json(&domain_figures, domain, object) == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *report_json(const struct report *report)
{
	json_t *whole = json_object(), *guests = json_array(), *domains = json_array();
	int failed = 0;

	for (size_t i = 0; i < report->guest_count; i++)
		failed |= json_array_append_new(guests, guest_json(&report->guests[i]));
	for (size_t i = 0; i < report->domain_count; i++)
		failed |= json_array_append_new(domains, domain_json(&report->domains[i]));
	failed |= json_object_set_new(whole, "guests", guests);
	failed |= json_object_set_new(whole, "domains", domains);
	failed |= json_object_set_new(whole, "total", subject_json(&total_figures, report));
	if (!failed)
		return whole;
	json_decref(whole);
	return NULL;
}

int report_print_json(const struct report *report, FILE *to, struct fail *why)
{
	json_t *whole = report_json(report);
	int failed = !whole || json_dumpf(whole, to, JSON_COMPACT) < 0;

	json_decref(whole);
	if (failed)
		return fail_set(why, EIO, "cannot write the report");
	putc('\n', to);
	return 0;
}
