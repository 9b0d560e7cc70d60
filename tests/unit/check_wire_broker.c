/* SPDX-License-Identifier: Apache-2.0 */
/* check_wire_broker.c - every message comes out as it went in, or not at all */
#include "tests/unit/suite.h"

#include <errno.h>

#include "wire/broker.h"

static uint8_t buffer[1 << 20];
static struct catalog_item items[PROBE_MAX + 1];
static uint32_t numbers[PROBE_MAX + 1];
static struct link_offer offers[BROKER_OFFERS_MAX + 1];
static struct broker_report *report;

/* Any decoder, by the type of its message; results go nowhere. */
static int decode(uint16_t type, const void *payload, size_t length)
{
	static struct catalog_item got_items[PROBE_MAX];
	static struct link_offer got_offers[BROKER_OFFERS_MAX];
	static uint32_t got_numbers[PROBE_MAX];
	struct broker_report *got_report = NULL;
	struct broker_welcome welcome;
	struct broker_hello hello;
	char domain[WIRE_TEXT_SIZE];
	const uint8_t *bytes;
	uint32_t count;
	int rc;

	switch (type) {
	case BROKER_HELLO:
		return broker_get_hello(payload, length, &hello);
	case BROKER_START:
		return broker_get_start(payload, length, domain);
	case BROKER_WELCOME:
		return broker_get_welcome(payload, length, &welcome);
	case BROKER_PROBE:
		return broker_get_probe(payload, length, got_items, &count);
	case BROKER_PUBLISH:
		return broker_get_publish(payload, length, got_items, &count, &bytes);
	case BROKER_ANSWERS:
	case BROKER_RELEASE:
		return broker_get_numbers(payload, length, PROBE_MAX, got_numbers, &count);
	case BROKER_OFFERS:
		return broker_get_offers(payload, length, got_offers, &count);
	default:
		rc = broker_get_report(payload, length, &got_report);
		free(got_report);
		return rc;
	}
}

/* One of each kind, in buffer, with all fields set. Returns the whole length. */
static size_t encode(uint16_t type)
{
	struct broker_hello hello = { .name = "web", .pages = 131072, .max_sharers = 7 };
	struct broker_welcome welcome = { .store_frames = 5 };
	int length = 0;

	for (uint32_t i = 0; i < 3; i++) {
		items[i] = (struct catalog_item){ i, i + 5, { i + 1, ~(uint64_t)i } };
		offers[i] = (struct link_offer){ i, i + 7, i + 9 };
		numbers[i] = i * 1000;
	}
	memset(welcome.secret.bytes, 0xa5, sizeof(welcome.secret.bytes));
	if (type == BROKER_HELLO)
		length = broker_put_hello(buffer, sizeof(buffer), &hello);
	else if (type == BROKER_START)
		length = broker_put_start(buffer, sizeof(buffer), "@web.1");
	else if (type == BROKER_WELCOME)
		length = broker_put_welcome(buffer, sizeof(buffer), &welcome);
	else if (type == BROKER_PROBE)
		length = broker_put_probe(buffer, sizeof(buffer), items, 3);
	else if (type == BROKER_PUBLISH)
		length = broker_put_publish(buffer, sizeof(buffer), items, 3) + 3 * (int)PAGE_BYTES;
	else if (type == BROKER_ANSWERS || type == BROKER_RELEASE)
		length = broker_put_numbers(buffer, sizeof(buffer), type, numbers, 3);
	else if (type == BROKER_OFFERS)
		length = broker_put_offers(buffer, sizeof(buffer), offers, 3);
	else
		length = broker_put_report(buffer, sizeof(buffer), report);
	ck_assert_int_gt(length, WIRE_HEADER_SIZE);
	return (size_t)length;
}

