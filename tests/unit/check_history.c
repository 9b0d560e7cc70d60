/* SPDX-License-Identifier: Apache-2.0 */
/* check_history.c - a bounded history: all of the time, evenly, and the way over the wire */
#include "tests/unit/suite.h"

#include <errno.h>

#include "wire/codec.h"
#include "wire/history.h"

#define SECOND UINT64_C(1000000000)

static struct history history;
static uint8_t bytes[WIRE_HEADER_SIZE + HISTORY_MAX_PAYLOAD];
static const uint8_t *const payload = bytes + WIRE_HEADER_SIZE;

static void note(uint64_t time_ns, uint64_t figure)
{
	struct history_point point = { .time_ns = time_ns, .figures = { [1] = figure } };

	history_note(&history, &point);
}

static void fill(void)
{
	for (uint64_t i = 0; i < HISTORY_POINTS; i++)
		note(SECOND + i * HISTORY_FIRST_NS, i);
}

/* Encodes; returns the payload's length. */
static size_t encode(void)
{
	int length = history_encode(&history, 7, bytes, sizeof(bytes));

	ck_assert_int_ge(length, WIRE_HEADER_SIZE);
	return (size_t)length - WIRE_HEADER_SIZE;
}

START_TEST(the_first_point_is_kept_and_then_one_an_interval)
{
	note(5 * SECOND, 1);
	note(5 * SECOND + HISTORY_FIRST_NS - 1, 2);
	note(5 * SECOND + HISTORY_FIRST_NS, 3);
	ck_assert_uint_eq(history.count, 2);
	ck_assert_uint_eq(history.points[0].time_ns, 5 * SECOND);
	ck_assert_uint_eq(history.points[1].figures[1], 3);
}
END_TEST

START_TEST(a_full_history_drops_every_other_point)
{
	fill();
	ck_assert_uint_eq(history.count, HISTORY_POINTS);
	note(SECOND + HISTORY_POINTS * HISTORY_FIRST_NS, HISTORY_POINTS);
	ck_assert_uint_eq(history.count, HISTORY_POINTS / 2 + 1);
	ck_assert_uint_eq(history.interval_ns, 2 * HISTORY_FIRST_NS);
	for (uint32_t i = 0; i < history.count; i++)
		ck_assert_uint_eq(history.points[i].figures[1], 2 * i);
}
END_TEST

START_TEST(a_year_fits_and_begins_at_the_beginning)
{
	for (uint64_t second = 1; second <= UINT64_C(366) * 86400; second += 7)
		note(second * SECOND, second);
	ck_assert_uint_ge(history.count, HISTORY_POINTS / 2);
	ck_assert_uint_eq(history.points[0].time_ns, SECOND);
	for (uint32_t i = 1; i < history.count; i++) {
		uint64_t apart = history.points[i].time_ns - history.points[i - 1].time_ns;

		ck_assert_uint_ge(apart, history.interval_ns);
		ck_assert_uint_lt(apart, 2 * history.interval_ns);
	}
}
END_TEST

START_TEST(a_point_is_due_exactly_when_it_would_be_kept)
{
	ck_assert(history_is_due(&history, 0));
	note(SECOND, 1);
	ck_assert(!history_is_due(&history, SECOND));
	ck_assert(history_is_due(&history, SECOND + HISTORY_FIRST_NS));
	/* a clock that went back keeps nothing */
	note(0, 2);
	ck_assert_uint_eq(history.count, 1);
}
END_TEST

START_TEST(a_history_survives_the_wire)
{
	struct history read = { 0 };

	ck_assert_int_eq(history_decode(payload, encode(), &read), 0);
	ck_assert_uint_eq(read.count, 0);
	fill();
	ck_assert_uint_eq(encode(), HISTORY_MAX_PAYLOAD);
	ck_assert_int_eq(history_decode(payload, HISTORY_MAX_PAYLOAD, &read), 0);
	ck_assert_uint_eq(read.count, HISTORY_POINTS);
	ck_assert_mem_eq(read.points, history.points, sizeof(read.points));
}
END_TEST

START_TEST(another_length_is_refused)
{
	struct history read = { .count = 4711 };
	size_t length;

	note(SECOND, 1);
	note(2 * SECOND, 2);
	length = encode();
	for (size_t i = 0; i < length; i++)
		ck_assert_int_eq(history_decode(payload, i, &read), -EPROTO);
	ck_assert_int_eq(history_decode(payload, length + 1, &read), -EPROTO);
	ck_assert_uint_eq(read.count, 4711);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct history read;
	size_t length;

	fill();
	length = encode();
	bytes[WIRE_HEADER_SIZE] = HISTORY_POINTS + 1;
	ck_assert_int_eq(history_decode(payload, length, &read), -EPROTO);
	bytes[WIRE_HEADER_SIZE + 3] = 0xff;
	ck_assert_int_eq(history_decode(payload, length, &read), -EPROTO);
	history.points[3].time_ns = history.points[2].time_ns;
	ck_assert_int_eq(history_decode(payload, encode(), &read), -EPROTO);
	history.points[3].time_ns++;
	ck_assert_int_eq(history_decode(payload, encode(), &read), 0);
	history.points[HISTORY_POINTS - 1].time_ns = (uint64_t)INT64_MAX + 1;
	ck_assert_int_eq(history_decode(payload, encode(), &read), -EPROTO);
	history.count--;
	history.points[9].figures[3] = UINT64_MAX;
	ck_assert_int_eq(history_decode(payload, encode(), &read), -EPROTO);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_is_an_error)
{
	fill();
	ck_assert_int_eq(history_encode(&history, 7, bytes, sizeof(bytes) - 1), -EMSGSIZE);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &the_first_point_is_kept_and_then_one_an_interval },
	{ "core", &a_full_history_drops_every_other_point },
	{ "core", &a_point_is_due_exactly_when_it_would_be_kept },
	{ "core", &a_history_survives_the_wire },
	{ "limits", &a_year_fits_and_begins_at_the_beginning },
	{ "limits", &a_buffer_that_is_too_small_is_an_error },
	{ "misuse", &another_length_is_refused },
	{ "misuse", &what_makes_no_sense_is_refused },
};

SUITE_MAIN("history", tests)
