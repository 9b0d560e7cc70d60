/* SPDX-License-Identifier: Apache-2.0 */
/* check_chain.c - chains of descriptors: what they hold, and what none may hold */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/ring.h"

/* ------------------------------------------------------------------------ core */

START_TEST(a_chain_comes_as_it_was_described)
{
	start(8, false);
	describe(5, BUFFERS, 10, NEXT, 2);
	describe(2, BUFFERS + 100, 20, NEXT, 7);
	describe(7, BUFFERS + 200, 30, NEXT | WRITE, 0);
	describe(0, BUFFERS + 300, 40, WRITE, 5);
	ck_assert_int_eq(take(), 0);
	offer(5);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.head, 5);
	ck_assert_uint_eq(chain.readable_count, 2);
	ck_assert_uint_eq(chain.writable_count, 2);
	ck_assert_uint_eq(chain.readable_bytes, 30);
	ck_assert_uint_eq(chain.writable_bytes, 70);
	expect_part(0, BUFFERS, 10);
	expect_part(1, BUFFERS + 100, 20);
	expect_part(2, BUFFERS + 200, 30);
	expect_part(3, BUFFERS + 300, 40);
	ck_assert_uint_eq(queue.in_flight, 1);
	ck_assert_int_eq(take(), 0);
	stop();
}
END_TEST

START_TEST(a_table_holds_a_chain)
{
	start(4, false);
	describe_in(TABLE, 0, BUFFERS, 10, NEXT, 2);
	describe_in(TABLE, 2, BUFFERS + 200, 30, WRITE, 0);
	describe(3, TABLE, 3 * 16, INDIRECT, 0);
	offer(3);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.head, 3);
	ck_assert_uint_eq(chain.readable_count, 1);
	ck_assert_uint_eq(chain.writable_count, 1);
	expect_part(0, BUFFERS, 10);
	expect_part(1, BUFFERS + 200, 30);
	stop();
}
END_TEST

/* The device has to take it (2.7.5.3.2), and the direction of the table itself says nothing. */
START_TEST(plain_parts_may_come_before_a_table)
{
	start(4, false);
	describe(0, BUFFERS, 10, NEXT, 1);
	describe(1, TABLE, 16, INDIRECT | WRITE, 0);
	describe_in(TABLE, 0, BUFFERS + 100, 20, 0, 0);
	offer(0);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.readable_count, 2);
	ck_assert_uint_eq(chain.writable_count, 0);
	stop();
}
END_TEST

/* Three parts of 10, 20 and 30 bytes, of which the readable ones hold their numbers. */
static void offer_three_parts(uint16_t flags)
{
	start(4, false);
	for (uint16_t i = 0; i < 3; i++) {
		uint32_t length = 10u * (i + 1u);

		describe(i, BUFFERS + 100u * i, length, flags | (i < 2 ? NEXT : 0),
			 (uint16_t)(i + 1));
		for (uint32_t j = 0; j < length; j++)
			*(uint8_t *)at(BUFFERS + 100u * i + j, 1) = (uint8_t)(i == 0   ? j
									      : i == 1 ? 10 + j
										       : 30 + j);
	}
	offer(0);
	ck_assert_int_eq(take(), 1);
}

START_TEST(a_chain_reads_as_one_piece)
{
	uint8_t bytes[80];

	offer_three_parts(0);
	for (uint64_t offset = 0; offset < 70; offset++)
		for (size_t length = 0; length < sizeof(bytes); length++) {
			size_t inside = offset >= 60 ? 0 : 60 - offset;
			size_t wanted = length < inside ? length : inside;

			ck_assert_uint_eq(chain_read(&chain, offset, bytes, length), wanted);
			for (size_t i = 0; i < wanted; i++)
				ck_assert_uint_eq(bytes[i], offset + i);
			ck_assert_uint_eq(chain_write(&chain, offset, bytes, length), 0);
		}
	ck_assert_uint_eq(chain_read(&chain, UINT64_MAX, bytes, 1), 0);
	stop();
}
END_TEST

