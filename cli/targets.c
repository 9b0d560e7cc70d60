/* SPDX-License-Identifier: Apache-2.0 */
/* targets.c - which guests a verb is for: NAME..., --domain DOMAIN or --all */
#include "cli/targets.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/rundir.h"
#include "cli/client.h"

static const struct target_choice *choice_of(const struct call *call)
{
	return call->settings;
}

int targets_check_optional(const struct call *call, struct fail *why)
{
	const struct target_choice *choice = choice_of(call);

	if (choice->all && choice->domain)
		return fail_set(why, EINVAL, "--all and --domain exclude each other");
	if (call->operand_count > 0 && (choice->all || choice->domain))
		return fail_set(why, EINVAL, "'%s' and %s exclude each other", call->operands[0],
				choice->all ? "--all" : "--domain");
	return 0;
}

int targets_check(const struct call *call, struct fail *why)
{
	const struct target_choice *choice = choice_of(call);

	if (call->operand_count == 0 && !choice->all && !choice->domain)
		return fail_set(why, EINVAL,
				"which guests? give their names, --domain DOMAIN or --all");
	return targets_check_optional(call, why);
}

/* ----------------------------------------------------------------- names */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void targets_sort(struct targets *targets)
{
	size_t kept = 0;

	if (targets->count > 0)
		qsort(targets->names, targets->count, sizeof(*targets->names), by_name);
	for (size_t i = 0; i < targets->count; i++) {
		if (kept > 0 && strcmp(targets->names[i], targets->names[kept - 1]) == 0)
			free(targets->names[i]);
		else
			targets->names[kept++] = targets->names[i];
	}
	targets->count = kept;
}

/* There is room. */
static int targets_add(struct targets *targets, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	targets->names[targets->count++] = copy;
	return 0;
}

static int targets_make(struct targets *targets, size_t room)
{
	targets->names = calloc(room + 1, sizeof(*targets->names));
	return targets->names ? 0 : -ENOMEM;
}

void targets_done(struct targets *targets)
{
	rundir_names_free(targets->names, targets->count);
	*targets = (struct targets){ 0 };
}

static int out_of_memory(struct fail *why)
{
	return fail_errno(why, ENOMEM, "cannot list the guests");
}

static int targets_from_operands(const struct call *call, struct targets *targets, struct fail *why)
{
	int rc = targets_make(targets, (size_t)call->operand_count);

	for (int i = 0; rc == 0 && i < call->operand_count; i++)
		rc = targets_add(targets, call->operands[i]);
	return rc < 0 ? out_of_memory(why) : 0;
}

static int targets_from_domain(const struct call *call, struct targets *targets, struct fail *why)
{
	struct client_roll roll;
	int rc = targets_roll_call(call, &roll, why);

	if (rc < 0)
		return rc;
	rc = targets_make(targets, roll.count);
	for (size_t i = 0; rc == 0 && i < roll.count; i++)
		rc = targets_add(targets, roll.reports[i].name);
	client_roll_done(&roll);
	return rc < 0 ? out_of_memory(why) : 0;
}

/* Also those that are too busy, or too broken, to report: they may be about to be killed. */
static int targets_from_rundir(struct targets *targets, struct fail *why)
{
	struct targets found;
	int rc = rundir_names(RUNDIR_GUESTS, &found.names, &found.count, why);

	if (rc < 0)
		return rc;
	rc = targets_make(targets, found.count);
	for (size_t i = 0; rc == 0 && i < found.count; i++) {
		AUTO_CLIENT struct client client = CLIENT_NONE;
		struct fail silent;

		if (client_connect(found.names[i], &client, &silent) != -ENOENT)
			rc = targets_add(targets, found.names[i]);
	}
	targets_done(&found);
	return rc < 0 ? out_of_memory(why) : 0;
}

int targets_resolve(const struct call *call, struct targets *ret_targets, struct fail *why)
{
	AUTO_TARGETS struct targets targets = { 0 };
	int rc;

	if (call->operand_count > 0)
		rc = targets_from_operands(call, &targets, why);
	else if (choice_of(call)->domain)
		rc = targets_from_domain(call, &targets, why);
	else
		rc = targets_from_rundir(&targets, why);
	if (rc < 0)
		return rc;
	targets_sort(&targets);
	*ret_targets = targets;
	targets = (struct targets){ 0 };
	return 0;
}

/* --------------------------------------------------------------- actions */

