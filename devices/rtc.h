/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtc.h - the CMOS clock of a PC: an index port and a data port
 *
 * It always gives the host's time (UTC); setting it has no effect, and there are
 * no alarms. The update flag is never set: a driver that waits for it to clear
 * would cost seconds at each boot.
 */
#ifndef DEVICES_RTC_H
#define DEVICES_RTC_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "devices/bus.h"

#define RTC_PORTS     2
#define RTC_REGISTERS 128

struct rtc_state {
	uint8_t index;
	uint8_t status_b; /* how the guest wants the time: BCD or binary, 12 or 24 hours */
	uint8_t memory[RTC_REGISTERS]; /* bytes that are no clock register */
};

struct rtc {
	pthread_mutex_t lock; /* protects state */
	struct rtc_state state;
	time_t (*now)(void); /* seconds since 1970, UTC */
};

/* now: NULL for the host's clock. */
void rtc_init(struct rtc *rtc, time_t (*now)(void));
void rtc_done(struct rtc *rtc);

extern const struct bus_ops rtc_ops; /* context: the struct rtc */

#endif
