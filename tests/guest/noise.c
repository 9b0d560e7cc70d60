/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noise.c - memory that is left alone, or all of it rewritten without end
 *
 *	calm	the same pages as in all other calm guests, written once
 *	noisy	contents of calm guests, and such that it has twice itself, which stay for a few
 *		passes, and then are others
 */
#include "tests/guest/pattern.h"

#define PAGES	   1024u
#define STAY_TICKS UINT64_C(1000000000) /* of the time stamp counter: some tenths of a second */

static void rewrite_all(void)
{
	uint64_t until = __builtin_ia32_rdtsc() + STAY_TICKS;

	for (unsigned int page = 0; page < PAGES; page++)
		page_fill(page, (random_below(2 * PAGES) + 1) * WORD_OF_PATTERN);
	while (__builtin_ia32_rdtsc() < until && !(in8(PLATFORM_EVENT_PORT) & EVENT_BUTTON))
		;
}

void guest_main(const char *start_info)
{
	bool noisy = words_begin_with(guest_words(start_info), "noisy");
	uint64_t rounds = 0;

	for (unsigned int page = 0; page < PAGES; page++)
		page_fill(page, (page + 1) * WORD_OF_PATTERN);
	say("READY\n");
	for (; !(in8(PLATFORM_EVENT_PORT) & EVENT_BUTTON); rounds++)
		if (noisy)
			rewrite_all();
	for (unsigned int page = 0; page < PAGES; page++)
		page_check(page);
	say_number("OK ", rounds);
	power_off();
}
