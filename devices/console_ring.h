/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_ring.h - what a console has said: the last CONSOLE_RING_BYTES, and who reads them
 *
 * Each byte has a position, counted from the first one since boot. Readers follow
 * at their own speed and hold nobody up. One that was overtaken finds a line in
 * place of what it missed, which says how much that was, and goes on where a line
 * starts. So does one that comes late: a fresh reader starts at position 0.
 *
 * One thread. Memory that was never written is never touched.
 */
#ifndef DEVICES_CONSOLE_RING_H
#define DEVICES_CONSOLE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

#define CONSOLE_RING_BYTES (256u << 10)

struct console_ring;

/* Zeroes are a reader that starts with the boot. It belongs to whoever reads. */
struct console_reader {
	uint64_t next;	/* position */
	bool is_inside; /* of a line: the last byte taken did not end one */
	char note[80];	/* the line in place of what was missed */
	size_t note_length, note_taken;
};

CHECKED int console_ring_create(struct console_ring **ret_ring);
void console_ring_free(struct console_ring *ring); /* NULL is fine */

void console_ring_put(struct console_ring *ring, const void *bytes, size_t length);
uint64_t console_ring_written(const struct console_ring *ring); /* position behind the last byte */

/*
 * What comes next for the reader: the length of it, in one piece, or 0. Valid until
 * the next put.
 */
size_t console_reader_peek(struct console_reader *reader, const struct console_ring *ring,
			   const void **ret_bytes);
/* The first `length` of the bytes that were just peeked at are dealt with. */
void console_reader_take(struct console_reader *reader, const struct console_ring *ring,
			 size_t length);

/* True where nothing up to `position` is left to peek at. */
bool console_reader_is_at(const struct console_reader *reader, uint64_t position);

#endif