START_TEST(a_chain_is_written_as_one_piece)
{
	static const uint8_t news[] = { 0xf0, 0xf1, 0xf2, 0xf3 };
	uint8_t bytes[30];

	offer_three_parts(WRITE);
	ck_assert_uint_eq(chain_write(&chain, 8, news, 4), 4);
	memcpy(bytes, at(BUFFERS, 12), 12);
	ck_assert_mem_eq(bytes + 8, news, 2);
	ck_assert_uint_eq(bytes[7], 7);
	ck_assert_uint_eq(bytes[10], 0); /* behind the part, where nobody may write */
	memcpy(bytes, at(BUFFERS + 100, 20), 20);
	ck_assert_mem_eq(bytes, news + 2, 2);
	ck_assert_uint_eq(bytes[2], 12);
	ck_assert_uint_eq(chain_write(&chain, 58, news, 4), 2);
	ck_assert_uint_eq(*(uint8_t *)at(BUFFERS + 230, 1), 0);
	ck_assert_uint_eq(chain_write(&chain, 60, news, 4), 0);
	ck_assert_uint_eq(chain_write(&chain, UINT64_MAX, news, 4), 0);
	stop();
}
END_TEST

START_TEST(a_slice_is_what_lies_in_between)
{
	static struct iovec parts[CHAIN_MAX_PARTS];

	offer_three_parts(0);
	for (uint64_t offset = 0; offset < 62; offset++)
		for (uint64_t length = 1; length < 64; length++) {
			unsigned int count = chain_readable_slice(&chain, offset, length, parts);
			uint64_t next = offset;

			ck_assert_int_eq(count > 0, offset + length <= 60);
			for (unsigned int i = 0; i < count; i++)
				for (size_t j = 0; j < parts[i].iov_len; j++)
					ck_assert_uint_eq(((uint8_t *)parts[i].iov_base)[j],
							  next++);
			ck_assert(count == 0 || next == offset + length);
		}
	ck_assert_uint_eq(chain_readable_slice(&chain, UINT64_MAX, 2, parts), 0);
	ck_assert_uint_eq(chain_readable_slice(&chain, 1, UINT64_MAX, parts), 0);
	ck_assert_uint_eq(chain_writable_slice(&chain, 0, 1, parts), 0);
	stop();
}
END_TEST

/* ---------------------------------------------------------------------- limits */

static void describe_long_chain(uint64_t table, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		describe_in(table, i, BUFFERS + i, 1, i + 1 < count ? NEXT : 0, (uint16_t)(i + 1));
}

START_TEST(a_chain_may_fill_the_queue)
{
	start(VIRTQUEUE_MAX_SIZE, false);
	describe_long_chain(DESCRIPTORS, VIRTQUEUE_MAX_SIZE);
	offer(0);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.readable_count, VIRTQUEUE_MAX_SIZE);
	expect_part(255, BUFFERS + 255, 1);
	stop();
}
END_TEST

START_TEST(a_table_may_be_larger_than_the_queue)
{
	start(2, false);
	describe_long_chain(TABLE, CHAIN_MAX_PARTS);
	describe(0, TABLE, CHAIN_MAX_PARTS * 16, INDIRECT, 0);
	offer(0);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.readable_count, CHAIN_MAX_PARTS);
	virtqueue_return(&queue, 0, 0);
	/* only the chain counts, not what else the table has room for */
	describe(0, TABLE, 512 * 16, INDIRECT, 0);
	offer(0);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.readable_count, CHAIN_MAX_PARTS);
	stop();
}
END_TEST