static void make_report(uint32_t guests)
{
	report = calloc(1, sizeof(*report) + guests * sizeof(report->guests[0]));
	ck_assert_ptr_nonnull(report);
	strcpy(report->domain, "lab");
	report->frames = 1;
	report->store_bytes = 2;
	report->shared_mappings = 3;
	report->overhead_bytes = 4;
	report->cpu_ns = UINT64_MAX;
	report->max_sharers = 9;
	report->guest_count = guests;
	for (uint32_t i = 0; i < guests; i++) {
		strcpy(report->guests[i].name, "guest");
		report->guests[i].pid = i + 1;
		report->guests[i].held_pages = i * 10;
		report->guests[i].cost_bytes = i * 100;
	}
}

static const uint16_t types[] = { BROKER_HELLO,	  BROKER_WELCOME, BROKER_PROBE,
				  BROKER_PUBLISH, BROKER_ANSWERS, BROKER_RELEASE,
				  BROKER_OFFERS,  BROKER_REPORT,  BROKER_START };

START_TEST(each_message_says_its_type_and_length)
{
	make_report(2);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t length = encode(types[i]);
		struct wire_header header;

		ck_assert_int_eq(wire_header_decode(buffer, BROKER_REPORT_MAX, &header), 0);
		ck_assert_uint_eq(header.type, types[i]);
		ck_assert_uint_eq(header.length, length - WIRE_HEADER_SIZE);
		ck_assert_int_eq(decode(types[i], buffer + WIRE_HEADER_SIZE, header.length), 0);
	}
	free(report);
}
END_TEST

/* Whoever changes one of these numbers raises the version, and changes that one, too. */
START_TEST(messages_of_another_shape_are_of_another_version)
{
	make_report(2);
	ck_assert_uint_eq(WIRE_VERSION, 3);
	ck_assert_uint_eq(encode(BROKER_HELLO), 80);
	ck_assert_uint_eq(encode(BROKER_WELCOME), 204);
	ck_assert_uint_eq(encode(BROKER_PUBLISH), 12 + 3 * (24 + PAGE_BYTES));
	ck_assert_uint_eq(encode(BROKER_REPORT), 288);
	free(report);
}
END_TEST

START_TEST(greetings_come_out_as_they_went_in)
{
	struct broker_welcome welcome;
	struct broker_hello hello;
	size_t length = encode(BROKER_HELLO) - WIRE_HEADER_SIZE;

	ck_assert_int_eq(broker_get_hello(buffer + WIRE_HEADER_SIZE, length, &hello), 0);
	ck_assert_str_eq(hello.name, "web");
	ck_assert_uint_eq(hello.pages, 131072);
	ck_assert_uint_eq(hello.max_sharers, 7);
	length = encode(BROKER_WELCOME) - WIRE_HEADER_SIZE;
	ck_assert_int_eq(broker_get_welcome(buffer + WIRE_HEADER_SIZE, length, &welcome), 0);
	ck_assert_uint_eq(welcome.store_frames, 5);
	ck_assert_uint_eq(welcome.secret.bytes[DIGEST_SECRET_BYTES - 1], 0xa5);
}
END_TEST

