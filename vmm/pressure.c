/* SPDX-License-Identifier: Apache-2.0 */
/* pressure.c - whether the host is short of memory */
#include "vmm/pressure.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HIGH_SHARE 100u /* one part in so many of the time */
/*
 * The same for the kernel: microseconds of stall in a window of so many, with the zero that it
 * ends at. Who has no privileges may have windows of two seconds and multiples of them.
 */
#define TRIGGER "some 20000 2000000"

static bool stall_read(const struct pressure *pressure, uint64_t *ret_stall_us)
{
	char text[256] = "";
	unsigned long long total;
	const char *at;

	if (pressure->fd < 0 || pread(pressure->fd, text, sizeof(text) - 1, 0) <= 0)
		return false;
	at = strncmp(text, "some ", 5) == 0 ? strstr(text, "total=") : NULL;
	if (!at || sscanf(at, "total=%llu", &total) != 1)
		return false;
	*ret_stall_us = total;
	return true;
}

static void trigger_close(struct pressure *pressure)
{
	if (pressure->trigger_fd >= 0)
		close(pressure->trigger_fd);
	pressure->trigger_fd = -1;
}

/* Older kernels want privileges for that. */
static void trigger_open(struct pressure *pressure, const char *path)
{
	pressure->trigger_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (pressure->trigger_fd >= 0 &&
	    write(pressure->trigger_fd, TRIGGER, sizeof(TRIGGER)) != (ssize_t)sizeof(TRIGGER))
		trigger_close(pressure);
}

void pressure_open(struct pressure *pressure, const char *path)
{
	*pressure = (struct pressure){ .fd = open(path, O_RDONLY | O_CLOEXEC), .trigger_fd = -1 };
	if (stall_read(pressure, &pressure->stall_us))
		trigger_open(pressure, path);
	else
		pressure_close(pressure);
}

void pressure_close(struct pressure *pressure)
{
	trigger_close(pressure);
	if (pressure->fd >= 0)
		close(pressure->fd);
	pressure->fd = -1;
}

bool pressure_is_high(struct pressure *pressure, uint64_t now_ns)
{
	uint64_t stall_us, stalled_ns, passed_ns = now_ns - pressure->at_ns;

	if (!stall_read(pressure, &stall_us))
		return false;
	stalled_ns = (stall_us - pressure->stall_us) * 1000;
	/* what happened before anybody asked is not of now */
	if (pressure->at_ns == 0)
		stalled_ns = 0;
	pressure->stall_us = stall_us;
	pressure->at_ns = now_ns;
	return stalled_ns > passed_ns / HIGH_SHARE;
}

bool pressure_has_risen(struct pressure *pressure, short revents)
{
	/* it is gone, and would wake us for ever */
	if (revents & ~POLLPRI)
		trigger_close(pressure);
	return revents == POLLPRI;
}
