/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - what sharing gives back and what it costs, over all guests and domains */
#include "cli/report.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "cli/broker_watch.h"
#include "cli/client.h"

#define PAGE_SIZE 4096

/* Appends a domain; there is room for each guest and broker to bring its own. */
static struct report_domain *domain_find(struct report *report, const char *name)
{
	struct report_domain *domain;

	for (size_t i = 0; i < report->domain_count; i++)
		if (strcmp(report->domains[i].name, name) == 0)
			return &report->domains[i];
	domain = &report->domains[report->domain_count++];
	strcpy(domain->name, name);
	return domain;
}

static const struct broker_report_guest *ledger_find(const struct control_report *guest,
						     struct broker_report *const *brokers,
						     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(brokers[i]->domain, guest->domain) != 0)
			continue;
		for (uint32_t j = 0; j < brokers[i]->guest_count; j++)
			if (brokers[i]->guests[j].pid == guest->pid)
				return &brokers[i]->guests[j];
	}
	return NULL;
}

/*
 * The frames that a guest refers to, less its part of their cost, and its zero
 * pages. Guest and broker are asked one after the other, so that while merging
 * goes on the sum over guests is off by what changed in between.
 */
static int64_t guest_reclaimed(const struct control_report *guest,
			       const struct broker_report_guest *ledger)
{
	int64_t bytes = (int64_t)guest->zero_bytes;

	if (ledger)
		bytes += (int64_t)(ledger->held_pages * PAGE_SIZE) - (int64_t)ledger->cost_bytes;
	return bytes;
}

static void report_add_broker(struct report *report, const struct broker_report *broker)
{
	struct report_domain *domain = domain_find(report, broker->domain);

	domain->frames = broker->frames;
	domain->store_bytes = broker->store_bytes;
	domain->shared_mappings = broker->shared_mappings;
	domain->max_sharers = broker->max_sharers;
	domain->overhead_bytes += broker->overhead_bytes;
	domain->broker_cpu_ns = broker->cpu_ns;
}

static void report_add_guest(struct report *report, const struct control_report *figures,
			     const struct broker_report_guest *ledger)
{
	struct report_domain *domain = domain_find(report, figures->domain);
	struct report_guest *guest = &report->guests[report->guest_count++];

	guest->figures = *figures;
	guest->reclaimed_bytes = guest_reclaimed(figures, ledger);
	domain->guests++;
	domain->reclaimed_bytes += guest->reclaimed_bytes;
	domain->overhead_bytes += figures->overhead_bytes;
}

int report_build(const struct control_report *guests, size_t guest_count,
		 struct broker_report *const *brokers, size_t broker_count,
		 struct report **ret_report, struct fail *why)
{
	struct report *report = calloc(1, sizeof(*report));

	if (report) {
		report->guests = calloc(guest_count + 1, sizeof(*report->guests));
		report->domains = calloc(guest_count + broker_count + 1, sizeof(*report->domains));
	}
	if (!report || !report->guests || !report->domains) {
		report_free(report);
		return fail_errno(why, ENOMEM, "cannot make the report");
	}
	for (size_t i = 0; i < broker_count; i++)
		report_add_broker(report, brokers[i]);
	for (size_t i = 0; i < guest_count; i++)
		report_add_guest(report, &guests[i],
				 ledger_find(&guests[i], brokers, broker_count));
	for (size_t i = 0; i < report->domain_count; i++) {
		report->reclaimed_bytes += report->domains[i].reclaimed_bytes;
		report->overhead_bytes += report->domains[i].overhead_bytes;
	}
	*ret_report = report;
	return 0;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	free(report->guests);
	free(report->domains);
	free(report);
}

static void brokers_free(struct broker_report **brokers, size_t count)
{
	for (size_t i = 0; brokers && i < count; i++)
		free(brokers[i]);
	free(brokers);
}

/* Leaves *ret as it is where the broker is gone or silent. */
static bool broker_ask(const char *name, struct broker_report **ret_broker)
{
	char path[RUNDIR_PATH_MAX];
	struct fail why;
	int rc = rundir_path(RUNDIR_DOMAINS, name, ".sock", path, &why);

	if (rc == 0)
		rc = broker_report_query(path, ret_broker, &why);
	if (rc == -ECONNREFUSED)
		broker_sweep(name);
	else if (rc < 0 && rc != -ENOENT && rc != -ECONNRESET)
		log_warn("%s", why.text);
	return rc == 0;
}

static int brokers_ask(struct broker_report ***ret_brokers, size_t *ret_count, struct fail *why)
{
	struct broker_report **brokers;
	char **names;
	size_t name_count, count = 0;
	int rc = rundir_names(RUNDIR_DOMAINS, &names, &name_count, why);

	if (rc < 0)
		return rc;
	brokers = calloc(name_count + 1, sizeof(*brokers));
	for (size_t i = 0; brokers && i < name_count; i++)
		count += broker_ask(names[i], &brokers[count]);
	rundir_names_free(names, name_count);
	if (!brokers)
		return fail_errno(why, ENOMEM, "cannot list the domains");
	*ret_brokers = brokers;
	*ret_count = count;
	return 0;
}

int report_collect(struct report **ret_report, struct fail *why)
{
	AUTO_FREE struct control_report *guests = NULL;
	struct broker_report **brokers = NULL;
	size_t guest_count, broker_count = 0;
	int rc = client_report_all(&guests, &guest_count, why);

	if (rc == 0)
		rc = brokers_ask(&brokers, &broker_count, why);
	if (rc < 0)
		return rc;
	rc = report_build(guests, guest_count, brokers, broker_count, ret_report, why);
	brokers_free(brokers, broker_count);
	return rc;
}
