/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_sample.h - a report that is collected by a thread of its own
 *
 * Who has a screen to look after must not wait for guests. Each sample is one thread that
 * collects, writes the sample's address into a pipe, and is gone: whoever reads it owns it.
 * Where nobody reads any more, the thread frees it.
 */
#ifndef CLI_TOP_SAMPLE_H
#define CLI_TOP_SAMPLE_H

#include <stdint.h>

#include "cli/report.h"

#define TOP_PATIENCE_MS 2000 /* with guests, and with each broker */

struct top_sample {
	struct report *report; /* NULL: it failed */
	uint64_t at_ns;
	struct fail why;
};

/* Collects here and now. */
CHECKED int top_sample_take(struct top_sample *ret_sample, struct fail *why);
void top_sample_done(struct top_sample *sample);

/* The descriptor stays the caller's, who may close both ends at any time. */
CHECKED int top_sample_start(int pipe_fd, struct fail *why);
/* What the pipe holds; the caller frees it behind top_sample_done(). */
CHECKED int top_sample_receive(int pipe_fd, struct top_sample **ret_sample);

#endif
