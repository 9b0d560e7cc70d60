/* SPDX-License-Identifier: Apache-2.0 */
/* control.c - what the command line says to a guest's process, and its answers */
#include "wire/control.h"

#include <errno.h>
#include <string.h>

const char *control_state_name(enum control_state state)
{
	switch (state) {
	case CONTROL_STATE_RUNNING:
		return "running";
	case CONTROL_STATE_PAUSED:
		return "paused";
	case CONTROL_STATE_SHUTDOWN:
		return "shutdown";
	case CONTROL_STATE_CRASHED:
		return "crashed";
	}
	return "unknown";
}

const char *control_guest_stat_name(unsigned int tag)
{
	static const char *const names[CONTROL_GUEST_STATS] = {
		"swap_in",	   "swap_out",	     "major_fault",   "minor_fault",
		"unused",	   "available",	     "usable",	      "disk_caches",
		"hugetlb_pgalloc", "hugetlb_pgfail", "oom_kill",      "alloc_stall",
		"async_scan",	   "direct_scan",    "async_reclaim", "direct_reclaim",
	};

	return tag < CONTROL_GUEST_STATS ? names[tag] : NULL;
}

/*
 * The numbers of a report in the order of the wire. One table for both
 * directions, so that they can't disagree.
 */
static const size_t report_numbers[] = {
	offsetof(struct control_report, uptime_ns),
	offsetof(struct control_report, ram_bytes),
	offsetof(struct control_report, populated_bytes),
	offsetof(struct control_report, shared_bytes),
	offsetof(struct control_report, zero_bytes),
	offsetof(struct control_report, returned_bytes),
	offsetof(struct control_report, huge_bytes),
	offsetof(struct control_report, pss_bytes),
	offsetof(struct control_report, breaks_total),
	offsetof(struct control_report, merges_total),
	offsetof(struct control_report, mappings),
	offsetof(struct control_report, mappings_limit),
	offsetof(struct control_report, declined_bytes),
	offsetof(struct control_report, old_store_bytes),
	offsetof(struct control_report, dedup_cpu_ns),
	offsetof(struct control_report, passes),
	offsetof(struct control_report, writes_tracked),
	offsetof(struct control_report, overhead_bytes),
	offsetof(struct control_report, balloon_target_bytes),
	offsetof(struct control_report, ballooned_bytes),
	offsetof(struct control_report, reported_bytes),
	offsetof(struct control_report, guest_stats.age_ns),
	offsetof(struct control_report, guest_stats.known),
};

/* The same of a network card. */
static const size_t network_numbers[] = {
	offsetof(struct control_network, frames_in),  offsetof(struct control_network, bytes_in),
	offsetof(struct control_network, dropped_in), offsetof(struct control_network, frames_out),
	offsetof(struct control_network, bytes_out),  offsetof(struct control_network, dropped_out),
};

/* The same of a disk. */
static const size_t disk_numbers[] = {
	offsetof(struct control_disk, reads),	      offsetof(struct control_disk, read_bytes),
	offsetof(struct control_disk, writes),	      offsetof(struct control_disk, written_bytes),
	offsetof(struct control_disk, flushes),	      offsetof(struct control_disk, clears),
	offsetof(struct control_disk, cleared_bytes), offsetof(struct control_disk, errors),
};

static void put_numbers(struct wire_writer *writer, const void *fields, const size_t *offsets,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t number;

		memcpy(&number, (const char *)fields + offsets[i], sizeof(number));
		wire_put_u64(writer, number);
	}
}

static void get_numbers(struct wire_reader *reader, void *fields, const size_t *offsets,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t number = wire_get_u64(reader);

		memcpy((char *)fields + offsets[i], &number, sizeof(number));
	}
}

/* Bytes of UTF-8 pass; control characters, which a terminal would obey, don't. */
static bool text_is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

