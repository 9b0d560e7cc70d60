/* SPDX-License-Identifier: Apache-2.0 */
/* check_power.c - switches: off, reset and the button, and nothing by accident */
#include "devices/power.h"

#include "devices/pvpanic.h"
#include "vmm/platform.h"

#include "tests/unit/suite.h"

static unsigned int offs, resets, interrupts, panics;
static struct power power;

static void count(void *context)
{
	(*(unsigned int *)context)++;
}

static void on_off(void *context)
{
	count(&offs);
}

static void on_reset(void *context)
{
	count(&resets);
}

static void on_interrupt(void *context)
{
	count(&interrupts);
}

static void start(void)
{
	struct power_hooks hooks = { .off = on_off, .reset = on_reset, .interrupt = on_interrupt };

	offs = resets = interrupts = panics = 0;
	power_init(&power, &hooks);
}

static void put(unsigned int port, uint8_t value)
{
	power_ops.write(&power, port - PLATFORM_POWER_PORT, value, 1);
}

static uint8_t get(unsigned int port)
{
	return (uint8_t)power_ops.read(&power, port - PLATFORM_POWER_PORT, 1);
}

START_TEST(only_s5_with_its_enable_bit_is_off)
{
	start();
	for (unsigned int value = 0; value < 256; value++)
		put(PLATFORM_SLEEP_CONTROL_PORT, (uint8_t)value);
	/* bits 0, 1, 6 and 7 are the guest's to waste */
	ck_assert_uint_eq(offs, 16);
	put(PLATFORM_SLEEP_STATUS_PORT, 0xff);
	ck_assert_uint_eq(offs, 16);
	ck_assert_uint_eq(resets, 0);
	power_done(&power);
}
END_TEST

START_TEST(only_the_reset_value_resets)
{
	start();
	for (unsigned int value = 0; value < 256; value++)
		put(PLATFORM_RESET_PORT, (uint8_t)value);
	ck_assert_uint_eq(resets, 1);
	power_done(&power);
}
END_TEST

START_TEST(a_pressed_button_is_read_once)
{
	start();
	ck_assert_uint_eq(get(PLATFORM_EVENT_PORT), 0);
	power_press_button(&power);
	power_press_button(&power);
	ck_assert_uint_eq(interrupts, 2);
	ck_assert_uint_eq(get(PLATFORM_EVENT_PORT), 1);
	ck_assert_uint_eq(get(PLATFORM_EVENT_PORT), 0);
	put(PLATFORM_EVENT_PORT, 0xff);
	ck_assert_uint_eq(get(PLATFORM_EVENT_PORT), 0);
	power_done(&power);
}
END_TEST

START_TEST(a_panic_is_told_from_a_crash_kernel)
{
	struct pvpanic pvpanic = { .panicked = count, .context = &panics };

	panics = 0;
	ck_assert_uint_eq(pvpanic_ops.read(&pvpanic, 0, 1), 3);
	pvpanic_ops.write(&pvpanic, 0, 2, 1);
	ck_assert_uint_eq(panics, 0);
	pvpanic_ops.write(&pvpanic, 0, 1, 1);
	ck_assert_uint_eq(panics, 1);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &only_s5_with_its_enable_bit_is_off },
	{ "core", &only_the_reset_value_resets },
	{ "core", &a_pressed_button_is_read_once },
	{ "core", &a_panic_is_told_from_a_crash_kernel },
};
SUITE_MAIN("power", tests)
