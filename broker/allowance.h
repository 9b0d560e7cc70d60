/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allowance.h - how much of something a peer may use up, over time
 *
 * A bucket that fills with time and is emptied by use: some at once, and a share of the
 * time for ever after. It can go below empty, since what a message costs is known once
 * it is served; that is made up for before there is anything left again.
 */
#ifndef BROKER_ALLOWANCE_H
#define BROKER_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

struct allowance_rate {
	uint64_t burst_ns; /* that can be used at once */
	unsigned int percent;
};

struct allowance {
	struct allowance_rate rate;
	int64_t left_ns;
	uint64_t filled_ns; /* when it was last filled */
};

/* Full. Times are of now_ns(). */
void allowance_init(struct allowance *allowance, struct allowance_rate rate, uint64_t now);

void allowance_spend(struct allowance *allowance, uint64_t cost_ns);
bool allowance_is_left(struct allowance *allowance, uint64_t now);
bool allowance_is_full(struct allowance *allowance, uint64_t now);

#endif
