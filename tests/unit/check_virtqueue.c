/* SPDX-License-Identifier: Apache-2.0 */
/* check_virtqueue.c - rings from a guest that means it, and from one that does not */
#include "tests/unit/ring.h"

/* ------------------------------------------------------------------------ core */

START_TEST(chains_are_returned_in_any_order)
{
	uint16_t heads[3];

	start(4, false);
	for (uint16_t i = 0; i < 3; i++) {
		describe(i, BUFFERS + i, 1, WRITE, 0);
		offer(i);
	}
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(take(), 1);
		heads[i] = chain.head;
	}
	ck_assert_uint_eq(queue.in_flight, 3);
	for (uint16_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(used()[1], i);
		virtqueue_return(&queue, heads[2 - i], 70u + i);
		ck_assert_uint_eq(used_element(i).id, heads[2 - i]);
		ck_assert_uint_eq(used_element(i).len, 70u + i);
	}
	ck_assert_uint_eq(used()[1], 3);
	ck_assert_uint_eq(queue.in_flight, 0);
	stop();
}
END_TEST

START_TEST(several_chains_can_appear_at_once)
{
	start(4, false);
	for (uint16_t i = 0; i < 3; i++) {
		describe(i, BUFFERS + i, 1, WRITE, 0);
		offer(i);
		ck_assert_int_eq(take(), 1);
	}
	virtqueue_return_unseen(&queue, 0, 1);
	virtqueue_return_unseen(&queue, 1, 1);
	ck_assert_uint_eq(used()[1], 0);
	virtqueue_return(&queue, 2, 1);
	ck_assert_uint_eq(used()[1], 3);
	ck_assert_uint_eq(used_element(1).id, 1);
	ck_assert_uint_eq(queue.in_flight, 0);
	ck_assert(virtqueue_should_notify(&queue));
	stop();
}
END_TEST

START_TEST(a_chain_that_was_put_back_comes_again)
{
	start(4, false);
	describe(1, BUFFERS, 10, 0, 0);
	describe(2, BUFFERS + 100, 10, 0, 0);
	offer(1);
	offer(2);
	ck_assert_int_eq(take(), 1);
	ck_assert_int_eq(take(), 1);
	virtqueue_untake(&queue);
	virtqueue_untake(&queue);
	ck_assert_uint_eq(queue.in_flight, 0);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.head, 1);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.head, 2);
	ck_assert_int_eq(take(), 0);
	stop();
}
END_TEST

START_TEST(a_chain_that_is_dropped_is_not_answered)
{
	start(4, false);
	describe(0, BUFFERS, 10, 0, 0);
	offer(0);
	ck_assert_int_eq(take(), 1);
	virtqueue_drop(&queue);
	ck_assert_uint_eq(queue.in_flight, 0);
	ck_assert_uint_eq(used()[1], 0);
	ck_assert(!virtqueue_should_notify(&queue));
	stop();
}
END_TEST

START_TEST(the_guest_is_told_unless_it_asked_for_silence)
{
	start(4, false);
	ck_assert(!virtqueue_should_notify(&queue));
	serve_one();
	ck_assert(virtqueue_should_notify(&queue));
	ck_assert(!virtqueue_should_notify(&queue));
	available()[0] = VRING_AVAIL_F_NO_INTERRUPT;
	serve_one();
	ck_assert(!virtqueue_should_notify(&queue));
	available()[0] = 0;
	ck_assert(!virtqueue_should_notify(&queue)); /* that one has been decided */
	stop();
}
END_TEST

START_TEST(kicks_are_asked_for_by_flag)
{
	start(4, false);
	virtqueue_avoid_kicks(&queue);
	ck_assert_uint_eq(used()[0], VRING_USED_F_NO_NOTIFY);
	ck_assert(!virtqueue_want_kicks(&queue));
	ck_assert_uint_eq(used()[0], 0);
	virtqueue_avoid_kicks(&queue);
	describe(0, BUFFERS, 16, WRITE, 0);
	offer(0); /* came between the last look and the asking */
	ck_assert(virtqueue_want_kicks(&queue));
	stop();
}
END_TEST

START_TEST(kicks_are_asked_for_by_index)
{
	uint16_t *event;

	start(4, true);
	event = used() + 2 + 4 * 4;
	for (unsigned int i = 0; i < 70000; i++) {
		serve_one();
		virtqueue_avoid_kicks(&queue);
		ck_assert(!virtqueue_want_kicks(&queue));
		ck_assert_uint_eq(*event, (uint16_t)(i + 1));
		ck_assert_uint_eq(used()[0], 0);
	}
	offer(0);
	ck_assert(virtqueue_want_kicks(&queue));
	stop();
}
END_TEST

