/* SPDX-License-Identifier: Apache-2.0 */
/* check_control.c - the control protocol: what is written is read, and nothing else */
#include "tests/unit/suite.h"

#include <errno.h>

#if __has_include(<libvirt/libvirt.h>)
#include <libvirt/libvirt.h>
#define HAVE_LIBVIRT 1
#endif

#include "wire/control.h"

static uint8_t bytes[CONTROL_MAX_MESSAGE];
static const uint8_t *const payload = bytes + WIRE_HEADER_SIZE;

static const struct control_report sample = {
	.name = "web-1",
	.domain = "@web.4711",
	.pid = 4712,
	.state = CONTROL_STATE_PAUSED,
	.cpus = 4,
	.uptime_ns = 1,
	.ram_bytes = UINT64_C(64) << 20,
	.populated_bytes = 3 << 12,
	.shared_bytes = 4 << 12,
	.zero_bytes = 5 << 12,
	.returned_bytes = 18 << 12,
	.huge_bytes = 2 << 20,
	.pss_bytes = 6 << 12,
	.breaks_total = 7,
	.merges_total = 8,
	.mappings = 9,
	.mappings_limit = 10,
	.declined_bytes = 4096,
	.old_store_bytes = 19 << 12,
	.dedup_cpu_ns = 11,
	.passes = 12,
	.writes_tracked = 1,
	.overhead_bytes = 13,
	.balloon_target_bytes = UINT64_C(60) << 20,
	.ballooned_bytes = 14 << 12,
	.reported_bytes = UINT64_C(1) << 40,
	.guest_stats = { .age_ns = 15, .known = 0x8001, .values = { [0] = 16, [15] = 17 } },
	.network_count = 2,
	.networks = { { 20, 21, 22, 23, 24, 25 }, { 26, 27, 28, 29, 30, 31 } },
	.disk_count = 2,
	.disks = { { 32, 33, 34, 35, 36, 37, 38, 39 }, { 40, 41, 42, 43, 44, 45, 46, 47 } },
};

/* Encodes; returns the payload's length. */
static size_t encode(const struct control_report *report)
{
	int length = control_report_encode(report, bytes, sizeof(bytes));

	ck_assert_int_gt(length, WIRE_HEADER_SIZE);
	return (size_t)length - WIRE_HEADER_SIZE;
}

START_TEST(a_report_survives_the_wire)
{
	struct control_report report = { 0 };

	ck_assert_int_eq(control_report_decode(payload, encode(&sample), &report), 0);
	ck_assert_mem_eq(&report, &sample, sizeof(report));
}
END_TEST

START_TEST(an_outcome_survives_the_wire)
{
	struct control_outcome sent = { .error = ENOSPC, .sentence = "the disk is full" };
	struct control_outcome read = { 0 };
	int length = control_outcome_encode(&sent, bytes, sizeof(bytes));

	ck_assert_int_gt(length, WIRE_HEADER_SIZE);
	ck_assert_int_eq(control_outcome_decode(payload, (size_t)length - WIRE_HEADER_SIZE, &read),
			 0);
	ck_assert_uint_eq(read.error, ENOSPC);
	ck_assert_str_eq(read.sentence, sent.sentence);
}
END_TEST

static size_t encode_request(int type, uint64_t number)
{
	struct control_request request = { .type = (enum control_type)type, .number = number };
	int length = control_request_encode(&request, bytes, sizeof(bytes));

	ck_assert_int_ge(length, WIRE_HEADER_SIZE);
	return (size_t)length;
}

START_TEST(every_request_survives_the_wire)
{
	for (int type = CONTROL_REPORT; type <= CONTROL_HISTORY; type++) {
		bool has_number = type == CONTROL_CONSOLE || type == CONTROL_BALLOON ||
				  type == CONTROL_READ_PAGES;
		uint64_t number = has_number ? CONTROL_CONSOLE_KEPT | 1 : 0;
		size_t length = encode_request(type, number);
		struct control_request read;

		ck_assert_uint_eq(length, number ? CONTROL_MAX_REQUEST : WIRE_HEADER_SIZE);
		ck_assert_int_eq(control_request_decode(bytes, length, &read), (int)length);
		ck_assert_int_eq((int)read.type, type);
		ck_assert_uint_eq(read.number, number);
	}
}
END_TEST

