/* SPDX-License-Identifier: Apache-2.0 */
/* console_ring.c - what a console has said: the last CONSOLE_RING_BYTES, and who reads them */
#include "devices/console_ring.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define LINE_BYTES 1024 /* in a longer one, no start of the next is looked for */

struct console_ring {
	uint64_t written;
	unsigned char bytes[CONSOLE_RING_BYTES]; /* position p is at p % CONSOLE_RING_BYTES */
};

/* Not from the heap, which may clear what it hands out by writing to it. */
int console_ring_create(struct console_ring **ret_ring)
{
	void *ring = mmap(NULL, sizeof(**ret_ring), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ring == MAP_FAILED)
		return -errno;
	*ret_ring = ring;
	return 0;
}

void console_ring_free(struct console_ring *ring)
{
	if (ring)
		munmap(ring, sizeof(*ring));
}

void console_ring_put(struct console_ring *ring, const void *from, size_t length)
{
	const unsigned char *bytes = from;

	if (length > CONSOLE_RING_BYTES) {
		ring->written += length - CONSOLE_RING_BYTES;
		bytes += length - CONSOLE_RING_BYTES;
		length = CONSOLE_RING_BYTES;
	}
	while (length > 0) {
		size_t at = ring->written % CONSOLE_RING_BYTES;
		size_t n = CONSOLE_RING_BYTES - at;

		if (n > length)
			n = length;
		memcpy(ring->bytes + at, bytes, n);
		ring->written += n;
		bytes += n;
		length -= n;
	}
}

uint64_t console_ring_written(const struct console_ring *ring)
{
	return ring->written;
}

static uint64_t oldest(const struct console_ring *ring)
{
	return ring->written > CONSOLE_RING_BYTES ? ring->written - CONSOLE_RING_BYTES : 0;
}

/* The first start of a line behind `from`; `from` itself where there is none near. */
static uint64_t line_start(const struct console_ring *ring, uint64_t from)
{
	uint64_t end = ring->written - from > LINE_BYTES ? from + LINE_BYTES : ring->written;

	for (uint64_t position = from; position < end; position++)
		if (ring->bytes[position % CONSOLE_RING_BYTES] == '\n')
			return position + 1;
	return from;
}

static void reader_catch_up(struct console_reader *reader, const struct console_ring *ring)
{
	uint64_t next = line_start(ring, oldest(ring));
	int length = snprintf(reader->note, sizeof(reader->note),
			      "%s[samepage: %" PRIu64 " bytes of console output were lost]\r\n",
			      reader->is_inside ? "\r\n" : "", next - reader->next);

	reader->note_length = (size_t)length;
	reader->note_taken = 0;
	reader->next = next;
}

static bool note_is_due(const struct console_reader *reader)
{
	return reader->note_taken < reader->note_length;
}

size_t console_reader_peek(struct console_reader *reader, const struct console_ring *ring,
			   const void **ret_bytes)
{
	size_t at, to_end;
	uint64_t left;

	if (!note_is_due(reader) && reader->next < oldest(ring))
		reader_catch_up(reader, ring);
	if (note_is_due(reader)) {
		*ret_bytes = reader->note + reader->note_taken;
		return reader->note_length - reader->note_taken;
	}
	at = reader->next % CONSOLE_RING_BYTES;
	to_end = CONSOLE_RING_BYTES - at;
	left = ring->written - reader->next;
	*ret_bytes = ring->bytes + at;
	return left < to_end ? (size_t)left : to_end;
}

void console_reader_take(struct console_reader *reader, const struct console_ring *ring,
			 size_t length)
{
	if (length == 0)
		return;
	if (note_is_due(reader)) {
		reader->note_taken += length;
		reader->is_inside = false;
		return;
	}
	reader->next += length;
	reader->is_inside = ring->bytes[(reader->next - 1) % CONSOLE_RING_BYTES] != '\n';
}

bool console_reader_is_at(const struct console_reader *reader, uint64_t position)
{
	return !note_is_due(reader) && reader->next >= position;
}
