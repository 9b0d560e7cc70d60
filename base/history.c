/* SPDX-License-Identifier: Apache-2.0 */
/* history.c - how some figures developed since the beginning, in bounded memory */
#include "base/history.h"

bool history_is_due(const struct history *history, uint64_t time_ns)
{
	if (history->count == 0)
		return true;
	return time_ns >= history->points[history->count - 1].time_ns + history->interval_ns;
}

/* The first one stays: it is the beginning. */
static void history_thin(struct history *history)
{
	for (uint32_t i = 0; i < HISTORY_POINTS / 2; i++)
		history->points[i] = history->points[2 * i];
	history->count = HISTORY_POINTS / 2;
	history->interval_ns *= 2;
}

void history_note(struct history *history, const struct history_point *point)
{
	if (!history_is_due(history, point->time_ns))
		return;
	if (history->count == 0)
		history->interval_ns = HISTORY_FIRST_NS;
	if (history->count == HISTORY_POINTS)
		history_thin(history);
	/* what was kept last may be too near by now */
	if (history_is_due(history, point->time_ns))
		history->points[history->count++] = *point;
}