START_TEST(a_request_says_how_long_it_is)
{
	struct control_request read = { .number = 4711 };
	int length = (int)encode_request(CONTROL_CONSOLE, 1);

	for (size_t received = 0; received < WIRE_HEADER_SIZE; received++)
		ck_assert_int_eq(control_request_decode(bytes, received, &read), WIRE_HEADER_SIZE);
	for (int received = WIRE_HEADER_SIZE; received < length; received++)
		ck_assert_int_eq(control_request_decode(bytes, (size_t)received, &read), length);
	ck_assert_uint_eq(read.number, 4711);
}
END_TEST

START_TEST(requests_of_other_types_or_lengths_are_refused)
{
	static const int types[] = { 0, CONTROL_HISTORY + 1, CONTROL_OUTCOME, CONTROL_HISTORY_REPLY,
				     0xffff };
	static const int lengths[] = { 1, 8, 9 };
	struct control_request read;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t length = encode_request(types[i], 0);

		ck_assert_int_eq(control_request_decode(bytes, length, &read), -EPROTO);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		encode_request(CONTROL_REPORT, 0);
		bytes[0] = (uint8_t)lengths[i];
		ck_assert_int_eq(control_request_decode(bytes, 8, &read), -EPROTO);
		encode_request(CONTROL_CONSOLE, 0);
		bytes[0] = (uint8_t)(lengths[i] + 1);
		ck_assert_int_eq(control_request_decode(bytes, 8, &read), -EPROTO);
	}
	encode_request(CONTROL_REPORT, 0);
	bytes[6]++; /* version */
	ck_assert_int_eq(control_request_decode(bytes, 8, &read), -EPROTO);
}
END_TEST

START_TEST(a_payload_of_another_length_is_refused)
{
	size_t length = encode(&sample);
	struct control_outcome outcome;
	struct control_report report;

	for (size_t cut = 0; cut < length; cut++)
		ck_assert_int_eq(control_report_decode(payload, cut, &report), -EPROTO);
	ck_assert_int_eq(control_report_decode(payload, length + 1, &report), -EPROTO);
	for (size_t cut = 0; cut < 6; cut++)
		ck_assert_int_eq(control_outcome_decode(payload, cut, &outcome), -EPROTO);
}
END_TEST

/* What a peer may not say about itself. */
static void spoil(struct control_report *report, int how)
{
	switch (how) {
	case 0:
		report->name[0] = '\0';
		break;
	case 1:
		report->name[0] = '\033';
		break;
	case 2:
		report->domain[1] = '\n';
		break;
	case 3:
		report->pid = 0;
		break;
	case 4:
		report->pid = UINT32_MAX;
		break;
	case 5:
		report->state = (enum control_state)2;
		break;
	case 6:
		report->shared_bytes = report->ram_bytes + 1;
		break;
	case 7:
		report->zero_bytes = UINT64_MAX;
		break;
	case 8:
		report->pss_bytes = UINT64_MAX;
		break;
	case 9:
		report->balloon_target_bytes = report->ram_bytes + 1;
		break;
	case 10:
		report->ballooned_bytes = report->ram_bytes + 1;
		break;
	case 11:
		report->reported_bytes = UINT64_MAX;
		break;
	case 12:
		report->guest_stats.values[15] = UINT64_MAX;
		break;
	case 13:
		report->guest_stats.known = 1u << CONTROL_GUEST_STATS;
		break;
	case 14:
		report->guest_stats.age_ns = UINT64_MAX;
		break;
	case 15:
		report->returned_bytes = report->ram_bytes + 1;
		break;
	case 16:
		report->networks[1].dropped_out = UINT64_MAX;
		break;
	case 17:
		report->disks[1].errors = UINT64_MAX;
		break;
	case 18:
		report->writes_tracked = 2;
		break;
	case 19:
		report->old_store_bytes = report->ram_bytes + 1;
		break;
	default:
		report->ram_bytes = UINT64_MAX;
		break;
	}
}

START_TEST(a_report_that_makes_no_sense_is_refused)
{
	struct control_report report = sample, read;

	spoil(&report, _i);
	ck_assert_int_eq(control_report_decode(payload, encode(&report), &read), -EPROTO);
}
END_TEST

