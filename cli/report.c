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
		fail_errno(why, ENOMEM, "cannot make the report");
		return -ENOMEM;
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

static bool domain_has_guest(const char *domain, const struct report *report)
{
	for (size_t i = 0; i < report->guest_count; i++)
		if (strcmp(report->guests[i].figures.domain, domain) == 0)
			return true;
	return false;
}

static void guests_keep(struct report *report, report_guest_fn *is_kept, const void *context)
{
	size_t count = 0;

	report->reclaimed_bytes = 0;
	for (size_t i = 0; i < report->guest_count; i++) {
		const struct report_guest *guest = &report->guests[i];

		if (!is_kept(context, guest->figures.name, guest->figures.domain))
			continue;
		report->reclaimed_bytes += guest->reclaimed_bytes;
		report->guests[count++] = *guest;
	}
	report->guest_count = count;
}

static void domains_keep(struct report *report)
{
	size_t count = 0;

	report->overhead_bytes = 0;
	for (size_t i = 0; i < report->domain_count; i++) {
		if (!domain_has_guest(report->domains[i].name, report))
			continue;
		report->overhead_bytes += report->domains[i].overhead_bytes;
		report->domains[count++] = report->domains[i];
	}
	report->domain_count = count;
}

static void silent_count(struct report *report)
{
	report->silent_guests = 0;
	report->silent_brokers = 0;
	for (size_t i = 0; i < report->silent_count; i++) {
		report->silent_brokers += report->silent[i].is_broker;
		report->silent_guests += !report->silent[i].is_broker;
	}
}

static void silent_keep(struct report *report, report_guest_fn *is_kept, const void *context)
{
	size_t count = 0;

	for (size_t i = 0; i < report->silent_count; i++) {
		const struct report_silent *silent = &report->silent[i];

		if (silent->is_broker ? domain_has_guest(silent->name, report)
				      : is_kept(context, silent->name, NULL))
			report->silent[count++] = *silent;
	}
	report->silent_count = count;
	silent_count(report);
}

void report_keep(struct report *report, report_guest_fn *is_kept, const void *context)
{
	guests_keep(report, is_kept, context);
	domains_keep(report);
	silent_keep(report, is_kept, context);
}

void report_free(struct report *report)
{
	if (!report)
		return;
	free(report->guests);
	free(report->domains);
	free(report->silent);
	free(report);
}

/* What comes in while brokers are asked. */
struct collection {
	struct broker_report **brokers;
	size_t broker_count;
	struct report_silent *silent; /* room for each guest and broker */
	size_t silent_count;
};

static void collection_done(struct collection *collection)
{
	for (size_t i = 0; i < collection->broker_count; i++)
		free(collection->brokers[i]);
	free(collection->brokers);
	free(collection->silent);
}

static void collection_add_silent(struct collection *collection, const char *name, bool is_broker,
				  const struct fail *why)
{
	struct report_silent *silent = &collection->silent[collection->silent_count++];

	*silent = (struct report_silent){ .is_broker = is_broker, .why = *why };
	snprintf(silent->name, sizeof(silent->name), "%s", name);
}

static void broker_query(struct collection *collection, const char *name, int timeout_ms)
{
	struct broker_report *broker;
	char path[RUNDIR_PATH_MAX];
	struct fail why;
	int rc = rundir_path(RUNDIR_DOMAINS, name, ".sock", path, &why);

	if (rc == 0)
		rc = broker_report_query(path, timeout_ms, &broker, &why);
	if (rc == 0)
		collection->brokers[collection->broker_count++] = broker;
	else if (rc == -ECONNREFUSED)
		broker_sweep(name);
	else if (rc != -ENOENT && rc != -ECONNRESET)
		collection_add_silent(collection, name, true, &why);
}

/* All brokers; and in the list of the silent, first the guests that were. */
static int brokers_ask(struct collection *collection, const struct client_roll *roll,
		       int timeout_ms, struct fail *why)
{
	char **names;
	size_t count;
	int rc = rundir_names(RUNDIR_DOMAINS, &names, &count, why);

	if (rc < 0)
		return rc;
	collection->brokers = calloc(count + 1, sizeof(*collection->brokers));
	collection->silent = calloc(roll->silent_count + count + 1, sizeof(*collection->silent));
	if (collection->brokers && collection->silent) {
		for (size_t i = 0; i < roll->silent_count; i++)
			collection_add_silent(collection, roll->silent[i].name, false,
					      &roll->silent[i].why);
		for (size_t i = 0; i < count; i++)
			broker_query(collection, names[i], timeout_ms);
	} else {
		rc = fail_errno(why, ENOMEM, "cannot list the domains");
	}
	rundir_names_free(names, count);
	return rc;
}

/* Hands the list of the silent over to the report. */
static int collection_build(struct collection *collection, const struct client_roll *roll,
			    struct report **ret_report, struct fail *why)
{
	struct report *report;
	int rc = report_build(roll->reports, roll->count, collection->brokers,
			      collection->broker_count, &report, why);

	if (rc < 0)
		return rc;
	report->silent = TAKE(collection->silent);
	report->silent_count = collection->silent_count;
	silent_count(report);
	*ret_report = report;
	return 0;
}

int report_collect(int timeout_ms, struct report **ret_report, struct fail *why)
{
	struct collection collection = { 0 };
	struct client_roll roll = { 0 };
	int rc = client_roll_call(timeout_ms, &roll, why);

	if (rc == 0)
		rc = brokers_ask(&collection, &roll, timeout_ms, why);
	if (rc == 0)
		rc = collection_build(&collection, &roll, ret_report, why);
	collection_done(&collection);
	client_roll_done(&roll);
	return rc;
}

void report_warn_of_silent(const struct report *report)
{
	for (size_t i = 0; i < report->silent_count; i++)
		log_warn("%s", report->silent[i].why.text);
}