START_TEST(items_come_out_as_they_went_in)
{
	static struct catalog_item got[PROBE_MAX];
	size_t length = encode(BROKER_PROBE) - WIRE_HEADER_SIZE;
	const uint8_t *bytes;
	uint32_t count;

	ck_assert_int_eq(broker_get_probe(buffer + WIRE_HEADER_SIZE, length, got, &count), 0);
	ck_assert_uint_eq(count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(got[i].page, items[i].page);
		ck_assert(digest_equal(got[i].digest, items[i].digest));
		ck_assert_uint_eq(got[i].wish_plus, 0);
	}
	length = encode(BROKER_PUBLISH) - WIRE_HEADER_SIZE;
	memset(buffer + WIRE_HEADER_SIZE + length - PAGE_BYTES, 0x77, PAGE_BYTES);
	ck_assert_int_eq(broker_get_publish(buffer + WIRE_HEADER_SIZE, length, got, &count, &bytes),
			 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(got[2].digest.high, items[2].digest.high);
	ck_assert_uint_eq(got[2].wish_plus, items[2].wish_plus);
	ck_assert_uint_eq(bytes[3 * PAGE_BYTES - 1], 0x77);
	ck_assert_ptr_eq(bytes + 3 * (size_t)PAGE_BYTES, buffer + WIRE_HEADER_SIZE + length);
}
END_TEST

START_TEST(answers_and_offers_come_out_as_they_went_in)
{
	static struct link_offer got_offers[BROKER_OFFERS_MAX];
	static uint32_t got[PROBE_MAX];
	size_t length = encode(BROKER_ANSWERS) - WIRE_HEADER_SIZE;
	uint32_t count;

	ck_assert_int_eq(broker_get_numbers(buffer + WIRE_HEADER_SIZE, length, 3, got, &count), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(got[2], numbers[2]);
	length = encode(BROKER_OFFERS) - WIRE_HEADER_SIZE;
	ck_assert_int_eq(broker_get_offers(buffer + WIRE_HEADER_SIZE, length, got_offers, &count),
			 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(got_offers[2].page, offers[2].page);
	ck_assert_uint_eq(got_offers[2].frame, offers[2].frame);
	ck_assert_uint_eq(got_offers[2].digest_low, offers[2].digest_low);
}
END_TEST

START_TEST(a_report_comes_out_as_it_went_in)
{
	struct broker_report *got;
	size_t length;

	make_report(3);
	length = encode(BROKER_REPORT) - WIRE_HEADER_SIZE;
	ck_assert_int_eq(broker_get_report(buffer + WIRE_HEADER_SIZE, length, &got), 0);
	ck_assert_str_eq(got->domain, "lab");
	ck_assert_uint_eq(got->frames, 1);
	ck_assert_uint_eq(got->store_bytes, 2);
	ck_assert_uint_eq(got->shared_mappings, 3);
	ck_assert_uint_eq(got->overhead_bytes, 4);
	ck_assert_uint_eq(got->cpu_ns, UINT64_MAX);
	ck_assert_uint_eq(got->guest_count, 3);
	ck_assert_str_eq(got->guests[2].name, "guest");
	ck_assert_uint_eq(got->guests[2].pid, 3);
	ck_assert_uint_eq(got->guests[2].held_pages, 20);
	ck_assert_uint_eq(got->guests[2].cost_bytes, 200);
	free(got);
	free(report);
}
END_TEST

START_TEST(the_largest_messages_fit_what_the_peers_accept)
{
	int length = broker_put_publish(buffer, sizeof(buffer), items, PUBLISH_MAX);

	ck_assert_int_eq(length + (int)(PUBLISH_MAX * PAGE_BYTES),
			 WIRE_HEADER_SIZE + (int)BROKER_REQUEST_MAX);
	length = broker_put_probe(buffer, sizeof(buffer), items, PROBE_MAX);
	ck_assert_int_le(length, WIRE_HEADER_SIZE + (int)BROKER_REQUEST_MAX);
	length = broker_put_numbers(buffer, sizeof(buffer), BROKER_RELEASE, numbers, RELEASE_MAX);
	ck_assert_int_le(length, WIRE_HEADER_SIZE + (int)BROKER_REQUEST_MAX);
	length = broker_put_numbers(buffer, sizeof(buffer), BROKER_ANSWERS, numbers, PROBE_MAX);
	ck_assert_int_le(length, WIRE_HEADER_SIZE + (int)BROKER_REPLY_MAX);
	length = broker_put_offers(buffer, sizeof(buffer), offers, BROKER_OFFERS_MAX);
	ck_assert_int_le(length, WIRE_HEADER_SIZE + (int)BROKER_REPLY_MAX);
	ck_assert_int_eq(
		decode(BROKER_OFFERS, buffer + WIRE_HEADER_SIZE, (size_t)length - WIRE_HEADER_SIZE),
		0);
}
END_TEST

START_TEST(no_buffer_is_overrun)
{
	make_report(2);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t length = encode(types[i]);
		uint8_t *exact;

		if (types[i] != BROKER_PROBE)
			continue;
		exact = malloc(length); /* so that a sanitizer sees the byte behind it */
		ck_assert_ptr_nonnull(exact);
		ck_assert_int_eq(broker_put_probe(exact, length, items, 3), (int)length);
		for (size_t size = 0; size < length; size++)
			ck_assert_int_eq(broker_put_probe(exact, size, items, 3), -EMSGSIZE);
		free(exact);
	}
	free(report);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	make_report(2);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t length = encode(types[i]) - WIRE_HEADER_SIZE;

		for (size_t cut = 0; cut < length; cut++) {
			uint8_t *exact = malloc(cut + 1);

			ck_assert_ptr_nonnull(exact);
			memcpy(exact, buffer + WIRE_HEADER_SIZE, cut);
			ck_assert_int_eq(decode(types[i], exact, cut), -EPROTO);
			free(exact);
		}
	}
	free(report);
}
END_TEST

START_TEST(bytes_behind_the_end_are_refused)
{
	make_report(2);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t length = encode(types[i]) - WIRE_HEADER_SIZE;

		for (size_t more = 1; more <= 20; more++)
			ck_assert_int_eq(decode(types[i], buffer + WIRE_HEADER_SIZE, length + more),
					 -EPROTO);
	}
	free(report);
}
END_TEST

