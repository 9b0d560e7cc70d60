/* SPDX-License-Identifier: Apache-2.0 */
/* check_console_ring.c - what was said is read in order, or its loss is told to the byte */
#include "devices/console_ring.h"

#include "tests/unit/suite.h"

#include <inttypes.h>
#include <stdio.h>

static struct console_ring *ring;

static void set_up(void)
{
	ck_assert_int_eq(console_ring_create(&ring), 0);
}

static void tear_down(void)
{
	console_ring_free(ring);
}

static void put_text(const char *text)
{
	console_ring_put(ring, text, strlen(text));
}

static void put_many(unsigned char byte, size_t count)
{
	unsigned char bytes[4096];

	memset(bytes, byte, sizeof(bytes));
	for (size_t n; count > 0; count -= n) {
		n = count < sizeof(bytes) ? count : sizeof(bytes);
		console_ring_put(ring, bytes, n);
	}
}

/* Reads up to `count` bytes; returns how many there were. */
static size_t read_bytes(struct console_reader *reader, char *to, size_t count)
{
	size_t done = 0;

	while (done < count) {
		const void *bytes;
		size_t n = console_reader_peek(reader, ring, &bytes);

		if (n == 0)
			break;
		if (n > count - done)
			n = count - done;
		memcpy(to + done, bytes, n);
		console_reader_take(reader, ring, n);
		done += n;
	}
	return done;
}

static const char *read_text(struct console_reader *reader)
{
	static char text[CONSOLE_RING_BYTES + 256];

	text[read_bytes(reader, text, sizeof(text) - 1)] = '\0';
	return text;
}

START_TEST(readers_follow_each_at_its_speed)
{
	struct console_reader quick = { 0 }, slow = { 0 };
	char bytes[4] = "";

	set_up();
	put_text("one\r\n");
	ck_assert_str_eq(read_text(&quick), "one\r\n");
	ck_assert_uint_eq(read_bytes(&slow, bytes, 2), 2);
	put_text("two");
	ck_assert_str_eq(read_text(&quick), "two");
	ck_assert_str_eq(read_text(&slow), "e\r\ntwo");
	ck_assert_str_eq(read_text(&slow), "");
	tear_down();
}
END_TEST

START_TEST(a_full_ring_is_read_whole)
{
	struct console_reader reader = { 0 };

	set_up();
	put_many('x', CONSOLE_RING_BYTES);
	ck_assert_uint_eq(strlen(read_text(&reader)), CONSOLE_RING_BYTES);
	tear_down();
}
END_TEST

START_TEST(a_late_reader_starts_with_a_line_and_is_told_of_the_rest)
{
	struct console_reader reader = { 0 };
	const char *text;

	set_up();
	put_text("first\n");
	put_text("second\n");
	put_many('x', CONSOLE_RING_BYTES - 2);
	text = read_text(&reader);
	/* of "second\n" the last two bytes are left, which are no line of their own */
	ck_assert_ptr_eq(strstr(text, "[samepage: 13 bytes of console output were lost]\r\nxxx"),
			 text);
	ck_assert_ptr_null(strstr(text, "d\n"));
	tear_down();
}
END_TEST

START_TEST(without_lines_it_starts_with_the_oldest_byte)
{
	struct console_reader reader = { 0 };
	static const char note[] = "[samepage: 5 bytes of console output were lost]\r\n";

	set_up();
	put_many('x', CONSOLE_RING_BYTES + 5);
	ck_assert_uint_eq(strlen(read_text(&reader)), strlen(note) + CONSOLE_RING_BYTES);
	tear_down();
}
END_TEST

START_TEST(the_note_has_a_line_of_its_own)
{
	struct console_reader inside = { 0 }, between = { 0 };

	set_up();
	put_text("line\nhalf a li");
	read_text(&inside);
	put_text("ne\n");
	read_text(&between);
	put_many('x', CONSOLE_RING_BYTES + 1);
	ck_assert_ptr_nonnull(strstr(read_text(&inside), "\r\n[samepage: 4 bytes"));
	ck_assert_int_eq(read_text(&between)[0], '[');
	tear_down();
}
END_TEST

