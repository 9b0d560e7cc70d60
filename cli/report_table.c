/* SPDX-License-Identifier: Apache-2.0 */
/* report_table.c - the report for people */
#include "base/clock.h"
#include "cli/report.h"
#include "cli/table.h"

static const struct table_column guest_columns[] = {
	{ "GUEST", TABLE_LEFT },     { "DOMAIN", TABLE_LEFT },	   { "STATE", TABLE_LEFT },
	{ "RAM", TABLE_RIGHT },	     { "POPULATED", TABLE_RIGHT }, { "SHARED", TABLE_RIGHT },
	{ "ZERO", TABLE_RIGHT },     { "HUGE", TABLE_RIGHT },	   { "RECLAIMED", TABLE_RIGHT },
	{ "PSS", TABLE_RIGHT },	     { "MERGES", TABLE_RIGHT },	   { "BREAKS", TABLE_RIGHT },
	{ "MAPPINGS", TABLE_RIGHT }, { "DEDUP-CPU", TABLE_RIGHT }, { "PASSES", TABLE_RIGHT },
	{ "TRACKED", TABLE_LEFT },   { "BALLOON", TABLE_RIGHT },   { "REPORTED", TABLE_RIGHT },
};

static const struct table_column domain_columns[] = {
	{ "DOMAIN", TABLE_LEFT },     { "GUESTS", TABLE_RIGHT },   { "FRAMES", TABLE_RIGHT },
	{ "STORE", TABLE_RIGHT },     { "MAPPED", TABLE_RIGHT },   { "MAX-SHARERS", TABLE_RIGHT },
	{ "RECLAIMED", TABLE_RIGHT }, { "OVERHEAD", TABLE_RIGHT }, { "BROKER-CPU", TABLE_RIGHT },
};

static void table_seconds(struct table *table, uint64_t ns)
{
	table_format(table, "%.2f s", (double)ns / (double)NS_PER_SEC);
}

static void guest_row(struct table *table, const struct report_guest *guest)
{
	const struct control_report *figures = &guest->figures;

	table_text(table, figures->name);
	table_text(table, figures->domain);
	/* the row of sums has none */
	table_text(table, figures->state ? control_state_name(figures->state) : "");
	table_mib(table, (int64_t)figures->ram_bytes);
	table_mib(table, (int64_t)figures->populated_bytes);
	table_mib(table, (int64_t)figures->shared_bytes);
	table_mib(table, (int64_t)figures->zero_bytes);
	table_mib(table, (int64_t)figures->huge_bytes);
	table_mib(table, guest->reclaimed_bytes);
	table_mib(table, (int64_t)figures->pss_bytes);
	table_number(table, figures->merges_total);
	table_number(table, figures->breaks_total);
	table_number(table, figures->mappings);
	table_seconds(table, figures->dedup_cpu_ns);
	table_number(table, figures->passes);
	table_text(table, !figures->state ? "" : figures->writes_tracked ? "yes" : "no");
	table_mib(table, (int64_t)figures->ballooned_bytes);
	table_mib(table, (int64_t)figures->reported_bytes);
}

static void domain_row(struct table *table, const struct report_domain *domain)
{
	table_text(table, domain->name);
	table_number(table, domain->guests);
	table_number(table, domain->frames);
	table_mib(table, (int64_t)domain->store_bytes);
	table_number(table, domain->shared_mappings);
	if (domain->max_sharers > 0)
		table_number(table, domain->max_sharers);
	else
		table_text(table, "any");
	table_mib(table, domain->reclaimed_bytes);
	table_mib(table, (int64_t)domain->overhead_bytes);
	table_seconds(table, domain->broker_cpu_ns);
}

/* A last guest whose figures are the sums. */
static void total_row(struct table *table, const struct report *report)
{
	struct report_guest sum = { .figures.name = "total" };
	struct control_report *total = &sum.figures;

	for (size_t i = 0; i < report->guest_count; i++) {
		const struct control_report *figures = &report->guests[i].figures;

		total->ram_bytes += figures->ram_bytes;
		total->populated_bytes += figures->populated_bytes;
		total->shared_bytes += figures->shared_bytes;
		total->zero_bytes += figures->zero_bytes;
		total->huge_bytes += figures->huge_bytes;
		total->pss_bytes += figures->pss_bytes;
		total->merges_total += figures->merges_total;
		total->breaks_total += figures->breaks_total;
		total->mappings += figures->mappings;
		total->dedup_cpu_ns += figures->dedup_cpu_ns;
		total->passes += figures->passes;
		total->ballooned_bytes += figures->ballooned_bytes;
		total->reported_bytes += figures->reported_bytes;
		sum.reclaimed_bytes += report->guests[i].reclaimed_bytes;
	}
	guest_row(table, &sum);
}

/* What a user can do something about stands in a sentence. */
static void shortages_print(const struct report *report, FILE *to)
{
	for (size_t i = 0; i < report->guest_count; i++) {
		const struct control_report *figures = &report->guests[i].figures;

		if (figures->declined_bytes > 0)
			fprintf(to,
				"\n%s: %llu MiB stay unshared for lack of mappings (%llu of %llu are in "
				"use): raise vm.max_map_count\n",
				figures->name, (unsigned long long)(figures->declined_bytes >> 20),
				(unsigned long long)figures->mappings,
				(unsigned long long)figures->mappings_limit);
	}
}

int report_print_table(const struct report *report, FILE *to, struct fail *why)
{
	struct table *guests = NULL, *domains = NULL;
	int rc = table_create(guest_columns, ARRAY_SIZE(guest_columns), &guests, why);

	if (rc == 0)
		rc = table_create(domain_columns, ARRAY_SIZE(domain_columns), &domains, why);
	if (rc == 0) {
		for (size_t i = 0; i < report->guest_count; i++)
			guest_row(guests, &report->guests[i]);
		total_row(guests, report);
		for (size_t i = 0; i < report->domain_count; i++)
			domain_row(domains, &report->domains[i]);
		table_print(guests, to);
		putc('\n', to);
		table_print(domains, to);
		shortages_print(report, to);
	}
	table_free(domains);
	table_free(guests);
	return rc;
}
