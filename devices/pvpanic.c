/* SPDX-License-Identifier: Apache-2.0 */
/* pvpanic.c - the port at which a guest's kernel reports that it panicked */
#include "devices/pvpanic.h"

/* It panicked, and nobody inside takes care: that is the end. */
#define EVENT_PANICKED 0x01
/* It panicked, and a crash kernel takes over: that one ends the machine. */
#define EVENT_CRASH_LOADED 0x02

static uint64_t pvpanic_read(void *context, uint64_t offset, unsigned int size)
{
	return EVENT_PANICKED | EVENT_CRASH_LOADED;
}

static void pvpanic_write(void *context, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pvpanic *pvpanic = context;

	if (value & EVENT_PANICKED)
		pvpanic->panicked(pvpanic->context);
}

const struct bus_ops pvpanic_ops = { .read = pvpanic_read, .write = pvpanic_write };