int targets_each(const struct call *call, target_fn *fn, struct fail *why)
{
	AUTO_TARGETS struct targets targets = { 0 };
	int failed = 0, rc = targets_resolve(call, &targets, why);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < targets.count; i++) {
		struct fail sentence;

		rc = fn(targets.names[i], call, &sentence);
		if (rc >= 0 || (call->operand_count == 0 && (rc == -ENOENT || rc == -ECONNRESET)))
			continue;
		if (failed)
			log_answer("%s", why->text);
		*why = sentence;
		failed = rc;
	}
	return failed;
}

int target_request(const char *name, enum control_type type, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	if (rc == 0)
		rc = client_request(&client, type, -1, CLIENT_TIMEOUT_MS, why);
	return rc;
}

/* --------------------------------------------------------------- reports */

/* domain: NULL where it is not known; then it may be any. */
static bool target_is_meant(const void *context, const char *name, const char *domain)
{
	const struct call *call = context;
	const char *wanted = choice_of(call)->domain;

	for (int i = 0; i < call->operand_count; i++)
		if (strcmp(call->operands[i], name) == 0)
			return true;
	if (call->operand_count > 0)
		return false;
	return !wanted || !domain || strcmp(wanted, domain) == 0;
}

static int no_guest_in_domain(const char *domain, struct fail *why)
{
	return fail_set(why, ENOENT,
			"no guest runs in domain '%s' (samepage ps lists guests and "
			"their domains)",
			domain);
}

/* 0: it has reported. */
static int roll_check_name(const struct client_roll *roll, const char *name, struct fail *why)
{
	for (size_t i = 0; i < roll->count; i++)
		if (strcmp(roll->reports[i].name, name) == 0)
			return 0;
	for (size_t i = 0; i < roll->silent_count; i++)
		if (strcmp(roll->silent[i].name, name) == 0)
			return fail_set(why, ETIMEDOUT, "%s", roll->silent[i].why.text);
	return client_no_such_guest(name, why);
}

static void roll_keep_meant(struct client_roll *roll, const struct call *call)
{
	size_t kept = 0;

	for (size_t i = 0; i < roll->count; i++)
		if (target_is_meant(call, roll->reports[i].name, roll->reports[i].domain))
			roll->reports[kept++] = roll->reports[i];
	roll->count = kept;
}

/* Those that were named have all reported, then. */
static int roll_check(const struct client_roll *roll, const struct call *call, struct fail *why)
{
	const char *domain = choice_of(call)->domain;

	for (int i = 0; i < call->operand_count; i++) {
		int rc = roll_check_name(roll, call->operands[i], why);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < roll->silent_count && call->operand_count == 0; i++)
		log_warn("%s", roll->silent[i].why.text);
	return domain && roll->count == 0 ? no_guest_in_domain(domain, why) : 0;
}

int targets_roll_call(const struct call *call, struct client_roll *ret_roll, struct fail *why)
{
	struct client_roll roll;
	int rc = client_roll_call(CLIENT_TIMEOUT_MS, &roll, why);

	if (rc < 0)
		return rc;
	roll_keep_meant(&roll, call);
	rc = roll_check(&roll, call, why);
	if (rc < 0) {
		client_roll_done(&roll);
		return rc;
	}
	*ret_roll = roll;
	return 0;
}

void targets_keep(const struct call *call, struct report *report)
{
	if (call->operand_count > 0 || choice_of(call)->domain)
		report_keep(report, target_is_meant, call);
}

static int name_check(const char *name, const struct report *report, struct fail *why)
{
	for (size_t i = 0; i < report->guest_count; i++)
		if (strcmp(report->guests[i].figures.name, name) == 0)
			return 0;
	for (size_t i = 0; i < report->silent_count; i++)
		if (!report->silent[i].is_broker && strcmp(report->silent[i].name, name) == 0)
			return fail_set(why, ETIMEDOUT, "%s", report->silent[i].why.text);
	return client_no_such_guest(name, why);
}

/* What is left of a report has to be all that was asked for. */
static int report_check(const struct call *call, const struct report *report, struct fail *why)
{
	for (int i = 0; i < call->operand_count; i++) {
		int rc = name_check(call->operands[i], report, why);

		if (rc < 0)
			return rc;
	}
	report_warn_of_silent(report);
	if (choice_of(call)->domain && report->guest_count == 0)
		return no_guest_in_domain(choice_of(call)->domain, why);
	return 0;
}

int targets_report(const struct call *call, struct report **ret_report, struct fail *why)
{
	struct report *report;
	int rc = report_collect(CLIENT_TIMEOUT_MS, &report, why);

	if (rc < 0)
		return rc;
	targets_keep(call, report);
	rc = report_check(call, report, why);
	if (rc < 0) {
		report_free(report);
		return rc;
	}
	*ret_report = report;
	return 0;
}
