/* SPDX-License-Identifier: Apache-2.0 */
/* figure.c - what a report counts, as tables: how a figure is called, and where it is */
#include "cli/figure.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

/* Key and offset of a field whose name is its key. */
#define GUEST(field)	 #field, offsetof(struct report_guest, figures.field)
#define STATISTIC(field) #field, offsetof(struct control_guest_stats, values[STAT_##field])
#define NETWORK(field)	 #field, offsetof(struct control_network, field)
#define DISK(field)	 #field, offsetof(struct control_disk, field)
#define DOMAIN(field)	 #field, offsetof(struct report_domain, field)
#define TOTAL(field)	 #field, offsetof(struct report, field)

static const struct figure guest_rows[] = {
	{ GUEST(ram_bytes), "ram_bytes", "RAM", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory that the guest sees" },
	{ GUEST(populated_bytes), "populated_bytes", "Populated", FIGURE_BYTES, FIGURE_GAUGE,
	  "Pages that are backed by memory of the guest's own" },
	{ GUEST(shared_bytes), "shared_bytes", "Shared", FIGURE_BYTES, FIGURE_GAUGE,
	  "Pages that are mapped from the store of the domain" },
	{ GUEST(zero_bytes), "zero_bytes", "Zero", FIGURE_BYTES, FIGURE_GAUGE,
	  "Pages of nothing but zeroes that were handed back to the host" },
	{ GUEST(returned_bytes), "returned_bytes", "Returned", FIGURE_BYTES, FIGURE_GAUGE,
	  "Pages that the guest has given away and not written to since" },
	{ GUEST(huge_bytes), "huge_bytes", "Huge", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory that is mapped by huge pages as a whole" },
	{ "reclaimed_bytes", offsetof(struct report_guest, reclaimed_bytes), "reclaimed_bytes",
	  "Reclaimed", FIGURE_BALANCE, FIGURE_GAUGE,
	  "What the guest costs less than without sharing" },
	{ GUEST(pss_bytes), "pss_bytes", "PSS", FIGURE_BYTES, FIGURE_GAUGE,
	  "Proportional share of memory of the guest's process, as the kernel counts it" },
	{ GUEST(breaks_total), "breaks_total", "Breaks", FIGURE_COUNT, FIGURE_COUNTER,
	  "Pages that were shared and then written to" },
	{ GUEST(merges_total), "merges_total", "Merges", FIGURE_COUNT, FIGURE_COUNTER,
	  "Pages that became shared" },
	{ GUEST(mappings), "mappings", "Mappings", FIGURE_COUNT, FIGURE_GAUGE,
	  "Mappings that the guest's memory is cut into" },
	{ GUEST(mappings_limit), "mappings_limit", "Mappings limit", FIGURE_COUNT, FIGURE_GAUGE,
	  "Mappings at which sharing stops" },
	{ GUEST(declined_bytes), "declined_bytes", "Declined", FIGURE_BYTES, FIGURE_GAUGE,
	  "Pages that have equals and are not shared for lack of mappings" },
	{ GUEST(old_store_bytes), "old_store_bytes", "Old stores", FIGURE_BYTES, FIGURE_GAUGE,
	  "Pages that are still mapped from stores whose broker is gone" },
	{ "dedup_cpu_seconds", offsetof(struct report_guest, figures.dedup_cpu_ns),
	  "dedup_cpu_seconds_total", "Dedup CPU", FIGURE_TIME, FIGURE_COUNTER,
	  "Processor time that sharing has used in the guest's process" },
	{ GUEST(passes), "passes_total", "Passes", FIGURE_COUNT, FIGURE_COUNTER,
	  "How often all of the memory was looked through" },
	{ GUEST(balloon_target_bytes), "balloon_target_bytes", "Balloon target", FIGURE_BYTES,
	  FIGURE_GAUGE, "Memory that the guest shall keep, 0 without a driver for its balloon" },
	{ GUEST(ballooned_bytes), "ballooned_bytes", "Ballooned", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory that is in the balloon" },
	{ GUEST(reported_bytes), "reported_bytes_total", "Reported", FIGURE_BYTES, FIGURE_COUNTER,
	  "Memory that the guest has reported as free and the host has taken back" },
	{ GUEST(overhead_bytes), "overhead_bytes", "Overhead", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory that sharing itself holds in the guest's process" },
	{ GUEST(cpus), "cpus", "vCPUs", FIGURE_COUNT_32, FIGURE_GAUGE, "Virtual processors" },
	{ "uptime_seconds", offsetof(struct report_guest, figures.uptime_ns), "uptime_seconds",
	  "Uptime", FIGURE_TIME, FIGURE_GAUGE, "Time since the guest's process was ready to run" },
};

/* Places of virtio's balloon tags, which control_guest_stat_name() names. */
enum {
	STAT_swap_in,
	STAT_swap_out,
	STAT_major_fault,
	STAT_minor_fault,
	STAT_unused,
	STAT_available,
	STAT_usable,
	STAT_disk_caches,
	STAT_hugetlb_pgalloc,
	STAT_hugetlb_pgfail,
	STAT_oom_kill,
	STAT_alloc_stall,
	STAT_async_scan,
	STAT_direct_scan,
	STAT_async_reclaim,
	STAT_direct_reclaim,
};

static const struct figure statistic_rows[] = {
	{ STATISTIC(swap_in), "swap_in_bytes_total", "Swap in", FIGURE_BYTES, FIGURE_COUNTER,
	  "Bytes that the guest has read from its swap" },
	{ STATISTIC(swap_out), "swap_out_bytes_total", "Swap out", FIGURE_BYTES, FIGURE_COUNTER,
	  "Bytes that the guest has written to its swap" },
	{ STATISTIC(major_fault), "major_faults_total", "Major faults", FIGURE_COUNT,
	  FIGURE_COUNTER, "Page faults in the guest that waited for a disk" },
	{ STATISTIC(minor_fault), "minor_faults_total", "Minor faults", FIGURE_COUNT,
	  FIGURE_COUNTER, "Page faults in the guest that did not" },
	{ STATISTIC(unused), "unused_bytes", "Unused", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory that is free in the guest" },
	{ STATISTIC(available), "available_bytes", "Available", FIGURE_BYTES, FIGURE_GAUGE,
	  "All the memory that the guest can use" },
	{ STATISTIC(usable), "usable_bytes", "Usable", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory that the guest could free without swapping" },
	{ STATISTIC(disk_caches), "disk_caches_bytes", "Disk caches", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory of the guest's disk caches" },
	{ STATISTIC(hugetlb_pgalloc), "hugetlb_allocations_total", "Huge page allocations",
	  FIGURE_COUNT, FIGURE_COUNTER, "Huge pages that were allocated in the guest" },
	{ STATISTIC(hugetlb_pgfail), "hugetlb_failures_total", "Huge page failures", FIGURE_COUNT,
	  FIGURE_COUNTER, "Huge pages that could not be allocated in the guest" },
	{ STATISTIC(oom_kill), "oom_kills_total", "OOM kills", FIGURE_COUNT, FIGURE_COUNTER,
	  "Processes of the guest that were killed for want of memory" },
	{ STATISTIC(alloc_stall), "allocation_stalls_total", "Allocation stalls", FIGURE_COUNT,
	  FIGURE_COUNTER, "Allocations in the guest that had to wait" },
	{ STATISTIC(async_scan), "async_scan_bytes_total", "Background scan", FIGURE_BYTES,
	  FIGURE_COUNTER, "Memory that the guest has looked through in the background" },
	{ STATISTIC(direct_scan), "direct_scan_bytes_total", "Direct scan", FIGURE_BYTES,
	  FIGURE_COUNTER, "Memory that those who allocate in the guest have looked through" },
	{ STATISTIC(async_reclaim), "async_reclaim_bytes_total", "Background reclaim", FIGURE_BYTES,
	  FIGURE_COUNTER, "Memory that the guest has taken back in the background" },
	{ STATISTIC(direct_reclaim), "direct_reclaim_bytes_total", "Direct reclaim", FIGURE_BYTES,
	  FIGURE_COUNTER, "Memory that those who allocate in the guest have taken back" },
};

static const struct figure network_rows[] = {
	{ NETWORK(frames_in), "received_frames_total", "Frames in", FIGURE_COUNT, FIGURE_COUNTER,
	  "Frames that went to the guest" },
	{ NETWORK(bytes_in), "received_bytes_total", "Bytes in", FIGURE_BYTES, FIGURE_COUNTER,
	  "Bytes that went to the guest" },
	{ NETWORK(dropped_in), "received_dropped_total", "Dropped in", FIGURE_COUNT, FIGURE_COUNTER,
	  "Frames to the guest that were lost on the way" },
	{ NETWORK(frames_out), "sent_frames_total", "Frames out", FIGURE_COUNT, FIGURE_COUNTER,
	  "Frames that came from the guest" },
	{ NETWORK(bytes_out), "sent_bytes_total", "Bytes out", FIGURE_BYTES, FIGURE_COUNTER,
	  "Bytes that came from the guest" },
	{ NETWORK(dropped_out), "sent_dropped_total", "Dropped out", FIGURE_COUNT, FIGURE_COUNTER,
	  "Frames from the guest that were lost on the way" },
};

static const struct figure disk_rows[] = {
	{ DISK(reads), "reads_total", "Reads", FIGURE_COUNT, FIGURE_COUNTER, "Requests to read" },
	{ DISK(read_bytes), "read_bytes_total", "Read", FIGURE_BYTES, FIGURE_COUNTER,
	  "Bytes that were read" },
	{ DISK(writes), "writes_total", "Writes", FIGURE_COUNT, FIGURE_COUNTER,
	  "Requests to write" },
	{ DISK(written_bytes), "written_bytes_total", "Written", FIGURE_BYTES, FIGURE_COUNTER,
	  "Bytes that were written" },
	{ DISK(flushes), "flushes_total", "Flushes", FIGURE_COUNT, FIGURE_COUNTER,
	  "Requests to flush" },
	{ DISK(clears), "clears_total", "Clears", FIGURE_COUNT, FIGURE_COUNTER,
	  "Requests to discard or to write zeroes" },
	{ DISK(cleared_bytes), "cleared_bytes_total", "Cleared", FIGURE_BYTES, FIGURE_COUNTER,
	  "Bytes that were discarded or are to read as zeroes" },
	{ DISK(errors), "errors_total", "Errors", FIGURE_COUNT, FIGURE_COUNTER,
	  "Requests that failed" },
};

static const struct figure domain_rows[] = {
	{ DOMAIN(guests), "guests", "Guests", FIGURE_COUNT, FIGURE_GAUGE, "Guests of the domain" },
	{ DOMAIN(frames), "frames", "Frames", FIGURE_COUNT, FIGURE_GAUGE,
	  "Frames of the store that are in use" },
	{ DOMAIN(store_bytes), "store_bytes", "Store", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory that the store takes up" },
	{ DOMAIN(shared_mappings), "shared_mappings", "Mapped pages", FIGURE_COUNT, FIGURE_GAUGE,
	  "Pages of guests that refer to a frame" },
	{ DOMAIN(max_sharers), "max_sharers", "Max. sharers", FIGURE_COUNT, FIGURE_GAUGE,
	  "Guests on one frame at most, 0 for any number" },
	{ DOMAIN(reclaimed_bytes), "reclaimed_bytes", "Reclaimed", FIGURE_BALANCE, FIGURE_GAUGE,
	  "What the guests of the domain cost less than without sharing" },
	{ DOMAIN(overhead_bytes), "overhead_bytes", "Overhead", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory that sharing itself holds in the broker and the guests' processes" },
	{ "broker_cpu_seconds", offsetof(struct report_domain, broker_cpu_ns),
	  "broker_cpu_seconds_total", "Broker CPU", FIGURE_TIME, FIGURE_COUNTER,
	  "Processor time that the broker has used" },
};

static const struct figure total_rows[] = {
	{ TOTAL(reclaimed_bytes), "reclaimed_bytes", "Reclaimed", FIGURE_BALANCE, FIGURE_GAUGE,
	  "What all guests cost less than without sharing" },
	{ TOTAL(overhead_bytes), "overhead_bytes", "Overhead", FIGURE_BYTES, FIGURE_GAUGE,
	  "Memory that sharing itself holds in all domains" },
	{ TOTAL(silent_guests), "silent_guests", "Silent guests", FIGURE_COUNT, FIGURE_GAUGE,
	  "Guests that run and did not answer" },
	{ TOTAL(silent_brokers), "silent_brokers", "Silent brokers", FIGURE_COUNT, FIGURE_GAUGE,
	  "Brokers that run and did not answer" },
};

const struct figure statistic_age = {
	"age_seconds",
	offsetof(struct control_guest_stats, age_ns),
	"age_seconds",
	"Age",
	FIGURE_TIME,
	FIGURE_GAUGE,
	"Time since the guest told the figures about itself",
};

const struct figure_set guest_figures = { "samepage_guest_", guest_rows, ARRAY_SIZE(guest_rows) };
const struct figure_set statistic_figures = { "samepage_guest_statistics_", statistic_rows,
					      ARRAY_SIZE(statistic_rows) };
const struct figure_set network_figures = { "samepage_guest_network_", network_rows,
					    ARRAY_SIZE(network_rows) };
const struct figure_set disk_figures = { "samepage_guest_disk_", disk_rows, ARRAY_SIZE(disk_rows) };
const struct figure_set domain_figures = { "samepage_domain_", domain_rows,
					   ARRAY_SIZE(domain_rows) };
const struct figure_set total_figures = { "samepage_", total_rows, ARRAY_SIZE(total_rows) };

_Static_assert(ARRAY_SIZE(statistic_rows) == CONTROL_GUEST_STATS, "a row for each");

bool statistic_is_known(const struct control_guest_stats *stats, size_t index)
{
	return stats->age_ns > 0 && stats->known & UINT64_C(1) << index;
}

static const void *field_of(const struct figure *figure, const void *subject)
{
	return (const char *)subject + figure->offset;
}

/* No figure is above INT64_MAX: wire/control.h, or it counts what has happened. */
static int64_t figure_value(const struct figure *figure, const void *subject)
{
	const void *field = field_of(figure, subject);

	if (figure->kind == FIGURE_COUNT_32)
		return *(const uint32_t *)field;
	if (figure->kind == FIGURE_BALANCE)
		return *(const int64_t *)field;
	return (int64_t)(*(const uint64_t *)field);
}

void figure_print(const struct figure *figure, const void *subject, FILE *to)
{
	int64_t value = figure_value(figure, subject);

	if (figure->kind == FIGURE_TIME)
		fprintf(to, "%" PRIu64 ".%09" PRIu64, (uint64_t)value / NS_PER_SEC,
			(uint64_t)value % NS_PER_SEC);
	else
		fprintf(to, "%" PRId64, value);
}

void figure_print_rounded(const struct figure *figure, const void *subject, FILE *to)
{
	int64_t value = figure_value(figure, subject);

	switch (figure->kind) {
	case FIGURE_COUNT:
	case FIGURE_COUNT_32:
		fprintf(to, "%" PRId64, value);
		break;
	case FIGURE_BYTES:
	case FIGURE_BALANCE:
		fprintf(to, "%.1f MiB", (double)value / (1 << 20));
		break;
	case FIGURE_TIME:
		fprintf(to, "%.2f s", (double)value / (double)NS_PER_SEC);
		break;
	}
}

int figure_json(const struct figure *figure, const void *subject, json_t *object)
{
	int64_t value = figure_value(figure, subject);
	json_t *json = figure->kind == FIGURE_TIME ? json_real((double)value / (double)NS_PER_SEC)
						   : json_integer(value);

	return json_object_set_new(object, figure->key, json);
}

int figures_json(const struct figure_set *set, const void *subject, json_t *object)
{
	int failed = 0;

	for (size_t i = 0; i < set->count; i++)
		failed |= figure_json(&set->figures[i], subject, object);
	return failed;
}