START_TEST(one_part_more_than_there_is_room_for_is_refused)
{
	start(2, false);
	describe_long_chain(TABLE, CHAIN_MAX_PARTS + 1);
	describe(0, TABLE, 512 * 16, INDIRECT, 0);
	offer(0);
	ck_assert_int_eq(take(), -EPROTO);
	stop();
	start(2, false);
	describe_long_chain(TABLE, CHAIN_MAX_PARTS);
	describe(0, BUFFERS, 1, NEXT, 1);
	describe(1, TABLE, CHAIN_MAX_PARTS * 16, INDIRECT, 0);
	offer(0);
	ck_assert_int_eq(take(), -EPROTO);
	ck_assert_uint_le(chain.readable_count, CHAIN_MAX_PARTS);
	stop();
}
END_TEST

/* Neither their addresses nor their number count, but their place in the chain is taken. */
START_TEST(empty_parts_are_left_out)
{
	start(8, false);
	describe(0, UINT64_MAX, 0, NEXT, 1);
	describe(1, BUFFERS, 1, NEXT, 2);
	describe(2, 0, 0, NEXT | WRITE, 3);
	describe(3, BUFFERS + 1, 1, NEXT, 4);
	describe(4, UINT64_MAX, 0, WRITE, 0);
	offer(0);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.readable_count, 2);
	ck_assert_uint_eq(chain.writable_count, 0);
	stop();
}
END_TEST

START_TEST(a_chain_of_nothing_has_no_parts)
{
	uint8_t byte = 0;

	start(4, false);
	offer(0); /* a descriptor of zeroes */
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.readable_count + chain.writable_count, 0);
	ck_assert_uint_eq(chain_read(&chain, 0, &byte, 1), 0);
	ck_assert_uint_eq(chain_write(&chain, 0, &byte, 1), 0);
	virtqueue_return(&queue, chain.head, 0);
	stop();
}
END_TEST

/* What take() says to a chain of one part; the queue is as new afterwards. */
static int take_part(uint64_t gpa, uint32_t length)
{
	int rc;

	ck_assert_int_eq(start_at_place(false), 0);
	set_index(0);
	describe(0, gpa, length, WRITE, 0);
	offer(0);
	rc = take();
	if (rc == 1)
		expect_part(0, gpa, length);
	return rc;
}

START_TEST(parts_end_where_ram_ends)
{
	open_memory(RAM);
	place.size = 4;
	ck_assert_int_eq(take_part(RAM - 1, 1), 1);
	ck_assert_int_eq(take_part(RAM - 4096, 4096), 1);
	ck_assert_int_eq(take_part(0, (uint32_t)RAM), 1);
	ck_assert_int_eq(take_part(RAM, 1), -EPROTO);
	ck_assert_int_eq(take_part(RAM - 1, 2), -EPROTO);
	ck_assert_int_eq(take_part(0, (uint32_t)RAM + 1), -EPROTO);
	ck_assert_int_eq(take_part(1, UINT32_MAX), -EPROTO);
	ck_assert_int_eq(take_part(UINT64_MAX, 1), -EPROTO);
	ck_assert_int_eq(take_part(UINT64_MAX, 2), -EPROTO);
	ck_assert_int_eq(take_part(UINT64_MAX - 15, 32), -EPROTO);
	ck_assert_int_eq(take_part(UINT64_C(1) << 63, 1), -EPROTO);
	ck_assert_int_eq(take_part(0 - UINT64_C(0x1000), UINT32_MAX), -EPROTO);
	stop();
}
END_TEST

