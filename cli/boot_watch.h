/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_watch.h - whether a guest that was started has booted
 *
 * Nobody says so: any kernel may run in it. But a boot is work, and at its end a guest waits for
 * something to do. So it has booted when its virtual processors rest for the first time; or when
 * they have worked for so long that this is no boot any more. One that does nothing at all for
 * half a second has been paused.
 */
#ifndef CLI_BOOT_WATCH_H
#define CLI_BOOT_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/client.h"

#define BOOT_WATCH_LOOK_NS (100 * NS_PER_MS) /* the least time from look to look */

struct boot_watch {
	struct client client; /* whose process it is; its socket is closed */
	uint64_t looked_ns;   /* 0: nothing is watched */
	uint64_t busy_ns;     /* its processors had worked or waited for so long then */
	unsigned calm_looks;  /* so many of the last looks saw it rest */
};

/* From now on. A guest that can't be reached is not watched. */
void boot_watch_begin(struct boot_watch *watch, const char *name, uint64_t now_ns);
/* The process of the client is watched; its pidfd is the watch's from now on. */
void boot_watch_process(struct boot_watch *watch, struct client *client, uint64_t now_ns);

/* What is watched; false for zeroes. */
bool boot_watch_active(const struct boot_watch *watch);

/* Looks, at most every BOOT_WATCH_LOOK_NS. What has booted, or ended, is not watched any longer. */
void boot_watch_look(struct boot_watch *watch, uint64_t now_ns);

void boot_watch_end(struct boot_watch *watch);

#endif
