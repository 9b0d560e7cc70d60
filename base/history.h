/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - how some figures developed since the beginning, in bounded memory
 *
 * A point is kept once an interval. When there is no room for another, every other one is
 * dropped and the interval doubled: however long it lasts, between a half and all of the
 * points cover the whole time evenly. A point says what was so from then on, until the next
 * one. Whoever owns a history locks it.
 */
#ifndef BASE_HISTORY_H
#define BASE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_POINTS	 128
#define HISTORY_FIGURES	 4
#define HISTORY_FIRST_NS UINT64_C(50000000) /* the interval at the beginning */

struct history_point {
	uint64_t time_ns; /* CLOCK_MONOTONIC: the same for all processes of the host */
	uint64_t figures[HISTORY_FIGURES]; /* their owner says which */
};

/* All zero: nothing has happened yet. */
struct history {
	uint64_t interval_ns; /* 0: none was kept yet */
	uint32_t count;
	struct history_point points[HISTORY_POINTS]; /* times grow */
};

/* Whether history_note() would keep a point: for those who have to gather the figures first. */
bool history_is_due(const struct history *history, uint64_t time_ns);

/* Keeps the point where one is due. */
void history_note(struct history *history, const struct history_point *point);

#endif
