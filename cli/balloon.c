/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balloon.c - samepage balloon: how much of its memory a guest shall keep
 *
 * The guest is told, and does it in its own time; nobody waits for that.
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/verb.h"

#define FRESH_NS    (60 * NS_PER_SEC) /* guests are not asked more often */
#define FRESH_TRIES 5

static const struct option options[] = { { 0 } };

static int balloon_check(const struct call *call, struct fail *why)
{
	uint64_t bytes;

	if (call->operand_count == 2 && parse_size(call->operands[1], &bytes) < 0)
		return fail_set(why, EINVAL, "'%s' is not a size: give a number, and K, M, G or T",
				call->operands[1]);
	return 0;
}

static int balloon_set(struct client *client, const char *size, struct fail *why)
{
	struct control_request request = { .type = CONTROL_BALLOON };
	int rc = parse_size(size, &request.number);

	if (rc < 0)
		return rc;
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

static int balloon_show(struct client *client, struct fail *why)
{
	struct control_report report;
	int rc = report_fresh(client, &report, why);

	if (rc < 0)
		return rc;
	if (report.balloon_target_bytes == 0)
		return fail_set(why, ENOTCONN, "guest '%s' has no driver for its balloon",
				client->name);
	return balloon_print(&report, why);
}

static int balloon_exec(const struct call *call, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(call->operands[0], &client, why);

	if (rc < 0)
		return rc;
	if (call->operand_count == 2)
		return balloon_set(&client, call->operands[1], why);
	return balloon_show(&client, why);
}

const struct verb verb_balloon = {
	.name = "balloon",
	.purpose = "set how much of its memory a guest keeps, or show what it says of it",
	.synopsis = "NAME [SIZE]",
	.example = "  samepage balloon web-1 128M\n"
		   "  samepage balloon web-1\n",
	.options = options,
	.min_operands = 1,
	.max_operands = 2,
	.check = balloon_check,
	.exec = balloon_exec,
};
