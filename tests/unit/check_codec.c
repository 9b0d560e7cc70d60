/* SPDX-License-Identifier: Apache-2.0 */
/* check_codec.c - what is written can be read, and nothing beyond the end */
#include "tests/unit/suite.h"

#include <errno.h>

#include "wire/codec.h"

START_TEST(what_is_put_can_be_got)
{
	uint8_t bytes[256], raw[3];
	char text[WIRE_TEXT_SIZE];
	struct wire_writer writer = { .bytes = bytes, .size = sizeof(bytes) };
	struct wire_reader reader;

	wire_put_u8(&writer, 0xfe);
	wire_put_u16(&writer, 0xfedc);
	wire_put_u32(&writer, 0xfedcba98);
	wire_put_u64(&writer, UINT64_C(0xfedcba9876543210));
	wire_put_text(&writer, "web-1");
	wire_put_bytes(&writer, "abc", 3);
	ck_assert(!writer.failed);
	reader = (struct wire_reader){ .bytes = bytes, .size = writer.used };
	ck_assert_uint_eq(wire_get_u8(&reader), 0xfe);
	ck_assert_uint_eq(wire_get_u16(&reader), 0xfedc);
	ck_assert_uint_eq(wire_get_u32(&reader), 0xfedcba98);
	ck_assert_uint_eq(wire_get_u64(&reader), UINT64_C(0xfedcba9876543210));
	wire_get_text(&reader, text);
	ck_assert_str_eq(text, "web-1");
	ck_assert(!wire_reader_is_done(&reader));
	wire_get_bytes(&reader, raw, sizeof(raw));
	ck_assert_mem_eq(raw, "abc", 3);
	ck_assert(wire_reader_is_done(&reader));
}
END_TEST

START_TEST(numbers_are_little_endian)
{
	uint8_t bytes[4];
	struct wire_writer writer = { .bytes = bytes, .size = sizeof(bytes) };

	wire_put_u32(&writer, 0x01020304);
	ck_assert_mem_eq(bytes, "\x04\x03\x02\x01", 4);
}
END_TEST

START_TEST(a_header_has_length_type_and_version)
{
	uint8_t bytes[64];
	struct wire_writer writer;
	struct wire_header header;

	wire_start(&writer, bytes, sizeof(bytes));
	wire_put_u32(&writer, 7);
	ck_assert_int_eq(wire_finish(&writer, 42), WIRE_HEADER_SIZE + 4);
	ck_assert_int_eq(wire_header_decode(bytes, 4, &header), 0);
	ck_assert_uint_eq(header.length, 4);
	ck_assert_uint_eq(header.type, 42);
	ck_assert_uint_eq(header.version, WIRE_VERSION);
	ck_assert_int_eq(wire_header_decode(bytes, 3, &header), -EPROTO);
}
END_TEST

START_TEST(a_tail_counts_in_the_length_only)
{
	uint8_t bytes[64];
	struct wire_writer writer;
	struct wire_header header;

	wire_start(&writer, bytes, sizeof(bytes));
	wire_put_u32(&writer, 7);
	ck_assert_int_eq(wire_finish_with_tail(&writer, 1, 4096), WIRE_HEADER_SIZE + 4);
	ck_assert_int_eq(wire_header_decode(bytes, 10000, &header), 0);
	ck_assert_uint_eq(header.length, 4 + 4096);
}
END_TEST

START_TEST(a_full_buffer_is_never_overrun)
{
	uint8_t bytes[WIRE_HEADER_SIZE + 6];
	struct wire_writer writer;

	memset(bytes, 0x55, sizeof(bytes));
	wire_start(&writer, bytes, sizeof(bytes) - 1);
	wire_put_u32(&writer, 1);
	wire_put_u32(&writer, 2);
	ck_assert(writer.failed);
	wire_put_u8(&writer, 3); /* would fit, but the message is broken */
	ck_assert_uint_eq(writer.used, WIRE_HEADER_SIZE + 4);
	ck_assert_uint_eq(bytes[sizeof(bytes) - 1], 0x55);
	ck_assert_int_eq(wire_finish(&writer, 1), -EMSGSIZE);
	wire_start(&writer, bytes, WIRE_HEADER_SIZE - 1);
	ck_assert_int_eq(wire_finish(&writer, 1), -EMSGSIZE);
}
END_TEST

START_TEST(reading_past_the_end_gives_zeroes_and_is_remembered)
{
	uint8_t bytes[] = { 1, 2, 3, 4, 5 }, raw[4] = { 9, 9, 9, 9 };
	struct wire_reader reader = { .bytes = bytes, .size = sizeof(bytes) };

	ck_assert_uint_eq(wire_get_u8(&reader), 1);
	ck_assert_uint_eq(wire_get_u64(&reader), 0);
	ck_assert(reader.failed);
	ck_assert_uint_eq(wire_get_u8(&reader), 0); /* though there is one */
	wire_get_bytes(&reader, raw, sizeof(raw));
	ck_assert_uint_eq(raw[0], 0);
	ck_assert(!wire_reader_is_done(&reader));
}
END_TEST

START_TEST(a_text_has_63_bytes_and_an_end)
{
	uint8_t bytes[WIRE_TEXT_SIZE];
	char text[WIRE_TEXT_SIZE + 1], got[WIRE_TEXT_SIZE];
	struct wire_writer writer = { .bytes = bytes, .size = sizeof(bytes) };
	struct wire_reader reader = { .bytes = bytes, .size = sizeof(bytes) };

	memset(text, 'x', sizeof(text));
	text[WIRE_TEXT_SIZE] = '\0';
	wire_put_text(&writer, text);
	ck_assert(writer.failed);
	writer.failed = false;
	text[WIRE_TEXT_SIZE - 1] = '\0';
	wire_put_text(&writer, text);
	ck_assert(!writer.failed);
	wire_get_text(&reader, got);
	ck_assert_str_eq(got, text);
	bytes[WIRE_TEXT_SIZE - 1] = 'x';
	reader.used = 0;
	wire_get_text(&reader, got);
	ck_assert(reader.failed);
	ck_assert_uint_eq(strlen(got), WIRE_TEXT_SIZE - 1);
}
END_TEST

START_TEST(another_version_is_refused)
{
	uint8_t bytes[WIRE_HEADER_SIZE];
	struct wire_writer writer;
	struct wire_header header = { .length = 77 };

	wire_start(&writer, bytes, sizeof(bytes));
	ck_assert_int_eq(wire_finish(&writer, 1), WIRE_HEADER_SIZE);
	bytes[6]++;
	ck_assert_int_eq(wire_header_decode(bytes, 100, &header), -EPROTO);
	ck_assert_uint_eq(header.length, 77);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &what_is_put_can_be_got },
	{ "core", &numbers_are_little_endian },
	{ "core", &a_header_has_length_type_and_version },
	{ "core", &a_tail_counts_in_the_length_only },
	{ "limits", &a_full_buffer_is_never_overrun },
	{ "limits", &reading_past_the_end_gives_zeroes_and_is_remembered },
	{ "limits", &a_text_has_63_bytes_and_an_end },
	{ "misuse", &another_version_is_refused },
};

SUITE_MAIN("codec", tests)
