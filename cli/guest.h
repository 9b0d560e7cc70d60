/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.h - the process of one guest, from its name to its exit status
 *
 * Here the machine, its deduplication, its control socket and the signals come
 * together. The calling process becomes the guest's: it must have no other
 * thread yet, and it blocks SIGINT, SIGTERM and SIGHUP for good.
 */
#ifndef CLI_GUEST_H
#define CLI_GUEST_H

#include <stdbool.h>

#include "base/fail.h"
#include "base/log.h"
#include "cli/machine.h"

/* Strings and descriptors are borrowed. */
struct guest_config {
	struct machine_config machine;
	const char *console_path; /* a file for the console's output; NULL: none */
	const char *domain;
	bool dedup;
	unsigned int dedup_cpu_percent;
	uint32_t max_sharers; /* guests on one frame; 0: any number */
	enum log_level log_level;
	const char *definition; /* all of this as lines of a file, for who asks */

	/* Called once, when nothing can go wrong any more before the guest runs; may be NULL. */
	int (*on_started)(void *context, struct fail *why);
	void *context;
};

/*
 * Returns an exit status (cli/verb.h), or -errno and the sentence. Nothing is left
 * behind in either case.
 */
CHECKED int guest_run(const struct guest_config *config, struct fail *why);

#endif
