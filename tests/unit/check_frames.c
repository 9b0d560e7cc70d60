/* SPDX-License-Identifier: Apache-2.0 */
/* check_frames.c - frames come as neighbours, and never twice */
#include "tests/unit/suite.h"

#include <errno.h>

#include "dedup/frames.h"

static struct frames *frames;

static void open_frames(uint32_t limit)
{
	ck_assert_int_eq(frames_create(limit, &frames), 0);
}

static uint32_t take(void)
{
	uint32_t frame;

	ck_assert_int_eq(frames_take(frames, FRAME_NONE, &frame), 0);
	ck_assert_ptr_nonnull(frames_get(frames, frame));
	return frame;
}

START_TEST(frames_taken_in_a_row_are_neighbours)
{
	open_frames(100000);
	for (uint32_t i = 0; i < 10000; i++)
		ck_assert_uint_eq(take(), i);
	ck_assert_uint_eq(frames_in_use(frames), 10000);
	ck_assert_uint_eq(frames_top(frames), 10000);
	frames_free(frames);
}
END_TEST

START_TEST(a_freed_run_is_used_again_as_a_run)
{
	open_frames(100000);
	for (uint32_t i = 0; i < 1000; i++)
		take();
	for (uint32_t i = 100; i < 600; i++)
		frames_give_back(frames, i);
	ck_assert_uint_eq(frames_in_use(frames), 500);
	for (uint32_t i = 100; i < 600; i++)
		ck_assert_uint_eq(take(), i);
	ck_assert_uint_eq(frames_top(frames), 1000);
	frames_free(frames);
}
END_TEST

START_TEST(a_frame_not_in_use_can_not_be_had)
{
	uint32_t frame;

	open_frames(8);
	ck_assert_ptr_null(frames_get(frames, 0));
	frame = take();
	ck_assert_ptr_null(frames_get(frames, frame + 1));
	ck_assert_ptr_null(frames_get(frames, FRAME_NONE));
	frames_give_back(frames, frame);
	ck_assert_ptr_null(frames_get(frames, frame));
	frames_free(frames);
	frames_free(NULL);
}
END_TEST

START_TEST(a_frame_comes_back_clean)
{
	open_frames(1);
	frames_get(frames, take())->references = 9;
	frames_give_back(frames, 0);
	ck_assert_uint_eq(frames_get(frames, take())->references, 0);
	frames_free(frames);
}
END_TEST

START_TEST(a_full_store_says_so_and_every_frame_can_be_had)
{
	uint32_t frame;

	for (uint32_t limit = 0; limit < 200; limit += 13) {
		open_frames(limit);
		for (uint32_t i = 0; i < limit; i++)
			take();
		ck_assert_int_eq(frames_take(frames, FRAME_NONE, &frame), -ENOSPC);
		for (uint32_t i = 0; i < limit; i += 3) {
			frames_give_back(frames, i);
			ck_assert_uint_eq(take(), i);
			ck_assert_int_eq(frames_take(frames, FRAME_NONE, &frame), -ENOSPC);
		}
		frames_free(frames);
	}
}
END_TEST

/* Against an array of flags, with a store that is now full, now empty. */
START_TEST(no_frame_is_ever_given_twice)
{
	enum { LIMIT = 700 };
	static uint8_t used[LIMIT];
	uint32_t random = 1, count = 0, frame;

	open_frames(LIMIT);
	for (uint32_t step = 0; step < 200000; step++) {
		random = random * 1664525 + 1013904223;
		frame = (random >> 8) % LIMIT;
		if (random >> 31 ^ (step / 1500 & 1)) {
			if (count == LIMIT) {
				ck_assert_int_eq(frames_take(frames, FRAME_NONE, &frame), -ENOSPC);
				continue;
			}
			frame = take();
			ck_assert_uint_lt(frame, LIMIT);
			ck_assert_uint_eq(used[frame], 0);
			used[frame] = 1;
			count++;
		} else if (used[frame]) {
			frames_give_back(frames, frame);
			used[frame] = 0;
			count--;
		}
		ck_assert_uint_eq(frames_in_use(frames), count);
	}
	frames_free(frames);
}
END_TEST

START_TEST(a_wish_is_granted_where_its_frame_is_free)
{
	uint32_t frame;

	ck_assert_int_eq(frames_create(10, &frames), 0);
	for (uint32_t i = 0; i < 6; i++)
		ck_assert_int_eq(frames_take(frames, FRAME_NONE, &frame), 0);
	frames_give_back(frames, 4);
	ck_assert_int_eq(frames_take(frames, 4, &frame), 0);
	ck_assert_uint_eq(frame, 4);
	ck_assert_int_eq(frames_take(frames, 4, &frame), 0); /* no more: the next, as ever */
	ck_assert_uint_eq(frame, 6);
	ck_assert_int_eq(frames_take(frames, 9, &frame), 0); /* it would leave a hole behind */
	ck_assert_uint_eq(frame, 7);
	ck_assert_int_eq(frames_take(frames, 8, &frame), 0);
	ck_assert_uint_eq(frame, 8);
	ck_assert_int_eq(frames_take(frames, UINT32_MAX - 1, &frame), 0);
	ck_assert_uint_eq(frame, 9);
	frames_give_back(frames, 2);
	ck_assert_int_eq(frames_take(frames, 10, &frame), 0); /* beyond the store */
	ck_assert_uint_eq(frame, 2);
	ck_assert_int_eq(frames_take(frames, 3, &frame), -ENOSPC);
	frames_free(frames);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_wish_is_granted_where_its_frame_is_free },
	{ "core", &frames_taken_in_a_row_are_neighbours },
	{ "core", &a_freed_run_is_used_again_as_a_run },
	{ "core", &a_frame_not_in_use_can_not_be_had },
	{ "core", &a_frame_comes_back_clean },
	{ "limits", &a_full_store_says_so_and_every_frame_can_be_had },
	{ "limits", &no_frame_is_ever_given_twice },
};

SUITE_MAIN("frames", tests)
