/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_json.c - the report for programs
 *
 * The keys are a promise: other programs rely on them. They are documented in
 * samepage(1), and new ones are added, none renamed.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "cli/report.h"

static double seconds(uint64_t ns)
{
	return (double)ns / (double)NS_PER_SEC;
}

/* Names are ASCII; I: json_int_t, f: double. NULL where memory runs out. */
static json_t *guest_json(const struct report_guest *guest)
{
	const struct control_report *figures = &guest->figures;

#define INTEGER(field) #field, (json_int_t)figures->field
	return json_pack("{ss ss sI ss sI sI sI sI sI sI sI sI sI sI sf sI}", "name", figures->name,
			 "domain", figures->domain, INTEGER(pid), "state",
			 control_state_name(figures->state), INTEGER(ram_bytes),
			 INTEGER(populated_bytes), INTEGER(shared_bytes), INTEGER(zero_bytes),
			 "reclaimed_bytes", (json_int_t)guest->reclaimed_bytes, INTEGER(pss_bytes),
			 INTEGER(breaks_total), INTEGER(merges_total), INTEGER(mappings),
			 INTEGER(mappings_limit), "dedup_cpu_seconds",
			 seconds(figures->dedup_cpu_ns), INTEGER(passes));
#undef INTEGER
}

static json_t *domain_json(const struct report_domain *domain)
{
#define INTEGER(field) #field, (json_int_t)domain->field
	return json_pack("{ss sI sI sI sI sI sI sf}", "name", domain->name, INTEGER(guests),
			 INTEGER(frames), INTEGER(store_bytes), INTEGER(shared_mappings),
			 INTEGER(reclaimed_bytes), INTEGER(overhead_bytes), "broker_cpu_seconds",
			 seconds(domain->broker_cpu_ns));
#undef INTEGER
}

int report_print_json(const struct report *report, FILE *to, struct fail *why)
{
	json_t *guests = json_array(), *domains = json_array(), *whole = NULL;
	int failed = 0;

	for (size_t i = 0; i < report->guest_count; i++)
		failed |= json_array_append_new(guests, guest_json(&report->guests[i]));
	for (size_t i = 0; i < report->domain_count; i++)
		failed |= json_array_append_new(domains, domain_json(&report->domains[i]));
	/* takes both arrays over, in failure too */
	whole = json_pack("{so so s{sI sI}}", "guests", guests, "domains", domains, "total",
			  "reclaimed_bytes", (json_int_t)report->reclaimed_bytes, "overhead_bytes",
			  (json_int_t)report->overhead_bytes);
	if (!failed && whole)
		failed = json_dumpf(whole, to, JSON_COMPACT);
	failed |= !whole;
	json_decref(whole);
	if (failed)
		return fail_set(why, EIO, "cannot write the report");
	putc('\n', to);
	return 0;
}
