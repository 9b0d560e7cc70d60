/* SPDX-License-Identifier: Apache-2.0 */
/* history.c - a history as a payload, of a guest or of a broker */
#include "wire/history.h"

#include "wire/codec.h"

int history_encode(const struct history *history, uint16_t type, uint8_t *bytes, size_t size)
{
	struct wire_writer writer;

	wire_start(&writer, bytes, size);
	wire_put_u32(&writer, history->count);
	for (uint32_t i = 0; i < history->count; i++) {
		wire_put_u64(&writer, history->points[i].time_ns);
		for (size_t j = 0; j < HISTORY_FIGURES; j++)
			wire_put_u64(&writer, history->points[i].figures[j]);
	}
	return wire_finish(&writer, type);
}

static bool point_is_sane(const struct history_point *point, const struct history_point *before)
{
	for (size_t i = 0; i < HISTORY_FIGURES; i++)
		if (point->figures[i] > INT64_MAX)
			return false;
	return point->time_ns <= INT64_MAX && (!before || point->time_ns > before->time_ns);
}

int history_decode(const uint8_t *payload, size_t length, struct history *ret_history)
{
	struct wire_reader reader = { .bytes = payload, .size = length };
	struct history history = { .count = wire_get_u32(&reader) };

	if (history.count > HISTORY_POINTS)
		return -EPROTO;
	for (uint32_t i = 0; i < history.count; i++) {
		struct history_point *point = &history.points[i];

		point->time_ns = wire_get_u64(&reader);
		for (size_t j = 0; j < HISTORY_FIGURES; j++)
			point->figures[j] = wire_get_u64(&reader);
		if (!point_is_sane(point, i > 0 ? point - 1 : NULL))
			return -EPROTO;
	}
	if (!wire_reader_is_done(&reader))
		return -EPROTO;
	*ret_history = history;
	return 0;
}
