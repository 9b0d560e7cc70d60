/* SPDX-License-Identifier: Apache-2.0 */
/* pressure.c - whether the host is short of memory */
#include "vmm/pressure.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HIGH_SHARE 100u /* one part in so many of the time */

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

void pressure_open(struct pressure *pressure, const char *path)
{
	*pressure = (struct pressure){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (!stall_read(pressure, &pressure->stall_us))
		pressure_close(pressure);
}

void pressure_close(struct pressure *pressure)
{
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