START_TEST(a_reader_may_be_overtaken_in_the_middle_of_a_note)
{
	struct console_reader reader = { 0 };
	char start[8] = "";

	set_up();
	put_many('x', CONSOLE_RING_BYTES + 5);
	read_bytes(&reader, start, 7);
	put_many('x', 7);
	ck_assert_ptr_nonnull(strstr(read_text(&reader),
				     "ge: 5 bytes of console output were lost]\r\n"
				     "[samepage: 7 bytes of console output were lost]\r\nxxxxx"));
	tear_down();
}
END_TEST

START_TEST(more_than_fits_at_once_leaves_the_end_of_it)
{
	static char bytes[3 * CONSOLE_RING_BYTES];
	struct console_reader reader = { 0 };
	const char *text;

	set_up();
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes + sizeof(bytes) - 4, "last", 4);
	put_text("early\n");
	console_ring_put(ring, bytes, sizeof(bytes));
	ck_assert_uint_eq(console_ring_written(ring), sizeof(bytes) + 6);
	text = read_text(&reader);
	ck_assert_str_eq(text + strlen(text) - 5, "xlast");
	tear_down();
}
END_TEST

START_TEST(a_reader_knows_where_it_is)
{
	struct console_reader reader = { 0 };

	set_up();
	ck_assert(console_reader_is_at(&reader, 0));
	put_text("abc");
	ck_assert(!console_reader_is_at(&reader, 3));
	read_text(&reader);
	ck_assert(console_reader_is_at(&reader, 3));
	tear_down();
}
END_TEST

/* The bytes that the notes in a text stand for; their own lengths go to *ret_notes. */
static uint64_t lost_bytes(const char *text, size_t *ret_notes)
{
	static const char before[] = "[samepage: ",
			  behind[] = " bytes of console output were lost]";
	uint64_t lost = 0;

	*ret_notes = 0;
	while ((text = strstr(text, before))) {
		char *end;

		lost += strtoull(text + strlen(before), &end, 10);
		ck_assert_int_eq(strncmp(end, behind, strlen(behind)), 0);
		/* all that is written here is x, so that each note has new lines on both sides */
		*ret_notes += (size_t)(end - text) + strlen(behind) + 2;
		text = end;
	}
	return lost;
}

static size_t random_below(size_t limit)
{
	static uint64_t seed = 4711;

	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(seed >> 33) % limit;
}

/* Whatever the speeds: bytes read and bytes told to be lost are those written. */
START_TEST(no_byte_is_unaccounted_for)
{
	static char text[64 << 20];
	struct console_reader reader = { 0 };
	size_t length = 0, notes, breaks = 0;
	uint64_t lost;

	set_up();
	for (int i = 0; i < 300; i++) {
		put_many('x', random_below(CONSOLE_RING_BYTES / 2));
		length += read_bytes(&reader, text + length, random_below(64 << 10));
	}
	while (length + CONSOLE_RING_BYTES < sizeof(text)) {
		size_t n = read_bytes(&reader, text + length, 64 << 10);

		if (n == 0)
			break;
		length += n;
	}
	text[length] = '\0';
	lost = lost_bytes(text, &notes);
	for (const char *at = text; (at = strstr(at, "x\r\n[")); at++)
		breaks += 2;
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq(length - notes - breaks + lost, console_ring_written(ring));
	tear_down();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &readers_follow_each_at_its_speed },
	{ "core", &a_late_reader_starts_with_a_line_and_is_told_of_the_rest },
	{ "core", &the_note_has_a_line_of_its_own },
	{ "core", &a_reader_knows_where_it_is },
	{ "core", &no_byte_is_unaccounted_for },
	{ "limits", &a_full_ring_is_read_whole },
	{ "limits", &without_lines_it_starts_with_the_oldest_byte },
	{ "limits", &a_reader_may_be_overtaken_in_the_middle_of_a_note },
	{ "limits", &more_than_fits_at_once_leaves_the_end_of_it },
};
SUITE_MAIN("console_ring", tests)
