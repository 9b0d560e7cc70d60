/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets.h - which guests a verb is for: NAME..., --domain DOMAIN or --all
 *
 * A verb that takes guests begins its settings with a struct target_choice (or has
 * nothing else in them), puts TARGETS_OPTIONS into its table, and targets_check()
 * into its .check. Its .operands are OPERANDS_GUESTS, so that names are completed.
 */
#ifndef CLI_TARGETS_H
#define CLI_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"
#include "cli/client.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "wire/control.h"

/* The first field of such a verb's settings. Names are the operands of the call. */
struct target_choice {
	bool all;
	const char *domain; /* NULL: not given */
};

#define TARGETS_SYNOPSIS "NAME... | --domain DOMAIN | --all"

#define TARGETS_OPTIONS                                                                            \
	{ .name = "all",                                                                           \
	  .text = "all running guests of this user",                                               \
	  .kind = OPTION_FLAG,                                                                     \
	  .field = offsetof(struct target_choice, all) },                                          \
	{                                                                                          \
		.name = "domain", .value = "DOMAIN", .text = "all running guests of this domain",  \
		.kind = OPTION_TEXT, .field = offsetof(struct target_choice, domain)               \
	}

/* For .check of a verb that has to be told which guests; -EINVAL: it was not, or twice. */
CHECKED int targets_check(const struct call *call, struct fail *why);
/* The same for verbs which are for all guests where nothing is said. */
CHECKED int targets_check_optional(const struct call *call, struct fail *why);

/* Names of guests, sorted, each once. */
struct targets {
	char **names;
	size_t count;
};

/*
 * Names that were typed are taken as they are: whoever connects finds out whether
 * there is such a guest. --all finds those that run, perhaps none. -ENOENT: no guest
 * runs in the domain.
 */
CHECKED int targets_resolve(const struct call *call, struct targets *ret_targets, struct fail *why);
void targets_done(struct targets *targets);

#define AUTO_TARGETS __attribute__((cleanup(targets_done)))

typedef int target_fn(const char *name, const struct call *call, struct fail *why);

/*
 * Calls fn for each guest, in the order of their names. One that fails does not spare
 * the others: its sentence is printed, the last one's is left to the caller, and the
 * verb fails. A guest that nobody named, and that has gone meanwhile, is no failure.
 */
CHECKED int targets_each(const struct call *call, target_fn *fn, struct fail *why);

/* Sends one request to the guest, for verbs that are nothing but that. */
CHECKED int target_request(const char *name, enum control_type type, struct fail *why);

/*
 * The reports of those that are meant, sorted by name. Warns of who is silent. -ENOENT: one that
 * was named does not run, or none is in the domain; -ETIMEDOUT: one that was named is silent.
 */
CHECKED int targets_roll_call(const struct call *call, struct client_roll *ret_roll,
			      struct fail *why);

/*
 * Leaves in a report the guests that are meant, and the domains that they are in: a domain's
 * figures are those of all its guests, whichever were chosen. Who does not run is not missed.
 */
void targets_keep(const struct call *call, struct report *report);

/*
 * The report of what targets_keep() leaves of it. Warns, and fails, as targets_roll_call().
 */
CHECKED int targets_report(const struct call *call, struct report **ret_report, struct fail *why);

#endif
