/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - what the broker knows, as a message for `samepage stats` */
#include "broker/guest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/proc.h"

/* Memory that this process costs, the store not among it: nobody maps that here. */
static uint64_t own_memory_bytes(const struct broker *broker)
{
	uint64_t bytes = proc_pss_bytes();

	return bytes > 0 ? bytes : catalog_sums(broker->catalog).memory_bytes;
}

/* One entry a process: a guest that lost its connection and came back has two here. */
static struct broker_report_guest *entry_of(struct broker_report *report, const struct guest *guest)
{
	struct broker_report_guest *entry = report->guests;

	for (uint32_t i = 0; i < report->guest_count; i++, entry++)
		if (entry->pid == (uint32_t)guest->pid)
			return entry;
	*entry = (struct broker_report_guest){ .pid = (uint32_t)guest->pid };
	memcpy(entry->name, guest->name, sizeof(entry->name));
	report->guest_count++;
	return entry;
}

static void report_fill(struct broker *broker, struct broker_report *report)
{
	struct catalog_sums sums = catalog_sums(broker->catalog);

	snprintf(report->domain, sizeof(report->domain), "%s", broker->domain);
	report->frames = sums.frames;
	report->max_sharers = broker->max_sharers;
	report->shared_mappings = sums.references;
	report->store_bytes = store_bytes(&broker->store);
	report->overhead_bytes = own_memory_bytes(broker);
	report->cpu_ns = process_cpu_ns();
	for (const struct guest *guest = broker->guests; guest; guest = guest->next) {
		struct broker_report_guest *entry;
		uint64_t references, cost_bytes;

		if (!guest->is_guest)
			continue;
		entry = entry_of(report, guest);
		catalog_client_cost(broker->catalog, guest->client, &references, &cost_bytes);
		entry->held_pages += references;
		entry->cost_bytes += cost_bytes;
	}
}

int broker_report_make(struct broker *broker, uint8_t **ret_bytes, size_t *ret_length)
{
	AUTO_FREE struct broker_report *report = NULL;
	AUTO_FREE uint8_t *bytes = NULL;
	size_t size = WIRE_HEADER_SIZE + sizeof(*report) +
		      broker->guest_count * sizeof(report->guests[0]);
	int rc = catalog_settle(broker->catalog);

	if (rc < 0)
		return rc;
	/* on the wire an entry has no padding: what the structs take is enough */
	report = calloc(1, size);
	bytes = malloc(size);
	if (!report || !bytes)
		return -ENOMEM;
	report_fill(broker, report);
	rc = broker_put_report(bytes, size, report);
	if (rc < 0)
		return rc;
	*ret_length = (size_t)rc;
	*ret_bytes = TAKE(bytes);
	return 0;
}

void broker_history_note(struct broker *broker)
{
	struct history_point point = { .time_ns = now_ns() };
	struct catalog_sums sums;

	if (!history_is_due(&broker->history, point.time_ns))
		return;
	sums = catalog_sums(broker->catalog);
	point.figures[BROKER_HISTORY_FRAMES] = sums.frames * (uint64_t)PAGE_BYTES;
	point.figures[BROKER_HISTORY_MAPPED] = sums.references * (uint64_t)PAGE_BYTES;
	history_note(&broker->history, &point);
}