START_TEST(a_count_above_the_maximum_is_refused_before_it_is_used)
{
	static const uint16_t counted[] = { BROKER_PROBE, BROKER_PUBLISH, BROKER_ANSWERS,
					    BROKER_RELEASE, BROKER_OFFERS };
	static const uint32_t maxima[] = { PROBE_MAX, PUBLISH_MAX, PROBE_MAX, PROBE_MAX,
					   BROKER_OFFERS_MAX };

	memset(buffer, 0, sizeof(buffer));
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
		uint32_t counts[] = { maxima[i] + 1, 1u << 31, UINT32_MAX };

		for (size_t j = 0; j < ARRAY_SIZE(counts); j++) {
			memcpy(buffer, &counts[j], sizeof(counts[j]));
			ck_assert_int_eq(decode(counted[i], buffer, sizeof(buffer)), -EPROTO);
		}
	}
}
END_TEST

START_TEST(a_report_of_too_many_guests_is_refused)
{
	size_t fixed = WIRE_TEXT_SIZE + 5 * 8;
	uint32_t count = UINT32_MAX;

	memset(buffer, 0, sizeof(buffer));
	memcpy(buffer + fixed, &count, sizeof(count));
	ck_assert_int_eq(decode(BROKER_REPORT, buffer, sizeof(buffer)), -EPROTO);
}
END_TEST

START_TEST(a_name_without_an_end_is_refused)
{
	size_t length = encode(BROKER_HELLO) - WIRE_HEADER_SIZE;

	memset(buffer + WIRE_HEADER_SIZE, 'x', WIRE_TEXT_SIZE);
	ck_assert_int_eq(decode(BROKER_HELLO, buffer + WIRE_HEADER_SIZE, length), -EPROTO);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &each_message_says_its_type_and_length },
	{ "core", &messages_of_another_shape_are_of_another_version },
	{ "core", &greetings_come_out_as_they_went_in },
	{ "core", &items_come_out_as_they_went_in },
	{ "core", &answers_and_offers_come_out_as_they_went_in },
	{ "core", &a_report_comes_out_as_it_went_in },
	{ "limits", &the_largest_messages_fit_what_the_peers_accept },
	{ "limits", &no_buffer_is_overrun },
	{ "misuse", &every_truncation_is_refused },
	{ "misuse", &bytes_behind_the_end_are_refused },
	{ "misuse", &a_count_above_the_maximum_is_refused_before_it_is_used },
	{ "misuse", &a_report_of_too_many_guests_is_refused },
	{ "misuse", &a_name_without_an_end_is_refused },
};

SUITE_MAIN("wire_broker", tests)
