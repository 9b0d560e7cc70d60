/* SPDX-License-Identifier: Apache-2.0 */
/* exposition.c - the report as Prometheus reads it */
#include "cli/exposition.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/figure.h"
#include "cli/targets.h"
#include "config.h"

/* What a series is about: its labels, and where its figures are. */
struct subject {
	const void *of;
	const char *guest;  /* NULL where it is no guest's */
	const char *domain; /* NULL where it is of all */
	const char *device; /* "network" or "disk"; NULL: of none */
	uint32_t number;    /* of the device */
};

/* The subjects of one set of figures. */
struct subjects {
	struct subject *list;
	size_t count;
};

static void label_print(const char *name, const char *value, bool first, FILE *to)
{
	fprintf(to, "%s%s=\"", first ? "" : ",", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			putc('\\', to);
		if (*value == '\n')
			fputs("\\n", to);
		else
			putc(*value, to);
	}
	putc('"', to);
}

/* Without the braces. */
static void labels_print(const struct subject *subject, FILE *to)
{
	if (subject->guest)
		label_print("guest", subject->guest, true, to);
	if (subject->domain)
		label_print("domain", subject->domain, !subject->guest, to);
	if (subject->device)
		fprintf(to, ",%s=\"%u\"", subject->device, subject->number);
}

static void head_print(const char *prefix, const char *name, const char *type, const char *help,
		       FILE *to)
{
	fprintf(to, "# HELP %s%s %s.\n# TYPE %s%s %s\n", prefix, name, help, prefix, name, type);
}

static void figure_head_print(const char *prefix, const struct figure *figure, FILE *to)
{
	head_print(prefix, figure->metric, figure->course == FIGURE_COUNTER ? "counter" : "gauge",
		   figure->help, to);
}

static void sample_print(const char *prefix, const struct figure *figure,
			 const struct subject *subject, FILE *to)
{
	fprintf(to, "%s%s", prefix, figure->metric);
	if (subject->domain) {
		putc('{', to);
		labels_print(subject, to);
		putc('}', to);
	}
	putc(' ', to);
	figure_print(figure, subject->of, to);
	putc('\n', to);
}

static void figures_print(const struct figure_set *set, const struct subjects *subjects, FILE *to)
{
	for (size_t i = 0; i < set->count; i++) {
		figure_head_print(set->prefix, &set->figures[i], to);
		for (size_t j = 0; j < subjects->count; j++)
			sample_print(set->prefix, &set->figures[i], &subjects->list[j], to);
	}
}

static const struct control_guest_stats *statistics_of(const struct subject *subject)
{
	return &((const struct report_guest *)subject->of)->figures.guest_stats;
}

static bool statistic_is_told(const struct figure *figure, const struct control_guest_stats *stats)
{
	if (figure == &statistic_age)
		return stats->age_ns > 0;
	return statistic_is_known(stats, (size_t)(figure - statistic_figures.figures));
}

/* Of those guests that tell it. */
static void statistic_print(const struct figure *figure, const struct subjects *guests, FILE *to)
{
	figure_head_print(statistic_figures.prefix, figure, to);
	for (size_t i = 0; i < guests->count; i++) {
		struct subject subject = guests->list[i];

		subject.of = statistics_of(&guests->list[i]);
		if (statistic_is_told(figure, subject.of))
			sample_print(statistic_figures.prefix, figure, &subject, to);
	}
}

static void statistics_print(const struct subjects *guests, FILE *to)
{
	statistic_print(&statistic_age, guests, to);
	for (size_t i = 0; i < statistic_figures.count; i++)
		statistic_print(&statistic_figures.figures[i], guests, to);
}

/* One series for each state that there is, of which one is 1: none comes or goes. */
static void states_print(const struct subjects *guests, FILE *to)
{
	static const enum control_state states[] = {
		CONTROL_STATE_RUNNING,
		CONTROL_STATE_PAUSED,
		CONTROL_STATE_SHUTDOWN,
		CONTROL_STATE_CRASHED,
	};

	head_print(guest_figures.prefix, "state", "gauge", "1 for the state that the guest is in",
		   to);
	for (size_t j = 0; j < guests->count; j++) {
		const struct report_guest *guest = guests->list[j].of;

		for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
			fprintf(to, "%sstate{", guest_figures.prefix);
			labels_print(&guests->list[j], to);
			fprintf(to, ",state=\"%s\"} %d\n", control_state_name(states[i]),
				guest->figures.state == states[i]);
		}
	}
}

