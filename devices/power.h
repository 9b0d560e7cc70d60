/* SPDX-License-Identifier: Apache-2.0 */
/*
 * power.h - the ACPI machine's switches: power-off, reset and the power button
 *
 * Four byte-wide registers (platform.h): sleep control and sleep status, the
 * reset register, and the event register behind the Generic Event Device.
 */
#ifndef DEVICES_POWER_H
#define DEVICES_POWER_H

#include <pthread.h>
#include <stdint.h>

#include "devices/bus.h"

#define POWER_PORTS 4

/* Called on any thread, without a lock held. */
struct power_hooks {
	void (*off)(void *context);
	void (*reset)(void *context);
	void (*interrupt)(void *context); /* one pulse */
	void *context;
};

struct power_state {
	uint8_t events; /* not yet read by the guest */
};

struct power {
	struct power_hooks hooks;
	pthread_mutex_t lock; /* protects state */
	struct power_state state;
};

void power_init(struct power *power, const struct power_hooks *hooks);
void power_done(struct power *power);

/* Any thread. */
void power_press_button(struct power *power);

extern const struct bus_ops power_ops; /* context: the struct power */

#endif