/* The payload's length, or -EPROTO: no request of ours. */
static int request_payload(unsigned int type)
{
	switch (type) {
	case CONTROL_REPORT:
	case CONTROL_POWER_BUTTON:
	case CONTROL_QUIT:
	case CONTROL_PAUSE:
	case CONTROL_RESUME:
	case CONTROL_DUMP_RAM:
	case CONTROL_CENSUS:
	case CONTROL_DEFINITION:
	case CONTROL_HISTORY:
		return 0;
	case CONTROL_CONSOLE:
	case CONTROL_BALLOON:
	case CONTROL_READ_PAGES:
		return sizeof(uint64_t);
	default:
		return -EPROTO;
	}
}

int control_request_encode(const struct control_request *request, uint8_t *bytes, size_t size)
{
	struct wire_writer writer;

	wire_start(&writer, bytes, size);
	if (request_payload(request->type) > 0)
		wire_put_u64(&writer, request->number);
	return wire_finish(&writer, (uint16_t)request->type);
}

int control_request_decode(const uint8_t *bytes, size_t received,
			   struct control_request *ret_request)
{
	struct wire_reader reader = { .bytes = bytes, .size = received, .used = WIRE_HEADER_SIZE };
	struct wire_header header;
	int payload, rc;

	if (received < WIRE_HEADER_SIZE)
		return WIRE_HEADER_SIZE;
	rc = wire_header_decode(bytes, CONTROL_MAX_REQUEST - WIRE_HEADER_SIZE, &header);
	if (rc < 0)
		return rc;
	payload = request_payload(header.type);
	if (payload < 0 || header.length != (uint32_t)payload)
		return -EPROTO;
	if (received == WIRE_HEADER_SIZE + header.length)
		*ret_request = (struct control_request){
			.type = (enum control_type)header.type,
			.number = payload > 0 ? wire_get_u64(&reader) : 0,
		};
	return WIRE_HEADER_SIZE + payload;
}

int control_report_encode(const struct control_report *report, uint8_t *bytes, size_t size)
{
	struct wire_writer writer;

	wire_start(&writer, bytes, size);
	wire_put_text(&writer, report->name);
	wire_put_text(&writer, report->domain);
	wire_put_u32(&writer, report->pid);
	wire_put_u32(&writer, (uint32_t)report->state);
	wire_put_u32(&writer, report->cpus);
	put_numbers(&writer, report, report_numbers, ARRAY_SIZE(report_numbers));
	for (size_t i = 0; i < CONTROL_GUEST_STATS; i++)
		wire_put_u64(&writer, report->guest_stats.values[i]);
	wire_put_u32(&writer, report->network_count);
	for (uint32_t i = 0; i < report->network_count; i++)
		put_numbers(&writer, &report->networks[i], network_numbers,
			    ARRAY_SIZE(network_numbers));
	wire_put_u32(&writer, report->disk_count);
	for (uint32_t i = 0; i < report->disk_count; i++)
		put_numbers(&writer, &report->disks[i], disk_numbers, ARRAY_SIZE(disk_numbers));
	return wire_finish(&writer, CONTROL_REPORT_REPLY);
}

static bool guest_stats_are_sane(const struct control_guest_stats *stats)
{
	for (size_t i = 0; i < CONTROL_GUEST_STATS; i++)
		if (stats->values[i] > INT64_MAX)
			return false;
	return stats->age_ns <= INT64_MAX && stats->known < 1u << CONTROL_GUEST_STATS;
}

static bool counters_are_sane(const void *fields, const size_t *offsets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t number;

		memcpy(&number, (const char *)fields + offsets[i], sizeof(number));
		if (number > INT64_MAX)
			return false;
	}
	return true;
}

static bool devices_are_sane(const struct control_report *report)
{
	bool sane = true;

	for (uint32_t i = 0; i < report->network_count; i++)
		sane &= counters_are_sane(&report->networks[i], network_numbers,
					  ARRAY_SIZE(network_numbers));
	for (uint32_t i = 0; i < report->disk_count; i++)
		sane &= counters_are_sane(&report->disks[i], disk_numbers,
					  ARRAY_SIZE(disk_numbers));
	return sane;
}

