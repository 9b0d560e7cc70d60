/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec.h - bytes that samepage processes exchange: framing and bounds
 *
 * A message is a header of 8 bytes and a payload. All numbers are little-endian
 * and unaligned. A message that is too long, of another version or of unknown
 * type is a reason to drop the peer.
 *
 *   0  u32  payload length, bytes
 *   4  u16  type (each protocol has its own numbers)
 *   6  u16  version: of the framing and of all payloads, so that one who knows another
 *            shape of a message is refused, and does not read it wrongly
 */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"

#define WIRE_VERSION	 3 /* one more whenever a payload changes */
#define WIRE_HEADER_SIZE 8
#define WIRE_TEXT_SIZE	 64 /* a name of up to 63 bytes, padded with NULs */

struct wire_header {
	uint32_t length;
	uint16_t type;
	uint16_t version;
};

/* Writing: a full buffer sets `failed`, and nothing more is written. */
struct wire_writer {
	uint8_t *bytes;
	size_t size;
	size_t used;
	bool failed;
};

/* Reading: a read past the end sets `failed` and gives zeroes. */
struct wire_reader {
	const uint8_t *bytes;
	size_t size;
	size_t used;
	bool failed;
};

void wire_put_u8(struct wire_writer *writer, uint8_t value);
void wire_put_u16(struct wire_writer *writer, uint16_t value);
void wire_put_u32(struct wire_writer *writer, uint32_t value);
void wire_put_u64(struct wire_writer *writer, uint64_t value);
void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t length);
void wire_put_text(struct wire_writer *writer, const char *text); /* WIRE_TEXT_SIZE bytes */

uint8_t wire_get_u8(struct wire_reader *reader);
uint16_t wire_get_u16(struct wire_reader *reader);
uint32_t wire_get_u32(struct wire_reader *reader);
uint64_t wire_get_u64(struct wire_reader *reader);
void wire_get_bytes(struct wire_reader *reader, void *ret_bytes, size_t length);
/* Sets `failed` unless the text ends within its field. */
void wire_get_text(struct wire_reader *reader, char ret_text[WIRE_TEXT_SIZE]);

/* True where everything was read, and nothing beyond the end. */
bool wire_reader_is_done(const struct wire_reader *reader);

/* Starts a message: leaves room for the header. End it with wire_finish(). */
void wire_start(struct wire_writer *writer, uint8_t *bytes, size_t size);
/* Writes the header; returns the whole length, or -EMSGSIZE where the buffer was full. */
CHECKED int wire_finish(struct wire_writer *writer, uint16_t type);

/*
 * The same for a message whose last `tail` bytes the caller sends from elsewhere.
 * The length returned is without them.
 */
CHECKED int wire_finish_with_tail(struct wire_writer *writer, uint16_t type, size_t tail);

/* -EPROTO: version or length (over max_payload) is not acceptable. */
CHECKED int wire_header_decode(const uint8_t bytes[WIRE_HEADER_SIZE], size_t max_payload,
			       struct wire_header *ret_header);

#endif
