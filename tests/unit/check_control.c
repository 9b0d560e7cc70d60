/* SPDX-License-Identifier: Apache-2.0 */
/* check_control.c - the control protocol: what is written is read, and nothing else */
#include <check.h>
#include <errno.h>
#include <string.h>

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
	.pss_bytes = 6 << 12,
	.breaks_total = 7,
	.merges_total = 8,
	.mappings = 9,
	.mappings_limit = 10,
	.dedup_cpu_ns = 11,
	.passes = 12,
	.overhead_bytes = 13,
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

START_TEST(every_request_survives_the_wire)
{
	for (int type = CONTROL_REPORT; type <= CONTROL_DUMP_RAM; type++) {
		enum control_type read;

		ck_assert_int_eq(
			control_request_encode((enum control_type)type, bytes, sizeof(bytes)),
			WIRE_HEADER_SIZE);
		ck_assert_int_eq(control_request_decode(bytes, &read), 0);
		ck_assert_int_eq((int)read, type);
	}
}
END_TEST

START_TEST(requests_of_other_types_or_with_a_payload_are_refused)
{
	static const int types[] = { 0, CONTROL_DUMP_RAM + 1, CONTROL_OUTCOME, 0xffff };
	enum control_type read;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		ck_assert_int_eq(
			control_request_encode((enum control_type)types[i], bytes, sizeof(bytes)),
			WIRE_HEADER_SIZE);
		ck_assert_int_eq(control_request_decode(bytes, &read), -EPROTO);
	}
	ck_assert_int_eq(control_request_encode(CONTROL_REPORT, bytes, sizeof(bytes)), 8);
	bytes[0] = 1; /* length */
	ck_assert_int_eq(control_request_decode(bytes, &read), -EPROTO);
	bytes[0] = 0;
	bytes[6]++; /* version */
	ck_assert_int_eq(control_request_decode(bytes, &read), -EPROTO);
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
	ck_assert_int_eq(control_report_encode(&sample, bytes, 64), -EMSGSIZE);
	ck_assert_int_eq(control_request_encode(CONTROL_QUIT, bytes, 7), -EMSGSIZE);
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

int main(void)
{
	Suite *suite = suite_create("control");
	TCase *core = tcase_create("core"), *misuse = tcase_create("misuse");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(core, a_report_survives_the_wire);
	tcase_add_test(core, an_outcome_survives_the_wire);
	tcase_add_test(core, every_request_survives_the_wire);
	tcase_add_test(core, states_have_libvirts_numbers);
	tcase_add_test(misuse, requests_of_other_types_or_with_a_payload_are_refused);
	tcase_add_test(misuse, a_payload_of_another_length_is_refused);
	tcase_add_loop_test(misuse, a_report_that_makes_no_sense_is_refused, 0, 10);
	tcase_add_test(misuse, a_name_without_end_is_refused);
	tcase_add_test(misuse, a_sentence_with_control_characters_is_refused);
	tcase_add_test(misuse, a_buffer_that_is_too_small_is_an_error);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, misuse);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