static void guests_list(const struct report *report, struct subjects *guests)
{
	for (size_t i = 0; i < report->guest_count; i++)
		guests->list[guests->count++] = (struct subject){
			.of = &report->guests[i],
			.guest = report->guests[i].figures.name,
			.domain = report->guests[i].figures.domain,
		};
}

static void domains_list(const struct report *report, struct subjects *domains)
{
	for (size_t i = 0; i < report->domain_count; i++)
		domains->list[domains->count++] = (struct subject){
			.of = &report->domains[i],
			.domain = report->domains[i].name,
		};
}

static void devices_list(const struct subjects *guests, struct subjects *networks,
			 struct subjects *disks)
{
	for (size_t i = 0; i < guests->count; i++) {
		const struct report_guest *guest = guests->list[i].of;
		struct subject subject = guests->list[i];

		subject.device = "network";
		for (uint32_t j = 0; j < guest->figures.network_count; j++) {
			subject.of = &guest->figures.networks[j];
			subject.number = j;
			networks->list[networks->count++] = subject;
		}
		subject.device = "disk";
		for (uint32_t j = 0; j < guest->figures.disk_count; j++) {
			subject.of = &guest->figures.disks[j];
			subject.number = j;
			disks->list[disks->count++] = subject;
		}
	}
}

/* Room for each of a guest's devices, and for each domain. */
static int subjects_make(const struct report *report, struct subjects *subjects)
{
	size_t count = report->guest_count * CONTROL_MAX_DISKS + report->domain_count + 1;

	subjects->list = calloc(count, sizeof(*subjects->list));
	return subjects->list ? 0 : -ENOMEM;
}

_Static_assert(CONTROL_MAX_DISKS >= CONTROL_MAX_NETWORKS, "the room is for either");

enum { GUESTS, DOMAINS, NETWORKS, DISKS, KINDS };

int exposition_print(const struct report *report, uint64_t took_ns, FILE *to, struct fail *why)
{
	struct subject all = { .of = report };
	struct subjects total = { .list = &all, .count = 1 };
	struct subjects lists[KINDS] = { 0 };
	int rc = 0;

	for (int i = 0; i < KINDS; i++)
		if (rc == 0)
			rc = subjects_make(report, &lists[i]);
	if (rc == 0) {
		guests_list(report, &lists[GUESTS]);
		domains_list(report, &lists[DOMAINS]);
		devices_list(&lists[GUESTS], &lists[NETWORKS], &lists[DISKS]);
		head_print("samepage_", "build_info", "gauge", "1, with the version of samepage",
			   to);
		fprintf(to, "samepage_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
		head_print("samepage_", "report_duration_seconds", "gauge",
			   "Time that it took to ask all guests and brokers", to);
		fprintf(to, "samepage_report_duration_seconds %.6f\n",
			(double)took_ns / (double)NS_PER_SEC);
		figures_print(&total_figures, &total, to);
		figures_print(&domain_figures, &lists[DOMAINS], to);
		figures_print(&guest_figures, &lists[GUESTS], to);
		states_print(&lists[GUESTS], to);
		statistics_print(&lists[GUESTS], to);
		figures_print(&network_figures, &lists[NETWORKS], to);
		figures_print(&disk_figures, &lists[DISKS], to);
	}
	for (int i = 0; i < KINDS; i++)
		free(lists[i].list);
	return rc < 0 ? fail_errno(why, -rc, "cannot write the metrics") : 0;
}

int exposition_collect(const struct call *call, FILE *to, struct fail *why)
{
	uint64_t begin_ns = now_ns();
	struct report *report;
	int rc = report_collect(CLIENT_TIMEOUT_MS, &report, why);

	if (rc < 0)
		return rc;
	targets_keep(call, report);
	rc = exposition_print(report, now_ns() - begin_ns, to, why);
	report_free(report);
	return rc;
}
