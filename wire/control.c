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
	offsetof(struct control_report, pss_bytes),
	offsetof(struct control_report, breaks_total),
	offsetof(struct control_report, merges_total),
	offsetof(struct control_report, mappings),
	offsetof(struct control_report, mappings_limit),
	offsetof(struct control_report, dedup_cpu_ns),
	offsetof(struct control_report, passes),
	offsetof(struct control_report, overhead_bytes),
};

/* Bytes of UTF-8 pass; control characters, which a terminal would obey, don't. */
static bool text_is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

int control_request_encode(enum control_type type, uint8_t *bytes, size_t size)
{
	struct wire_writer writer;

	wire_start(&writer, bytes, size);
	return wire_finish(&writer, (uint16_t)type);
}

int control_request_decode(const uint8_t bytes[WIRE_HEADER_SIZE], enum control_type *ret_type)
{
	struct wire_header header;
	int rc = wire_header_decode(bytes, 0, &header);

	if (rc < 0)
		return rc;
	if (header.type < CONTROL_REPORT || header.type > CONTROL_DUMP_RAM)
		return -EPROTO;
	*ret_type = (enum control_type)header.type;
	return 0;
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
	for (size_t i = 0; i < ARRAY_SIZE(report_numbers); i++) {
		const char *field = (const char *)report + report_numbers[i];
		uint64_t number;

		memcpy(&number, field, sizeof(number));
		wire_put_u64(&writer, number);
	}
	return wire_finish(&writer, CONTROL_REPORT_REPLY);
}

static bool report_is_sane(const struct control_report *report)
{
	return text_is_printable(report->name) && text_is_printable(report->domain) &&
	       report->name[0] && report->pid > 0 && report->pid <= INT32_MAX &&
	       strcmp(control_state_name(report->state), "unknown") != 0 &&
	       report->ram_bytes <= INT64_MAX && report->shared_bytes <= report->ram_bytes &&
	       report->populated_bytes <= report->ram_bytes &&
	       report->zero_bytes <= report->ram_bytes && report->pss_bytes <= INT64_MAX &&
	       report->overhead_bytes <= INT64_MAX;
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
	for (size_t i = 0; i < ARRAY_SIZE(report_numbers); i++) {
		uint64_t number = wire_get_u64(&reader);

		memcpy((char *)&report + report_numbers[i], &number, sizeof(number));
	}
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
