/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - what sharing gives back and what it costs, over all guests and domains */
#include "cli/report.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "cli/client.h"

#define PAGE_SIZE	   4096
#define BROKER_PATIENCE_NS NS_PER_SEC /* at least, where guests have used up all the time */

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

/*
 * Removes what a broker that was killed has left. With the lock that guests hold
 * while they start a broker, or not at all.
 */
static void domain_sweep(const char *name, const char *path)
{
	char log_path[RUNDIR_PATH_MAX];
	AUTO_CLOSE int lock_fd = -1;
	AUTO_CLOSE int probe_fd = -1;
	struct fail why;

	if (rundir_path(RUNDIR_DOMAINS, name, ".log", log_path, &why) < 0 ||
	    rundir_lock(RUNDIR_DOMAINS, false, &lock_fd, &why) < 0)
		return;
	if (sock_connect(path, true, &probe_fd) != -ECONNREFUSED)
		return;
	unlink(path);
	unlink(log_path);
}

/* The broker of a domain, as far as it was asked. */
struct asked {
	char path[RUNDIR_PATH_MAX];
	int fd; /* its answer comes here; -1: there is none */
};

/* Leaves asked->fd -1 where nobody is there, and removes what somebody left. */
static void broker_approach(const char *name, struct asked *asked)
{
	struct fail why;
	int rc = rundir_path(RUNDIR_DOMAINS, name, ".sock", asked->path, &why);

	asked->fd = -1;
	if (rc == 0)
		rc = broker_ask(asked->path, BROKER_REPORT_REQUEST, &asked->fd, &why);
	if (rc == -ECONNREFUSED)
		domain_sweep(name, asked->path);
	else if (rc < 0 && rc != -ENOENT)
		log_warn("%s", why.text);
}

static int brokers_approach(struct asked **ret_asked, size_t *ret_count, struct fail *why)
{
	struct asked *asked;
	char **names;
	size_t count;
	int rc = rundir_names(RUNDIR_DOMAINS, &names, &count, why);

	if (rc < 0)
		return rc;
	asked = calloc(count + 1, sizeof(*asked));
	for (size_t i = 0; asked && i < count; i++)
		broker_approach(names[i], &asked[i]);
	rundir_names_free(names, count);
	if (!asked)
		return fail_errno(why, ENOMEM, "cannot list the domains");
	*ret_asked = asked;
	*ret_count = count;
	return 0;
}

/* What they answer, with -1 closed behind it. Returns how many did; silent ones are counted. */
static size_t brokers_take(struct asked *asked, size_t asked_count, uint64_t deadline_ns,
			   struct broker_report **ret_brokers, size_t *ret_silent)
{
	size_t count = 0;

	*ret_silent = 0;
	for (size_t i = 0; i < asked_count; i++) {
		struct fail why;
		int rc = asked[i].fd < 0
				 ? -ECONNRESET
				 : broker_report_take(asked[i].path, asked[i].fd, deadline_ns,
						      &ret_brokers[count], &why);

		auto_close(&asked[i].fd);
		count += rc == 0;
		*ret_silent += rc < 0 && rc != -ECONNRESET;
		if (rc < 0 && rc != -ECONNRESET)
			log_warn("%s", why.text);
	}
	return count;
}

static void brokers_free(struct broker_report **brokers, size_t count)
{
	for (size_t i = 0; brokers && i < count; i++)
		free(brokers[i]);
	free(brokers);
}

static int report_with_brokers(const struct client_survey *survey, uint64_t deadline_ns,
			       struct report **ret_report, struct fail *why)
{
	AUTO_FREE struct asked *asked = NULL;
	struct broker_report **brokers;
	size_t asked_count = 0, count, silent;
	int rc = brokers_approach(&asked, &asked_count, why);

	if (rc < 0)
		return rc;
	brokers = calloc(asked_count + 1, sizeof(struct broker_report *));
	if (!brokers) {
		for (size_t i = 0; i < asked_count; i++)
			auto_close(&asked[i].fd);
		return fail_errno(why, ENOMEM, "cannot make the report");
	}
	count = brokers_take(asked, asked_count, deadline_ns, brokers, &silent);
	rc = report_build(survey->reports, survey->count, brokers, count, ret_report, why);
	brokers_free(brokers, count);
	if (rc < 0)
		return rc;
	(*ret_report)->silent_guests = survey->silent;
	(*ret_report)->silent_brokers = silent;
	return 0;
}

/*
 * First the guests, all at once, then the brokers: a guest that is asked looks at its memory,
 * and tells its broker what it no longer refers to.
 */
int report_collect(struct report **ret_report, struct fail *why)
{
	uint64_t deadline_ns = now_ns() + CLIENT_TIMEOUT_MS * NS_PER_MS;
	struct client_survey survey;
	int rc = client_survey(deadline_ns, &survey, why);

	if (rc < 0)
		return rc;
	if (deadline_ns < now_ns() + BROKER_PATIENCE_NS)
		deadline_ns = now_ns() + BROKER_PATIENCE_NS;
	rc = report_with_brokers(&survey, deadline_ns, ret_report, why);
	free(survey.reports);
	return rc;
}