static bool report_is_sane(const struct control_report *report)
{
	return text_is_printable(report->name) && text_is_printable(report->domain) &&
	       report->name[0] && report->pid > 0 && report->pid <= INT32_MAX &&
	       strcmp(control_state_name(report->state), "unknown") != 0 &&
	       report->ram_bytes <= INT64_MAX && report->shared_bytes <= report->ram_bytes &&
	       report->populated_bytes <= report->ram_bytes &&
	       report->zero_bytes <= report->ram_bytes && report->huge_bytes <= INT64_MAX &&
	       report->declined_bytes <= INT64_MAX && report->pss_bytes <= INT64_MAX &&
	       report->overhead_bytes <= INT64_MAX &&
	       report->old_store_bytes <= report->ram_bytes &&
	       report->balloon_target_bytes <= report->ram_bytes &&
	       report->ballooned_bytes <= report->ram_bytes && report->writes_tracked <= 1 &&
	       report->reported_bytes <= INT64_MAX && report->returned_bytes <= report->ram_bytes &&
	       guest_stats_are_sane(&report->guest_stats) && devices_are_sane(report);
}

int control_report_decode(const uint8_t *payload, size_t length, struct control_report *ret_report)
{
	struct wire_reader reader = { .bytes = payload, .size = length };
	struct control_report report = { 0 };

	wire_get_text(&reader, report.name);
	wire_get_text(&reader, report.domain);
	report.pid = wire_get_u32(&reader);
	report.state = (enum control_state)wire_get_u32(&reader);
	report.cpus = wire_get_u32(&reader);
	get_numbers(&reader, &report, report_numbers, ARRAY_SIZE(report_numbers));
	for (size_t i = 0; i < CONTROL_GUEST_STATS; i++)
		report.guest_stats.values[i] = wire_get_u64(&reader);
	report.network_count = wire_get_u32(&reader);
	if (report.network_count > CONTROL_MAX_NETWORKS)
		return -EPROTO;
	for (uint32_t i = 0; i < report.network_count; i++)
		get_numbers(&reader, &report.networks[i], network_numbers,
			    ARRAY_SIZE(network_numbers));
	report.disk_count = wire_get_u32(&reader);
	if (report.disk_count > CONTROL_MAX_DISKS)
		return -EPROTO;
	for (uint32_t i = 0; i < report.disk_count; i++)
		get_numbers(&reader, &report.disks[i], disk_numbers, ARRAY_SIZE(disk_numbers));
	if (!wire_reader_is_done(&reader) || !report_is_sane(&report))
		return -EPROTO;
	*ret_report = report;
	return 0;
}

int control_outcome_encode(const struct control_outcome *outcome, uint8_t *bytes, size_t size)
{
	size_t length = strnlen(outcome->sentence, sizeof(outcome->sentence) - 1);
	struct wire_writer writer;

	wire_start(&writer, bytes, size);
	wire_put_u32(&writer, outcome->error);
	wire_put_u16(&writer, (uint16_t)length);
	wire_put_bytes(&writer, outcome->sentence, length);
	return wire_finish(&writer, CONTROL_OUTCOME);
}

int control_outcome_decode(const uint8_t *payload, size_t length,
			   struct control_outcome *ret_outcome)
{
	struct wire_reader reader = { .bytes = payload, .size = length };
	struct control_outcome outcome = { 0 };
	size_t sentence_length;

	outcome.error = wire_get_u32(&reader);
	sentence_length = wire_get_u16(&reader);
	if (sentence_length >= sizeof(outcome.sentence))
		return -EPROTO;
	wire_get_bytes(&reader, outcome.sentence, sentence_length);
	if (!wire_reader_is_done(&reader) || outcome.error > INT32_MAX ||
	    strlen(outcome.sentence) != sentence_length || !text_is_printable(outcome.sentence))
		return -EPROTO;
	*ret_outcome = outcome;
	return 0;
}