START_TEST(no_part_reaches_into_the_hole)
{
	open_memory(GMEM_HOLE_START + (UINT64_C(2) << 30));
	place.size = 4;
	ck_assert_int_eq(take_part(GMEM_HOLE_START - 16, 16), 1);
	ck_assert_int_eq(take_part(GMEM_HOLE_END, 16), 1);
	ck_assert_int_eq(take_part(GMEM_HOLE_END, 0x80000000), 1);
	ck_assert_int_eq(take_part(0, 0xc0000000), 1);
	ck_assert_int_eq(take_part(GMEM_HOLE_START - 16, 17), -EPROTO);
	ck_assert_int_eq(take_part(GMEM_HOLE_START, 1), -EPROTO);
	ck_assert_int_eq(take_part(0xfee00000, 4), -EPROTO);
	ck_assert_int_eq(take_part(GMEM_HOLE_END - 1, 2), -EPROTO);
	/* over the hole: the host's addresses would fit together, the guest's don't */
	ck_assert_int_eq(take_part(GMEM_HOLE_START - 4096, 0x40002000), -EPROTO);
	ck_assert_int_eq(take_part(0, UINT32_MAX), -EPROTO);
	ck_assert_int_eq(take_part(GMEM_HOLE_END, 0x80000001), -EPROTO);
	stop();
}
END_TEST

/* ---------------------------------------------------------------------- misuse */

START_TEST(numbers_out_of_range_are_refused)
{
	static const uint16_t numbers[] = { 4, 5, 255, 256, 0x7fff, 0x8000, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		start(4, false);
		expect_refusal(numbers[i]);
		start(4, false);
		describe(1, BUFFERS, 1, NEXT, numbers[i]);
		expect_refusal(1);
		start(4, false);
		describe(1, TABLE, 4 * 16, INDIRECT, 0);
		describe_in(TABLE, 0, BUFFERS, 1, NEXT, numbers[i]);
		expect_refusal(1);
	}
}
END_TEST

START_TEST(loops_are_refused)
{
	start(4, false);
	describe(1, BUFFERS, 1, NEXT, 1);
	expect_refusal(1);
	start(4, false);
	describe(0, BUFFERS, 1, NEXT, 1);
	describe(1, BUFFERS, 1, NEXT, 0);
	expect_refusal(0);
	start(4, false); /* also where nothing is collected on the way */
	describe(0, 0, 0, NEXT, 1);
	describe(1, 0, 0, NEXT, 0);
	expect_refusal(0);
	start(4, false);
	describe(0, TABLE, 2 * 16, INDIRECT, 0);
	describe_in(TABLE, 0, 0, 0, NEXT, 1);
	describe_in(TABLE, 1, 0, 0, NEXT, 0);
	expect_refusal(0);
}
END_TEST

START_TEST(a_readable_part_behind_a_writable_one_is_refused)
{
	start(4, false);
	describe(0, BUFFERS, 1, NEXT | WRITE, 1);
	describe(1, BUFFERS, 1, 0, 0);
	expect_refusal(0);
	start(4, false);
	describe(0, BUFFERS, 1, NEXT | WRITE, 1);
	describe(1, TABLE, 16, INDIRECT, 0);
	describe_in(TABLE, 0, BUFFERS, 1, 0, 0);
	expect_refusal(0);
}
END_TEST

