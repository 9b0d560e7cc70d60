/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_wire_control.c - messages between the command line and a guest, from a peer that lies
 *
 * The input is a whole message. A request that is accepted must be what the encoder
 * would have sent, however it comes in pieces; what is decoded of an answer goes to a
 * terminal, and must not command it.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/control.h"

static void expect_printable(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	if (length == size)
		abort();
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			abort();
}

static void try_request(const uint8_t *bytes, size_t length)
{
	struct control_request request = { 0 };
	uint8_t again[CONTROL_MAX_REQUEST];
	int wanted = 0;

	for (size_t received = 0; received <= length && received <= (size_t)wanted; received++) {
		wanted = control_request_decode(bytes, received, &request);
		if (wanted < 0)
			return;
		if (wanted > CONTROL_MAX_REQUEST)
			abort();
	}
	if ((size_t)wanted > length)
		return;
	if (control_request_encode(&request, again, sizeof(again)) != wanted ||
	    memcmp(again, bytes, (size_t)wanted) != 0)
		abort();
}

/* What is accepted is what the encoder would have sent. */
static void try_history(const uint8_t *payload, size_t length)
{
	static uint8_t again[WIRE_HEADER_SIZE + HISTORY_MAX_PAYLOAD];
	static struct history history;
	int rc;

	if (history_decode(payload, length, &history) < 0)
		return;
	rc = history_encode(&history, CONTROL_HISTORY_REPLY, again, sizeof(again));
	if (rc != (int)(WIRE_HEADER_SIZE + length) ||
	    memcmp(again + WIRE_HEADER_SIZE, payload, length) != 0)
		abort();
}

static void try_answer(uint16_t type, const uint8_t *payload, size_t length)
{
	struct control_outcome outcome;
	struct control_report report;

	if (type == CONTROL_HISTORY_REPLY)
		try_history(payload, length);
	if (type == CONTROL_OUTCOME && control_outcome_decode(payload, length, &outcome) == 0)
		expect_printable(outcome.sentence, sizeof(outcome.sentence));
	if (type != CONTROL_REPORT_REPLY || control_report_decode(payload, length, &report) < 0)
		return;
	expect_printable(report.name, sizeof(report.name));
	expect_printable(report.domain, sizeof(report.domain));
	if (strcmp(control_state_name(report.state), "unknown") == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct wire_header header;

	try_request(bytes, length);
	if (length < WIRE_HEADER_SIZE ||
	    wire_header_decode(bytes, CONTROL_MAX_PAYLOAD, &header) < 0)
		return 0;
	/* whoever reads a socket has exactly the payload that the header promises */
	if (header.length > length - WIRE_HEADER_SIZE)
		header.length = (uint32_t)(length - WIRE_HEADER_SIZE);
	try_answer(header.type, bytes + WIRE_HEADER_SIZE, header.length);
	return 0;
}
