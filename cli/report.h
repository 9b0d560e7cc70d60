/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what sharing gives back and what it costs, over all guests and domains
 *
 * A guest tells its own figures; what its shared pages cost it is in the ledger of
 * its domain's broker. A report brings both together. The definitions are in
 * samepage-stats(1), THE REPORT.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/fail.h"
#include "wire/broker.h"
#include "wire/control.h"

struct report_guest {
	struct control_report figures;
	int64_t reclaimed_bytes;
};

struct report_domain {
	char name[WIRE_TEXT_SIZE];
	uint64_t guests;
	uint64_t frames;
	uint64_t store_bytes;
	uint64_t shared_mappings;
	uint64_t max_sharers; /* guests on one frame; 0: any number */
	int64_t reclaimed_bytes;
	uint64_t overhead_bytes; /* the broker's and its guests' */
	uint64_t broker_cpu_ns;
};

/* Who was asked and did not answer. */
struct report_silent {
	char name[WIRE_TEXT_SIZE];
	bool is_broker; /* then the name is its domain's */
	struct fail why;
};

struct report {
	struct report_guest *guests; /* sorted by name */
	size_t guest_count;
	struct report_domain *domains;
	size_t domain_count;
	struct report_silent *silent;
	size_t silent_count;
	int64_t reclaimed_bytes;
	uint64_t overhead_bytes;
	uint64_t silent_guests; /* that run, and are missing above since they did not answer */
	uint64_t silent_brokers;
};

/*
 * Asks everybody: all guests together, and then each broker, have so much time. Who has gone
 * meanwhile is left out, and its socket removed.
 */
CHECKED int report_collect(int timeout_ms, struct report **ret_report, struct fail *why);
void report_free(struct report *report); /* NULL is fine */

void report_warn_of_silent(const struct report *report);

/* domain: NULL where it is not known, since the guest is silent. */
typedef bool report_guest_fn(const void *context, const char *name, const char *domain);

/*
 * Leaves out other guests than these, and domains that none of them is in, whether they
 * answered or not. What is left stays as it is; the total is that of these guests, and of
 * these domains' cost.
 */
void report_keep(struct report *report, report_guest_fn *is_kept, const void *context);

/*
 * The same from answers that are there already; for each domain either a broker's
 * report or none. All are copied.
 */
CHECKED int report_build(const struct control_report *guests, size_t guest_count,
			 struct broker_report *const *brokers, size_t broker_count,
			 struct report **ret_report, struct fail *why);

/* One line of JSON. */
CHECKED int report_print_json(const struct report *report, FILE *to, struct fail *why);
/* For people. */
CHECKED int report_print_table(const struct report *report, FILE *to, struct fail *why);

#endif
