/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balloon.c - samepage balloon: how much of its memory a guest shall keep
 *
 * The guest is told, and does it in its own time; nobody waits for that.
 *
 * A size stands behind what says which guests. A single operand is a guest's name, whatever
 * it looks like, and so are those before the last.
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/targets.h"

struct settings {
	struct target_choice targets;
	bool has_size;
	uint64_t bytes; /* the size, if there is one */
};

#define FRESH_NS    (60 * NS_PER_SEC) /* guests are not asked more often */
#define FRESH_TRIES 5

static const struct option options[] = { TARGETS_OPTIONS, { 0 } };

/* The call without the size, which goes to the settings. */
static struct call balloon_split(const struct call *call)
{
	struct settings *settings = call->settings;
	const struct target_choice *choice = &settings->targets;
	struct call named = *call;
	int last = call->operand_count - 1;

	if (last >= (choice->all || choice->domain ? 0 : 1) &&
	    parse_size(call->operands[last], &settings->bytes) == 0) {
		named.operand_count = last;
		settings->has_size = true;
	}
	return named;
}

static int balloon_check(const struct call *call, struct fail *why)
{
	struct call named = balloon_split(call);

	return targets_check(&named, why);
}

static int balloon_set(struct client *client, uint64_t bytes, struct fail *why)
{
	struct control_request request = { .type = CONTROL_BALLOON, .number = bytes };

	return client_request_number(client, &request, -1, CLIENT_TIMEOUT_MS, why);
}

/*
 * A report brings the figures that the guest gave last, and asks it for others. A
 * guest that does not answer, since it is paused perhaps, has the old ones.
 */
static int report_fresh(struct client *client, struct control_report *ret_report, struct fail *why)
{
	const struct timespec moment = { .tv_nsec = 100 * NS_PER_MS };
	int rc = client_report(client, ret_report, why);

	for (int i = 0; rc == 0 && i < FRESH_TRIES; i++) {
		const struct control_guest_stats *stats = &ret_report->guest_stats;

		if (stats->age_ns > 0 && stats->age_ns < FRESH_NS)
			break;
		nanosleep(&moment, NULL);
		rc = client_report(client, ret_report, why);
	}
	return rc;
}

/* Faults, allocations and the like; all others are bytes. */
static bool is_count(unsigned int tag)
{
	static const unsigned int counts = 1u << 2 | 1u << 3 | 0xfu << 8;

	return counts & 1u << tag;
}

static const struct table_column columns[] = { { "FIGURE", TABLE_LEFT }, { "VALUE", TABLE_RIGHT } };

static void row_mib(struct table *table, const char *name, uint64_t bytes)
{
	table_text(table, name);
	table_mib(table, (int64_t)bytes);
}

static int balloon_print(const struct control_report *report, struct fail *why)
{
	const struct control_guest_stats *stats = &report->guest_stats;
	struct table *table;
	int rc = table_create(columns, ARRAY_SIZE(columns), &table, why);

	if (rc < 0)
		return rc;
	row_mib(table, "ram", report->ram_bytes);
	row_mib(table, "target", report->balloon_target_bytes);
	row_mib(table, "actual", report->ram_bytes - report->ballooned_bytes);
	row_mib(table, "reported", report->reported_bytes);
	for (unsigned int i = 0; i < CONTROL_GUEST_STATS; i++) {
		if (!(stats->known & 1u << i))
			continue;
		if (is_count(i)) {
			table_text(table, control_guest_stat_name(i));
			table_number(table, stats->values[i]);
		} else {
			row_mib(table, control_guest_stat_name(i), stats->values[i]);
		}
	}
	table_print(table, stdout);
	table_free(table);
	return 0;
}

/* Several guests are told apart by a line that names each. */
static int balloon_show(struct client *client, bool one_of_several, struct fail *why)
{
	struct control_report report;
	int rc = report_fresh(client, &report, why);

	if (rc < 0)
		return rc;
	if (report.balloon_target_bytes == 0)
		return fail_set(why, ENOTCONN, "guest '%s' has no driver for its balloon",
				client->name);
	if (one_of_several)
		printf("%s:\n", client->name);
	return balloon_print(&report, why);
}

static int balloon_one(const char *name, const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	if (rc < 0)
		return rc;
	if (settings->has_size)
		return balloon_set(&client, settings->bytes, why);
	return balloon_show(&client, call->operand_count != 1, why);
}

static int balloon_exec(const struct call *call, struct fail *why)
{
	struct call named = balloon_split(call);

	return targets_each(&named, balloon_one, why);
}

const struct verb verb_balloon = {
	.name = "balloon",
	.purpose = "set how much of their memory guests keep, or show what they say of it",
	.synopsis = "NAME... | --domain DOMAIN | --all [SIZE]",
	.example = "  samepage balloon web-1 128M\n"
		   "  samepage balloon --all 256M\n"
		   "  samepage balloon web-1\n",
	.options = options,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = balloon_check,
	.exec = balloon_exec,
};