START_TEST(tables_that_cannot_be_are_refused)
{
	static const struct {
		uint64_t gpa;
		uint32_t length;
		uint16_t flags;
	} tables[] = {
		{ TABLE, 0, INDIRECT },
		{ TABLE, 15, INDIRECT },
		{ TABLE, 17, INDIRECT },
		{ TABLE, 16, INDIRECT | NEXT },
		{ TABLE, UINT32_MAX - 15, INDIRECT },
		{ RAM - 16, 32, INDIRECT },
		{ RAM, 16, INDIRECT },
		{ RAM - 8, 16, INDIRECT },
		{ UINT64_MAX - 15, 16, INDIRECT },
		{ UINT64_MAX - 15, 32, INDIRECT },
		{ UINT64_MAX - 7, 16, INDIRECT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		start(4, false);
		describe(0, tables[i].gpa, tables[i].length, tables[i].flags, 1);
		describe(1, BUFFERS, 1, 0, 0);
		describe_in(TABLE, 0, BUFFERS, 1, 0, 0);
		expect_refusal(0);
	}
}
END_TEST

START_TEST(a_table_in_a_table_is_refused)
{
	start(4, false);
	describe(0, TABLE, 2 * 16, INDIRECT, 0);
	describe_in(TABLE, 0, BUFFERS, 1, NEXT, 1);
	describe_in(TABLE, 1, TABLE, 16, INDIRECT, 0);
	expect_refusal(0);
	start(4, false); /* the table is itself, and so on */
	describe(0, DESCRIPTORS, 4 * 16, INDIRECT, 0);
	expect_refusal(0);
}
END_TEST

/* ---------------------------------------------------------------------- faults */

static atomic_bool should_flip;

/* Another processor of the guest: descriptors are good or bad, and change all the time. */
static void *flip(void *context)
{
	volatile struct vring_desc *desc = context;
	static const struct vring_desc kinds[] = {
		{ BUFFERS, 64, NEXT, 1 },	   { UINT64_MAX - 7, 0x40000000, NEXT, 1 },
		{ RAM - 64, 64, NEXT | WRITE, 0 }, { RAM - 64, 4096, WRITE, 0xffff },
		{ TABLE, 32, INDIRECT, 0 },	   { RAM - 16, 0xfffffff0, INDIRECT, 1 },
	};

	for (unsigned int i = 0; atomic_load(&should_flip); i++) {
		const struct vring_desc *kind = &kinds[i % ARRAY_SIZE(kinds)];

		desc->flags = kind->flags;
		desc->addr = kind->addr;
		desc->next = kind->next;
		desc->len = kind->len;
	}
	return NULL;
}

START_TEST(what_was_checked_is_what_is_used)
{
	unsigned char *base;
	unsigned int good = 0, bad = 0;
	pthread_t thread;

	start(4, false);
	base = gmem_base(gmem);
	describe(1, BUFFERS, 8, WRITE, 0);
	describe_in(TABLE, 0, BUFFERS, 8, 0, 0);
	atomic_store(&should_flip, true);
	ck_assert_int_eq(pthread_create(&thread, NULL, flip, at(DESCRIPTORS, 16)), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		ck_assert_int_eq(start_at_place(false), 0);
		set_index(0);
		offer(0);
		if (take() <= 0) {
			bad++;
			continue;
		}
		good++;
		for (unsigned int j = 0; j < chain.readable_count + chain.writable_count; j++) {
			uint64_t offset =
				(uint64_t)((unsigned char *)chain.parts[j].iov_base - base);

			ck_assert_uint_lt(offset, RAM);
			ck_assert_uint_le(chain.parts[j].iov_len, RAM - offset);
		}
	}
	atomic_store(&should_flip, false);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(good + bad, 20000);
	stop();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_chain_comes_as_it_was_described },
	{ "core", &a_table_holds_a_chain },
	{ "core", &plain_parts_may_come_before_a_table },
	{ "core", &a_chain_reads_as_one_piece },
	{ "core", &a_chain_is_written_as_one_piece },
	{ "core", &a_slice_is_what_lies_in_between },
	{ "limits", &a_chain_may_fill_the_queue },
	{ "limits", &a_table_may_be_larger_than_the_queue },
	{ "limits", &one_part_more_than_there_is_room_for_is_refused },
	{ "limits", &empty_parts_are_left_out },
	{ "limits", &a_chain_of_nothing_has_no_parts },
	{ "limits", &parts_end_where_ram_ends },
	{ "limits", &no_part_reaches_into_the_hole },
	{ "misuse", &numbers_out_of_range_are_refused },
	{ "misuse", &loops_are_refused },
	{ "misuse", &a_readable_part_behind_a_writable_one_is_refused },
	{ "misuse", &tables_that_cannot_be_are_refused },
	{ "misuse", &a_table_in_a_table_is_refused },
	{ "faults", &what_was_checked_is_what_is_used },
};
SUITE_MAIN("chain", tests)
