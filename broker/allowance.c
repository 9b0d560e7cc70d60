/* SPDX-License-Identifier: Apache-2.0 */
/* allowance.c - how much of something a peer may use up, over time */
#include "broker/allowance.h"

void allowance_init(struct allowance *allowance, struct allowance_rate rate, uint64_t now)
{
	*allowance = (struct allowance){
		.rate = rate,
		.left_ns = (int64_t)rate.burst_ns,
		.filled_ns = now,
	};
}

void allowance_spend(struct allowance *allowance, uint64_t cost_ns)
{
	allowance->left_ns -= (int64_t)cost_ns;
}

static void allowance_fill(struct allowance *allowance, uint64_t now)
{
	uint64_t gain = (now - allowance->filled_ns) / 100 * allowance->rate.percent;
	uint64_t missing = allowance->rate.burst_ns - (uint64_t)allowance->left_ns;

	allowance->filled_ns = now;
	allowance->left_ns += (int64_t)(gain < missing ? gain : missing);
}

bool allowance_is_left(struct allowance *allowance, uint64_t now)
{
	allowance_fill(allowance, now);
	return allowance->left_ns > 0;
}

bool allowance_is_full(struct allowance *allowance, uint64_t now)
{
	allowance_fill(allowance, now);
	return allowance->left_ns >= (int64_t)allowance->rate.burst_ns;
}
