/* SPDX-License-Identifier: Apache-2.0 */
/* pace.c - how fast the engine may go */
#include "dedup/pace.h"

#include "base/clock.h"

/*
 * The shortest pause is also the least time over which a page must stay the same to
 * count as calm. At full pace that is what a user asked for who wants memory back at
 * any price; else it is long enough that a page in use shows itself.
 */
#define PAUSE_FULL_PACE_NS (20 * NS_PER_MS)
#define PAUSE_SHORTEST_NS  (200 * NS_PER_MS)
#define PAUSE_LONGEST_NS   (10 * NS_PER_SEC)
/* A sleep shorter than this is not worth the switch. */
#define BRAKE_SHORTEST_NS (2 * NS_PER_MS)

static uint64_t shortest_pause_ns(const struct pace *pace)
{
	return pace->cpu_percent == 100 ? PAUSE_FULL_PACE_NS : PAUSE_SHORTEST_NS;
}

void pace_init(struct pace *pace, uint32_t cpu_percent)
{
	*pace = (struct pace){ .cpu_percent = cpu_percent };
	pace->pause_ns = shortest_pause_ns(pace);
}

void pace_start(struct pace *pace, uint64_t wall_ns, uint64_t cpu_ns)
{
	pace->wall_ns = wall_ns;
	pace->cpu_ns = cpu_ns;
}

uint64_t pace_brake_ns(const struct pace *pace, uint64_t wall_ns, uint64_t cpu_ns)
{
	uint64_t used = cpu_ns - pace->cpu_ns, passed = wall_ns - pace->wall_ns;
	uint64_t earned = used / pace->cpu_percent * 100;

	return pace->cpu_percent < 100 && earned > passed + BRAKE_SHORTEST_NS ? earned - passed :
										0;
}

uint64_t pace_pause_ns(struct pace *pace, uint64_t gained_pages)
{
	if (gained_pages > 0)
		pace->pause_ns = shortest_pause_ns(pace);
	else if (pace->pause_ns < PAUSE_LONGEST_NS / 2)
		pace->pause_ns *= 2;
	else
		pace->pause_ns = PAUSE_LONGEST_NS;
	return pace->pause_ns;
}