/* ---------------------------------------------------------------------- limits */

START_TEST(indices_go_round)
{
	start(4, false);
	for (unsigned int i = 0; i < 3 * 65536 + 5; i++) {
		uint16_t head = (uint16_t)(i % 4);

		describe(head, BUFFERS, 16, WRITE, 0);
		offer(head);
		ck_assert_int_eq(take(), 1);
		ck_assert_uint_eq(chain.head, head);
		virtqueue_untake(&queue);
		ck_assert_int_eq(take(), 1);
		virtqueue_return(&queue, head, i);
		ck_assert_uint_eq(used()[1], (uint16_t)(i + 1));
		ck_assert_uint_eq(used_element((uint16_t)i).id, head);
		ck_assert_uint_eq(used_element((uint16_t)i).len, i);
		ck_assert(virtqueue_should_notify(&queue));
	}
	stop();
}
END_TEST

/* Puts a queue where it would be after so many chains. */
static void begin_at(uint16_t index)
{
	queue.next_available = queue.next_used = queue.notified_used = index;
	set_index(index);
}

/* The guest hears of a batch when its event is the number of one in the batch. */
START_TEST(an_event_is_heard_wherever_it_stands)
{
	static const uint16_t starts[] = { 0, 1, 2, 0x7ffe, 0x8000, 0xfff8, 0xfffe, 0xffff };

	start(16, true);
	describe(0, BUFFERS, 16, WRITE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		for (int distance = -20; distance < 20; distance++)
			for (int batch = 1; batch <= 16; batch++) {
				begin_at(starts[i]);
				available()[2 + 16] = (uint16_t)(starts[i] + distance);
				for (int j = 0; j < batch; j++)
					serve_one();
				ck_assert_int_eq(virtqueue_should_notify(&queue),
						 distance >= 0 && distance < batch);
			}
	stop();
}
END_TEST

START_TEST(every_size_that_can_be_works)
{
	for (uint32_t size = 0; size <= UINT16_MAX; size++) {
		bool can_be = size > 0 && size <= VIRTQUEUE_MAX_SIZE && (size & (size - 1)) == 0;

		if (size > 1024 && size % 1021 != 0 && (size & (size - 1)) != 0)
			continue;
		open_memory(RAM);
		place.size = (uint16_t)size;
		ck_assert_int_eq(start_at_place(true), can_be ? 0 : -EINVAL);
		ck_assert_uint_eq(queue.size, can_be ? size : 0);
		for (unsigned int i = 0; can_be && i < 2 * size; i++)
			serve_one();
		ck_assert_int_eq(take(), 0);
		stop();
	}
}
END_TEST

/* ---------------------------------------------------------------------- misuse */

START_TEST(indices_that_jump_are_refused)
{
	static const uint16_t jumps[] = { 5, 6, 0x7fff, 0x8000, 0xfffe, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		start(4, false);
		serve_one();
		virtqueue_should_notify(&queue);
		set_index((uint16_t)(offered + jumps[i] - 1));
		expect_refusal(0);
	}
}
END_TEST

/* One descriptor at least belongs to each: there can't be more chains than descriptors. */
START_TEST(more_chains_than_descriptors_are_refused)
{
	start(4, false);
	describe(0, BUFFERS, 1, WRITE, 0);
	for (unsigned int i = 0; i < 4; i++) {
		offer(0);
		ck_assert_int_eq(take(), 1);
	}
	offer(0);
	ck_assert_int_eq(take(), -EPROTO);
	ck_assert_uint_eq(queue.in_flight, 4);
	/* what is under way still comes back, and no more than that */
	for (unsigned int i = 0; i < 4; i++)
		virtqueue_return(&queue, 0, 1);
	ck_assert_uint_eq(queue.in_flight, 0);
	ck_assert_uint_eq(used()[1], 4);
	ck_assert_int_eq(take(), 0);
	stop();
}
END_TEST

START_TEST(rings_lie_in_ram_and_aligned)
{
	const uint64_t nowhere[] = { RAM,
				     RAM - 16,
				     RAM - 2,
				     GMEM_HOLE_START,
				     UINT64_C(0xfee00000),
				     GMEM_HOLE_END,
				     UINT64_C(1) << 63,
				     UINT64_MAX - 15,
				     UINT64_MAX & ~UINT64_C(0xfff) };
	const struct virtqueue_place good = { DESCRIPTORS, AVAILABLE, USED, 256 };
	const struct virtqueue_place slanted[] = {
		{ DESCRIPTORS + 8, AVAILABLE, USED, 256 }, { DESCRIPTORS + 1, AVAILABLE, USED, 1 },
		{ DESCRIPTORS, AVAILABLE + 1, USED, 256 }, { DESCRIPTORS, AVAILABLE, USED + 1, 4 },
		{ DESCRIPTORS, AVAILABLE, USED + 2, 256 },
	};

	open_memory(RAM);
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
		for (unsigned int part = 0; part < 3; part++) {
			place = good;
			if (part == 0)
				place.descriptors = nowhere[i];
			else if (part == 1)
				place.available = nowhere[i];
			else
				place.used = nowhere[i];
			ck_assert_int_eq(start_at_place(false), -EINVAL);
			ck_assert_uint_eq(queue.size, 0);
		}
	for (size_t i = 0; i < ARRAY_SIZE(slanted); i++) {
		place = slanted[i];
		ck_assert_int_eq(start_at_place(false), -EINVAL);
	}
	stop();
}
END_TEST

/* Each ring at the end of RAM, to its last byte, and four bytes too far. */
START_TEST(rings_end_where_ram_ends)
{
	const uint64_t descriptors = RAM - 16u * 256, ring = RAM - 6 - 2u * 256,
		       used_ring = RAM - 6 - 8u * 256;
	const struct virtqueue_place places[] = {
		{ descriptors, AVAILABLE, USED, 256 },
		{ DESCRIPTORS, ring, USED, 256 },
		{ DESCRIPTORS, AVAILABLE, used_ring & ~UINT64_C(3), 256 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		open_memory(RAM);
		place = places[i];
		ck_assert_int_eq(start_at_place(true), 0);
		for (unsigned int j = 0; j < 600; j++) {
			serve_one();
			virtqueue_should_notify(&queue);
			virtqueue_want_kicks(&queue);
		}
		place.descriptors += i == 0 ? 16 : 0;
		place.available += i == 1 ? 2 : 0;
		place.used += i == 2 ? 4 : 0;
		ck_assert_int_eq(start_at_place(true), -EINVAL);
		stop();
	}
}
END_TEST

/* What we write into one ring turns up in another: any answer will do, but a crash. */
START_TEST(rings_may_lie_upon_each_other)
{
	open_memory(RAM);
	place = (struct virtqueue_place){ DESCRIPTORS, DESCRIPTORS, DESCRIPTORS, 256 };
	for (uint32_t seed = 0; seed < 5000; seed++) {
		uint32_t *words = at(DESCRIPTORS, 4096);

		for (unsigned int i = 0; i < 1024; i++)
			words[i] = i < 2 ? 0 : (i * 2654435761u + seed) >> (seed % 32);
		ck_assert_int_eq(start_at_place(seed % 2 != 0), 0);
		set_index((uint16_t)(seed % 257));
		for (unsigned int i = 0; i < 300; i++) {
			int rc = take();

			if (rc <= 0)
				break;
			virtqueue_return(&queue, chain.head, seed);
			virtqueue_should_notify(&queue);
			virtqueue_want_kicks(&queue);
		}
		while (queue.in_flight > 0)
			virtqueue_drop(&queue);
	}
	stop();
}
END_TEST

START_TEST(a_queue_that_was_not_started_gives_nothing)
{
	start(4, false);
	virtqueue_stop(&queue);
	ck_assert_int_eq(take(), 0);
	ck_assert(!virtqueue_want_kicks(&queue));
	ck_assert(!virtqueue_should_notify(&queue));
	virtqueue_avoid_kicks(&queue);
	stop();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &chains_are_returned_in_any_order },
	{ "core", &several_chains_can_appear_at_once },
	{ "core", &a_chain_that_was_put_back_comes_again },
	{ "core", &a_chain_that_is_dropped_is_not_answered },
	{ "core", &the_guest_is_told_unless_it_asked_for_silence },
	{ "core", &kicks_are_asked_for_by_flag },
	{ "core", &kicks_are_asked_for_by_index },
	{ "limits", &indices_go_round },
	{ "limits", &an_event_is_heard_wherever_it_stands },
	{ "limits", &every_size_that_can_be_works },
	{ "misuse", &indices_that_jump_are_refused },
	{ "misuse", &more_chains_than_descriptors_are_refused },
	{ "misuse", &rings_lie_in_ram_and_aligned },
	{ "misuse", &rings_end_where_ram_ends },
	{ "misuse", &rings_may_lie_upon_each_other },
	{ "misuse", &a_queue_that_was_not_started_gives_nothing },
};
SUITE_MAIN("virtqueue", tests)
