/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet.h - one command, many guests: a process for each, and one that looks after them
 *
 * The guests' processes are forked before any guest memory or thread exists, so
 * that they share nothing but what they will deduplicate.
 */
#ifndef CLI_FLEET_H
#define CLI_FLEET_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/guest.h"

/*
 * Starts all guests; either all run or none. Attached: stays until the last has
 * ended, ends them on SIGINT, SIGTERM or SIGHUP, prints consoles whose console_out
 * is 1 with the guest's name before each line, and returns the first exit status
 * that is not 0, in the order of configs. Detached: returns 0 once all run, each in
 * a session of its own. -errno and the sentence: one could not be started.
 */
CHECKED int fleet_run(struct guest_config *configs, size_t count, bool detach, struct fail *why);

#endif