START_TEST(a_guest_has_no_more_networks_or_disks_than_there_can_be)
{
	const bool disks = _i != 0;
	struct control_report report = sample, read;
	size_t length, count_at;

	report.disk_count = 0;
	if (!disks)
		report.network_count = 0;
	count_at = encode(&report) - (disks ? 1 : 2) * sizeof(uint32_t);
	report.network_count = CONTROL_MAX_NETWORKS;
	report.disk_count = CONTROL_MAX_DISKS;
	length = encode(&report);
	if (disks)
		count_at += (CONTROL_MAX_NETWORKS - sample.network_count) *
			    sizeof(struct control_network);
	ck_assert_uint_le(length, CONTROL_MAX_PAYLOAD);
	ck_assert_int_eq(control_report_decode(payload, length, &read), 0);
	bytes[WIRE_HEADER_SIZE + count_at]++;
	ck_assert_int_eq(control_report_decode(payload, length, &read), -EPROTO);
}
END_TEST

START_TEST(a_name_without_end_is_refused)
{
	size_t length = encode(&sample);
	struct control_report read;

	memset(bytes + WIRE_HEADER_SIZE, 'x', WIRE_TEXT_SIZE);
	ck_assert_int_eq(control_report_decode(payload, length, &read), -EPROTO);
}
END_TEST

START_TEST(a_sentence_with_control_characters_is_refused)
{
	struct control_outcome outcome = { .error = 1, .sentence = "clear \033[2J" };
	int length = control_outcome_encode(&outcome, bytes, sizeof(bytes));

	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(
		control_outcome_decode(payload, (size_t)length - WIRE_HEADER_SIZE, &outcome),
		-EPROTO);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_is_an_error)
{
	struct control_request quit = { .type = CONTROL_QUIT };
	struct control_request console = { .type = CONTROL_CONSOLE };

	ck_assert_int_eq(control_report_encode(&sample, bytes, 64), -EMSGSIZE);
	ck_assert_int_eq(control_request_encode(&quit, bytes, 7), -EMSGSIZE);
	ck_assert_int_eq(control_request_encode(&console, bytes, 15), -EMSGSIZE);
}
END_TEST

START_TEST(states_have_libvirts_numbers)
{
#ifdef HAVE_LIBVIRT
	ck_assert_int_eq(CONTROL_STATE_RUNNING, VIR_DOMAIN_RUNNING);
	ck_assert_int_eq(CONTROL_STATE_PAUSED, VIR_DOMAIN_PAUSED);
	ck_assert_int_eq(CONTROL_STATE_SHUTDOWN, VIR_DOMAIN_SHUTDOWN);
	ck_assert_int_eq(CONTROL_STATE_CRASHED, VIR_DOMAIN_CRASHED);
#endif
	ck_assert_str_eq(control_state_name(CONTROL_STATE_RUNNING), "running");
	ck_assert_str_eq(control_state_name((enum control_state)99), "unknown");
}
END_TEST

START_TEST(every_figure_of_a_guest_has_a_name_of_its_own)
{
	for (unsigned int i = 0; i < CONTROL_GUEST_STATS; i++)
		for (unsigned int j = 0; j < i; j++)
			ck_assert_str_ne(control_guest_stat_name(i), control_guest_stat_name(j));
	ck_assert_ptr_null(control_guest_stat_name(CONTROL_GUEST_STATS));
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_report_survives_the_wire },
	{ "core", &an_outcome_survives_the_wire },
	{ "core", &every_request_survives_the_wire },
	{ "core", &a_request_says_how_long_it_is },
	{ "core", &states_have_libvirts_numbers },
	{ "core", &every_figure_of_a_guest_has_a_name_of_its_own },
	{ "misuse", &requests_of_other_types_or_lengths_are_refused },
	{ "misuse", &a_payload_of_another_length_is_refused },
	{ "misuse", &a_report_that_makes_no_sense_is_refused, 21 },
	{ "misuse", &a_guest_has_no_more_networks_or_disks_than_there_can_be, 2 },
	{ "misuse", &a_name_without_end_is_refused },
	{ "misuse", &a_sentence_with_control_characters_is_refused },
	{ "misuse", &a_buffer_that_is_too_small_is_an_error },
};

SUITE_MAIN("control", tests)
