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

/* What the guest says of its memory; empty where it says nothing. */
static json_t *guest_statistics_json(const struct control_guest_stats *stats)
{
	json_t *object = json_object();
	int failed = 0;

	if (stats->age_ns == 0)
		return object;
	failed |= json_object_set_new(object, "age_seconds", json_real(seconds(stats->age_ns)));
	for (unsigned int i = 0; i < CONTROL_GUEST_STATS; i++)
		if (stats->known & 1u << i)
			failed |= json_object_set_new(object, control_guest_stat_name(i),
						      json_integer((json_int_t)stats->values[i]));
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

/* The cards in their order on the command line. */
static json_t *networks_json(const struct control_report *figures)
{
	json_t *array = json_array();
	int failed = 0;

	for (uint32_t i = 0; i < figures->network_count; i++) {
		const struct control_network *network = &figures->networks[i];

#define INTEGER(field) #field, (json_int_t)network->field
		failed |= json_array_append_new(array,
						json_pack("{sI sI sI sI sI sI}", INTEGER(frames_in),
							  INTEGER(bytes_in), INTEGER(dropped_in),
							  INTEGER(frames_out), INTEGER(bytes_out),
							  INTEGER(dropped_out)));
#undef INTEGER
	}
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *disks_json(const struct control_report *figures)
{
	json_t *array = json_array();
	int failed = 0;

	for (uint32_t i = 0; i < figures->disk_count; i++) {
		const struct control_disk *disk = &figures->disks[i];

#define INTEGER(field) #field, (json_int_t)disk->field
		failed |= json_array_append_new(
			array,
			json_pack("{sI sI sI sI sI sI sI sI}", INTEGER(reads), INTEGER(read_bytes),
				  INTEGER(writes), INTEGER(written_bytes), INTEGER(flushes),
				  INTEGER(clears), INTEGER(cleared_bytes), INTEGER(errors)));
#undef INTEGER
	}
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

/* Names are ASCII; I: json_int_t, f: double. NULL where memory runs out. */
static json_t *guest_json(const struct report_guest *guest)
{
	const struct control_report *figures = &guest->figures;

#define INTEGER(field) #field, (json_int_t)figures->field
	return json_pack(
		"{ss ss sI ss sI sI sI sI sI sI sI sI sI sI sI sI sI sI sf sI sb sI sI sI so so so}",
		"name", figures->name, "domain", figures->domain, INTEGER(pid), "state",
		control_state_name(figures->state), INTEGER(ram_bytes), INTEGER(populated_bytes),
		INTEGER(shared_bytes), INTEGER(zero_bytes), INTEGER(returned_bytes),
		INTEGER(huge_bytes), "reclaimed_bytes", (json_int_t)guest->reclaimed_bytes,
		INTEGER(pss_bytes), INTEGER(breaks_total), INTEGER(merges_total), INTEGER(mappings),
		INTEGER(mappings_limit), INTEGER(declined_bytes), INTEGER(old_store_bytes),
		"dedup_cpu_seconds", seconds(figures->dedup_cpu_ns), INTEGER(passes),
		"writes_tracked", figures->writes_tracked != 0, INTEGER(balloon_target_bytes),
		INTEGER(ballooned_bytes), INTEGER(reported_bytes), "guest_statistics",
		guest_statistics_json(&figures->guest_stats), "networks", networks_json(figures),
		"disks", disks_json(figures));
#undef INTEGER
}

static json_t *domain_json(const struct report_domain *domain)
{
#define INTEGER(field) #field, (json_int_t)domain->field
	return json_pack("{ss sI sI sI sI sI sI sI sf}", "name", domain->name, INTEGER(guests),
			 INTEGER(frames), INTEGER(store_bytes), INTEGER(shared_mappings),
			 INTEGER(max_sharers), INTEGER(reclaimed_bytes), INTEGER(overhead_bytes),
			 "broker_cpu_seconds", seconds(domain->broker_cpu_ns));
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
