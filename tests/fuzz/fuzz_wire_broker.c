/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_wire_broker.c - messages between guest and broker, from a peer that lies
 *
 * The input is a whole message. What a decoder accepts must be what the encoder
 * would have sent: two byte strings for one message would mean that some bytes are
 * not looked at. Texts are the exception, since nobody reads behind their end.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/broker.h"

static uint8_t again[WIRE_HEADER_SIZE + BROKER_REPORT_MAX];

/* rc: what the encoder returned; payload: what the decoder was given. */
static void expect_same(int rc, const uint8_t *payload, size_t length)
{
	if (rc < 0 || (size_t)rc > WIRE_HEADER_SIZE + length ||
	    memcmp(again + WIRE_HEADER_SIZE, payload, (size_t)rc - WIRE_HEADER_SIZE) != 0)
		abort();
}

static void try_items(uint16_t type, const uint8_t *payload, size_t length)
{
	static struct catalog_item items[PROBE_MAX];
	const uint8_t *bytes = NULL;
	uint32_t count;

	if (type == BROKER_PROBE) {
		if (broker_get_probe(payload, length, items, &count) == 0)
			expect_same(broker_put_probe(again, sizeof(again), items, count), payload,
				    length);
		return;
	}
	if (broker_get_publish(payload, length, items, &count, &bytes) < 0)
		return;
	expect_same(broker_put_publish(again, sizeof(again), items, count), payload, length);
	if (bytes + (size_t)count * PAGE_BYTES != payload + length)
		abort();
}

static void try_numbers(uint16_t type, const uint8_t *payload, size_t length)
{
	static struct link_offer offers[BROKER_OFFERS_MAX];
	static uint32_t numbers[PROBE_MAX];
	uint32_t count;

	if (type == BROKER_OFFERS) {
		if (broker_get_offers(payload, length, offers, &count) == 0)
			expect_same(broker_put_offers(again, sizeof(again), offers, count), payload,
				    length);
	} else if (broker_get_numbers(payload, length, PROBE_MAX, numbers, &count) == 0) {
		expect_same(
			broker_put_numbers(again, sizeof(again), BROKER_ANSWERS, numbers, count),
			payload, length);
	}
}

static void try_texts(uint16_t type, const uint8_t *payload, size_t length)
{
	struct broker_report *report = NULL;
	struct broker_welcome welcome;
	struct broker_hello hello;
	char domain[WIRE_TEXT_SIZE];

	if (type == BROKER_START) {
		if (broker_get_start(payload, length, domain) == 0 &&
		    strlen(domain) >= sizeof(domain))
			abort();
	} else if (type == BROKER_HELLO) {
		if (broker_get_hello(payload, length, &hello) == 0 &&
		    strlen(hello.name) >= sizeof(hello.name))
			abort();
	} else if (type == BROKER_WELCOME) {
		if (broker_get_welcome(payload, length, &welcome) == 0)
			expect_same(broker_put_welcome(again, sizeof(again), &welcome), payload,
				    length);
	} else if (broker_get_report(payload, length, &report) == 0) {
		for (uint32_t i = 0; i < report->guest_count; i++)
			if (strlen(report->guests[i].name) >= sizeof(report->guests[i].name))
				abort();
		free(report);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct wire_header header;
	const uint8_t *payload = bytes + WIRE_HEADER_SIZE;

	if (length < WIRE_HEADER_SIZE || wire_header_decode(bytes, BROKER_REPORT_MAX, &header) < 0)
		return 0;
	/* whoever reads a socket has exactly the payload that the header promises */
	if (header.length > length - WIRE_HEADER_SIZE)
		header.length = (uint32_t)(length - WIRE_HEADER_SIZE);
	if (header.type == BROKER_PROBE || header.type == BROKER_PUBLISH)
		try_items(header.type, payload, header.length);
	else if (header.type == BROKER_ANSWERS || header.type == BROKER_RELEASE ||
		 header.type == BROKER_OFFERS)
		try_numbers(header.type, payload, header.length);
	else
		try_texts(header.type, payload, header.length);
	return 0;
}
