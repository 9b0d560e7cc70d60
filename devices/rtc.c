/* SPDX-License-Identifier: Apache-2.0 */
/* rtc.c - the CMOS clock of a PC; registers as in the data sheet of the MC146818 */
#include "devices/rtc.h"

#include <stdbool.h>
#include <string.h>

enum {
	REG_SECONDS = 0x00,
	REG_MINUTES = 0x02,
	REG_HOURS = 0x04,
	REG_WEEKDAY = 0x06,
	REG_DAY = 0x07,
	REG_MONTH = 0x08,
	REG_YEAR = 0x09,
	REG_STATUS_A = 0x0a,
	REG_STATUS_B = 0x0b,
	REG_STATUS_C = 0x0c,
	REG_STATUS_D = 0x0d,
	REG_CENTURY = 0x32,
};

#define STATUS_A_RUNNING 0x26 /* 32768 Hz, no update in progress */
#define STATUS_B_24H	 0x02
#define STATUS_B_BINARY	 0x04
#define STATUS_B_STORED	 (STATUS_B_24H | STATUS_B_BINARY)
#define STATUS_D_VALID	 0x80 /* the battery is good */
#define HOUR_PM		 0x80

static time_t host_now(void)
{
	return time(NULL);
}

void rtc_init(struct rtc *rtc, time_t (*now)(void))
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->now = now ? now : host_now;
	rtc->state.status_b = STATUS_B_24H;
	pthread_mutex_init(&rtc->lock, NULL);
}

void rtc_done(struct rtc *rtc)
{
	pthread_mutex_destroy(&rtc->lock);
}

static uint8_t number(const struct rtc_state *state, int value)
{
	if (state->status_b & STATUS_B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static uint8_t hour(const struct rtc_state *state, int value)
{
	if (state->status_b & STATUS_B_24H)
		return number(state, value);
	return number(state, (value + 11) % 12 + 1) | (value >= 12 ? HOUR_PM : 0);
}

static uint8_t clock_read(const struct rtc *rtc, unsigned int reg)
{
	const struct rtc_state *state = &rtc->state;
	time_t seconds = rtc->now();
	struct tm now;

	if (!gmtime_r(&seconds, &now))
		return 0;
	switch (reg) {
	case REG_SECONDS:
		return number(state, now.tm_sec);
	case REG_MINUTES:
		return number(state, now.tm_min);
	case REG_HOURS:
		return hour(state, now.tm_hour);
	case REG_WEEKDAY:
		return number(state, now.tm_wday + 1);
	case REG_DAY:
		return number(state, now.tm_mday);
	case REG_MONTH:
		return number(state, now.tm_mon + 1);
	case REG_YEAR:
		return number(state, now.tm_year % 100);
	default:
		return number(state, (now.tm_year + 1900) / 100);
	}
}

static uint8_t register_read(const struct rtc *rtc, unsigned int reg)
{
	switch (reg) {
	case REG_SECONDS:
	case REG_MINUTES:
	case REG_HOURS:
	case REG_WEEKDAY:
	case REG_DAY:
	case REG_MONTH:
	case REG_YEAR:
	case REG_CENTURY:
		return clock_read(rtc, reg);
	case REG_STATUS_A:
		return STATUS_A_RUNNING;
	case REG_STATUS_B:
		return rtc->state.status_b;
	case REG_STATUS_C:
		return 0;
	case REG_STATUS_D:
		return STATUS_D_VALID;
	default:
		return rtc->state.memory[reg];
	}
}

static uint64_t rtc_read(void *context, uint64_t offset, unsigned int size)
{
	struct rtc *rtc = context;
	uint8_t value;

	if (offset == 0)
		return 0xff; /* the index can't be read */
	pthread_mutex_lock(&rtc->lock);
	value = register_read(rtc, rtc->state.index);
	pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void rtc_write(void *context, uint64_t offset, uint64_t value, unsigned int size)
{
	struct rtc *rtc = context;
	struct rtc_state *state = &rtc->state;

	pthread_mutex_lock(&rtc->lock);
	if (offset == 0)
		state->index = value % RTC_REGISTERS; /* bit 7 would mask NMIs */
	else if (state->index == REG_STATUS_B)
		state->status_b = value & STATUS_B_STORED;
	else
		state->memory[state->index] = (uint8_t)value;
	pthread_mutex_unlock(&rtc->lock);
}

const struct bus_ops rtc_ops = { .read = rtc_read, .write = rtc_write };
