/* SPDX-License-Identifier: Apache-2.0 */
/* check_rtc.c - the CMOS clock tells the time in every form, and waits for nothing */
#include "devices/rtc.h"

#include "tests/unit/suite.h"

static struct rtc rtc;

/* 2009-02-13 23:31:30 UTC, a Friday */
static time_t fixed_now(void)
{
	return 1234567890;
}

/* 2000-01-01 00:00:00 UTC */
static time_t midnight(void)
{
	return 946684800;
}

static uint8_t get(uint8_t reg)
{
	rtc_ops.write(&rtc, 0, reg, 1);
	return (uint8_t)rtc_ops.read(&rtc, 1, 1);
}

static void put(uint8_t reg, uint8_t value)
{
	rtc_ops.write(&rtc, 0, reg, 1);
	rtc_ops.write(&rtc, 1, value, 1);
}

START_TEST(the_time_is_given_in_bcd)
{
	rtc_init(&rtc, fixed_now);
	ck_assert_uint_eq(get(0), 0x30);
	ck_assert_uint_eq(get(2), 0x31);
	ck_assert_uint_eq(get(4), 0x23);
	ck_assert_uint_eq(get(6), 6);
	ck_assert_uint_eq(get(7), 0x13);
	ck_assert_uint_eq(get(8), 0x02);
	ck_assert_uint_eq(get(9), 0x09);
	ck_assert_uint_eq(get(0x32), 0x20);
	rtc_done(&rtc);
}
END_TEST

START_TEST(binary_and_12_hours_are_given_when_asked_for)
{
	rtc_init(&rtc, fixed_now);
	put(0x0b, 0x06);
	ck_assert_uint_eq(get(0), 30);
	ck_assert_uint_eq(get(4), 23);
	put(0x0b, 0x00);
	ck_assert_uint_eq(get(4), 0x80 | 0x11);
	rtc.now = midnight;
	ck_assert_uint_eq(get(4), 0x12);
	rtc_done(&rtc);
}
END_TEST

START_TEST(no_update_is_ever_in_progress)
{
	rtc_init(&rtc, NULL);
	put(0x0a, 0xff);
	put(0x0b, 0xff);
	ck_assert_uint_eq(get(0x0a) & 0x80, 0);
	ck_assert_uint_eq(get(0x0b) & 0xf0, 0);
	ck_assert_uint_eq(get(0x0c), 0);
	ck_assert_uint_eq(get(0x0d), 0x80);
	rtc_done(&rtc);
}
END_TEST

START_TEST(setting_the_clock_does_not)
{
	rtc_init(&rtc, fixed_now);
	put(0, 0x59);
	put(9, 0x99);
	ck_assert_uint_eq(get(0), 0x30);
	ck_assert_uint_eq(get(9), 0x09);
	put(0x40, 0xa5);
	ck_assert_uint_eq(get(0x40), 0xa5);
	rtc_done(&rtc);
}
END_TEST

START_TEST(any_index_is_inside)
{
	rtc_init(&rtc, NULL);
	for (unsigned int i = 0; i < 256; i++) {
		put((uint8_t)i, 0xff);
		get((uint8_t)i);
	}
	ck_assert_uint_eq(rtc_ops.read(&rtc, 0, 1), 0xff);
	rtc_done(&rtc);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &the_time_is_given_in_bcd },
	{ "core", &binary_and_12_hours_are_given_when_asked_for },
	{ "core", &no_update_is_ever_in_progress },
	{ "misuse", &setting_the_clock_does_not },
	{ "misuse", &any_index_is_inside },
};
SUITE_MAIN("rtc", tests)
