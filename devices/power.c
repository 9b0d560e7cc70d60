/* SPDX-License-Identifier: Apache-2.0 */
/* power.c - the ACPI machine's switches: power-off, reset and the power button */
#include "devices/power.h"

#include "vmm/platform.h"

/* ACPI 6.3, 4.8.3.7: sleep control register */
#define SLEEP_ENABLE	 0x20
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_TYPE_MASK	 7

#define EVENT_BUTTON 0x01 /* dsdt.asl looks at it */

enum {
	REG_SLEEP_CONTROL = PLATFORM_SLEEP_CONTROL_PORT - PLATFORM_POWER_PORT,
	REG_RESET = PLATFORM_RESET_PORT - PLATFORM_POWER_PORT,
	REG_EVENT = PLATFORM_EVENT_PORT - PLATFORM_POWER_PORT,
};

void power_init(struct power *power, const struct power_hooks *hooks)
{
	power->hooks = *hooks;
	power->state = (struct power_state){ 0 };
	pthread_mutex_init(&power->lock, NULL);
}

void power_done(struct power *power)
{
	pthread_mutex_destroy(&power->lock);
}

void power_press_button(struct power *power)
{
	pthread_mutex_lock(&power->lock);
	power->state.events |= EVENT_BUTTON;
	pthread_mutex_unlock(&power->lock);
	power->hooks.interrupt(power->hooks.context);
}

static uint64_t power_read(void *context, uint64_t offset, unsigned int size)
{
	struct power *power = context;
	uint8_t events;

	if (offset != REG_EVENT)
		return 0; /* nothing sleeps here, so nothing ever woke up */
	pthread_mutex_lock(&power->lock);
	events = power->state.events;
	power->state.events = 0;
	pthread_mutex_unlock(&power->lock);
	return events;
}

static void power_write(void *context, uint64_t offset, uint64_t value, unsigned int size)
{
	struct power *power = context;

	if (offset == REG_SLEEP_CONTROL && (value & SLEEP_ENABLE) &&
	    (value >> SLEEP_TYPE_SHIFT & SLEEP_TYPE_MASK) == PLATFORM_SLEEP_TYPE_OFF)
		power->hooks.off(power->hooks.context);
	else if (offset == REG_RESET && value == PLATFORM_RESET_VALUE)
		power->hooks.reset(power->hooks.context);
}

const struct bus_ops power_ops = { .read = power_read, .write = power_write };
