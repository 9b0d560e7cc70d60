/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - a history as a payload, of a guest or of a broker
 *
 *	u32 n  n * { u64 time ns  4 * u64 figure }
 */
#ifndef WIRE_HISTORY_H
#define WIRE_HISTORY_H

#include "base/auto.h"
#include "base/history.h"

#define HISTORY_MAX_PAYLOAD (4u + HISTORY_POINTS * (1u + HISTORY_FIGURES) * 8u)

/* A whole message of this type; its length, or -EMSGSIZE. */
CHECKED int history_encode(const struct history *history, uint16_t type, uint8_t *bytes,
			   size_t size);

/*
 * From a payload; the interval is not part of it. -EPROTO: another length, too many points,
 * times that do not grow, or a number beyond INT64_MAX.
 */
CHECKED int history_decode(const uint8_t *payload, size_t length, struct history *ret_history);

#endif
