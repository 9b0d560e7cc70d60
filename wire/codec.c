/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c - bytes that samepage processes exchange: framing and bounds */
#include "wire/codec.h"

#include <errno.h>
#include <string.h>

void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t length)
{
	if (writer->failed || writer->size - writer->used < length) {
		writer->failed = true;
		return;
	}
	memcpy(writer->bytes + writer->used, bytes, length);
	writer->used += length;
}

/* x86-64 is little-endian: the bytes in memory are the bytes on the wire. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian");

void wire_put_u8(struct wire_writer *writer, uint8_t value)
{
	wire_put_bytes(writer, &value, sizeof(value));
}

void wire_put_u16(struct wire_writer *writer, uint16_t value)
{
	wire_put_bytes(writer, &value, sizeof(value));
}

void wire_put_u32(struct wire_writer *writer, uint32_t value)
{
	wire_put_bytes(writer, &value, sizeof(value));
}

void wire_put_u64(struct wire_writer *writer, uint64_t value)
{
	wire_put_bytes(writer, &value, sizeof(value));
}

void wire_put_text(struct wire_writer *writer, const char *text)
{
	char field[WIRE_TEXT_SIZE] = { 0 };
	size_t length = strlen(text);

	if (length >= sizeof(field)) {
		writer->failed = true;
		return;
	}
	memcpy(field, text, length);
	wire_put_bytes(writer, field, sizeof(field));
}

void wire_get_bytes(struct wire_reader *reader, void *ret_bytes, size_t length)
{
	if (reader->failed || reader->size - reader->used < length) {
		reader->failed = true;
		memset(ret_bytes, 0, length);
		return;
	}
	memcpy(ret_bytes, reader->bytes + reader->used, length);
	reader->used += length;
}

uint8_t wire_get_u8(struct wire_reader *reader)
{
	uint8_t value;

	wire_get_bytes(reader, &value, sizeof(value));
	return value;
}

uint16_t wire_get_u16(struct wire_reader *reader)
{
	uint16_t value;

	wire_get_bytes(reader, &value, sizeof(value));
	return value;
}

uint32_t wire_get_u32(struct wire_reader *reader)
{
	uint32_t value;

	wire_get_bytes(reader, &value, sizeof(value));
	return value;
}

uint64_t wire_get_u64(struct wire_reader *reader)
{
	uint64_t value;

	wire_get_bytes(reader, &value, sizeof(value));
	return value;
}

void wire_get_text(struct wire_reader *reader, char ret_text[WIRE_TEXT_SIZE])
{
	wire_get_bytes(reader, ret_text, WIRE_TEXT_SIZE);
	if (ret_text[WIRE_TEXT_SIZE - 1] != '\0') {
		reader->failed = true;
		ret_text[WIRE_TEXT_SIZE - 1] = '\0';
	}
}

bool wire_reader_is_done(const struct wire_reader *reader)
{
	return !reader->failed && reader->used == reader->size;
}

void wire_start(struct wire_writer *writer, uint8_t *bytes, size_t size)
{
	*writer = (struct wire_writer){ .bytes = bytes, .size = size };
	if (size < WIRE_HEADER_SIZE)
		writer->failed = true;
	else
		writer->used = WIRE_HEADER_SIZE;
}

int wire_finish(struct wire_writer *writer, uint16_t type)
{
	return wire_finish_with_tail(writer, type, 0);
}

int wire_finish_with_tail(struct wire_writer *writer, uint16_t type, size_t tail)
{
	struct wire_writer header = { .bytes = writer->bytes, .size = WIRE_HEADER_SIZE };

	if (writer->failed || writer->used > INT32_MAX || tail > INT32_MAX)
		return -EMSGSIZE;
	wire_put_u32(&header, (uint32_t)(writer->used - WIRE_HEADER_SIZE + tail));
	wire_put_u16(&header, type);
	wire_put_u16(&header, WIRE_VERSION);
	return (int)writer->used;
}

int wire_header_decode(const uint8_t bytes[WIRE_HEADER_SIZE], size_t max_payload,
		       struct wire_header *ret_header)
{
	struct wire_reader reader = { .bytes = bytes, .size = WIRE_HEADER_SIZE };
	struct wire_header header;

	header.length = wire_get_u32(&reader);
	header.type = wire_get_u16(&reader);
	header.version = wire_get_u16(&reader);
	if (header.version != WIRE_VERSION || header.length > max_payload)
		return -EPROTO;
	*ret_header = header;
	return 0;
}
