/* SPDX-License-Identifier: Apache-2.0 */
/* pace.c - how fast the engine may go */
#include "dedup/pace.h"

#include <stdbool.h>

#include "base/clock.h"

/*
 * The shortest pause is also the least time over which a page must stay the same to
 * count as calm. At full pace that is what a user asked for who wants memory back at
 * any price; else it is long enough that a page in use shows itself.
 */
#define PAUSE_FULL_PACE_NS (20 * NS_PER_MS)
#define PAUSE_SHORTEST_NS  (200 * NS_PER_MS)
#define PAUSE_LONGEST_NS   (10 * NS_PER_SEC)
/*
 * Where there is nothing to gain, passes may use one part in so many of a processor. A
 * pass that looks at little, since little was written, is cheap, and comes again soon, so
 * that new duplicates don't wait; but not sooner than after so long.
 */
#define IDLE_SHARE	 1000u
#define PAUSE_PATIENT_NS (1 * NS_PER_SEC)
/* A pass that gains less than one page in so many is not worth repeating soon. */
#define WORTHWHILE_SHARE 512u
/* One changed page in so many between two passes, and more: the guest is at work. */
#define BUSY_SHARE 64u
/* One in so many, and less: it is idle. */
#define QUIET_SHARE 256u
/* A guest that has just started is likely to be at work. */
#define CAUTION_FIRST 2u
#define CAUTION_MAX   4u
/* A sleep shorter than this is not worth the switch. */
#define BRAKE_SHORTEST_NS (2 * NS_PER_MS)

static uint64_t shortest_pause_ns(const struct pace *pace)
{
	return pace->cpu_percent == 100 ? PAUSE_FULL_PACE_NS : PAUSE_SHORTEST_NS;
}

void pace_init(struct pace *pace, uint32_t cpu_percent, uint32_t pages)
{
	*pace = (struct pace){ .cpu_percent = cpu_percent, .pages = pages };
	pace->pause_ns = shortest_pause_ns(pace);
	pace->caution = cpu_percent == 100 ? 0 : CAUTION_FIRST;
}

/* The time that is missing to what was used. */
static uint64_t debt_ns(const struct pace *pace, uint64_t wall_ns, uint64_t busy_ns)
{
	uint64_t used = busy_ns > pace->busy_ns ? busy_ns - pace->busy_ns : 0;
	uint64_t passed = wall_ns - pace->wall_ns;
	uint64_t needed = used / pace->cpu_percent * 100;

	return pace->cpu_percent < 100 && needed > passed ? needed - passed : 0;
}

void pace_start(struct pace *pace, uint64_t wall_ns, uint64_t busy_ns)
{
	if (debt_ns(pace, wall_ns, busy_ns) > 0)
		return;
	pace->wall_ns = wall_ns;
	pace->busy_ns = busy_ns;
}

uint64_t pace_brake_ns(const struct pace *pace, uint64_t wall_ns, uint64_t busy_ns)
{
	uint64_t debt = debt_ns(pace, wall_ns, busy_ns);

	return debt > BRAKE_SHORTEST_NS ? debt : 0;
}

/* At full pace somebody wants memory back at any price: no caution. */
static void caution_adapt(struct pace *pace, uint64_t changed_pages)
{
	if (pace->cpu_percent == 100)
		return;
	if (changed_pages > pace->pages / BUSY_SHARE && pace->caution < CAUTION_MAX)
		pace->caution++;
	else if (changed_pages <= pace->pages / QUIET_SHARE && pace->caution > 0)
		pace->caution--;
}

static uint64_t longest_pause_ns(uint64_t price_ns)
{
	if (price_ns > PAUSE_LONGEST_NS / IDLE_SHARE)
		return PAUSE_LONGEST_NS;
	return price_ns * IDLE_SHARE > PAUSE_PATIENT_NS ? price_ns * IDLE_SHARE : PAUSE_PATIENT_NS;
}

/* The lower of two in a row: a pass in which there was much to do does not stand for the next. */
static uint64_t usual_price_ns(struct pace *pace, uint64_t price_ns)
{
	uint64_t before_ns = pace->price_ns;

	pace->price_ns = price_ns;
	return price_ns < before_ns ? price_ns : before_ns;
}

uint64_t pace_pause_ns(struct pace *pace, const struct pace_pass *pass)
{
	uint64_t longest = longest_pause_ns(usual_price_ns(pace, pass->price_ns));

	caution_adapt(pace, pass->changed_pages);
	if (pass->memory_is_short || pass->gained_pages > pace->pages / WORTHWHILE_SHARE)
		pace->pause_ns = shortest_pause_ns(pace);
	else
		pace->pause_ns *= 2;
	if (pace->pause_ns > longest)
		pace->pause_ns = longest;
	return pace->pause_ns;
}

uint64_t pace_hurry_ns(struct pace *pace)
{
	pace->pause_ns = shortest_pause_ns(pace);
	return pace->pause_ns;
}
