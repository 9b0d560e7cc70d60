/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_watch.h - whether a guest that was started has booted
 *
 * Nobody says so: any kernel may run in it. But a boot is work, and at its end a guest waits for
 * something to do. So it has booted when its virtual processors rest for the first time; or when
 * it has taken so much processor time, or so long, that this is no boot any more: a kernel that
 * panics and reboots for ever never rests.
 *
 * A watch holds nothing but numbers: where its process ends, and another one gets the same number,
 * that one is watched for what is left of the time.
 */
#ifndef CLI_BOOT_WATCH_H
#define CLI_BOOT_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"

#define BOOT_WATCH_LOOK_NS (100 * NS_PER_MS) /* the least time from look to look */

/* Zeroes watch nothing. */
struct boot_watch {
	pid_t pid;	     /* 0: nothing is watched */
	uint64_t began_ns;   /* the watch */
	uint64_t looked_ns;  /* the last time */
	uint64_t ran_ns;     /* the vCPUs that there were then */
	uint64_t waited_ns;  /* for a processor, the same */
	uint64_t worked_ns;  /* all vCPUs since began_ns, also those before a reboot */
	unsigned calm_looks; /* so many of the last ones saw it rest */
};

/* Watches it from now on; not one that can't be reached. */
void boot_watch_begin(struct boot_watch *watch, const char *name, uint64_t now_ns);
void boot_watch_begin_process(struct boot_watch *watch, pid_t pid, uint64_t now_ns);

bool boot_watch_is_on(const struct boot_watch *watch);

/* Looks, unless it has just looked. What has booted, or ended, is not watched any longer. */
void boot_watch_look(struct boot_watch *watch, uint64_t now_ns);

#endif
