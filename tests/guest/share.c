/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.c - pages that are equal within guests and across them, always rewritten and checked
 *
 * The guest reads all of its pages, round after round, until its power button is pressed.
 */
#include <cpuid.h>

#include "tests/guest/pattern.h"

#define PAGES  512u
#define WRITES 12u /* of each kind, each round */

/* Where memory is shared there must be no guests of a guest. */
static void processor_check(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (__get_cpuid(0x1, &eax, &ebx, &ecx, &edx) && (ecx & 1u << 5))
		say("WRONG: there is VMX\n");
	if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & 1u << 2))
		say("WRONG: there is SVM\n");
}

void guest_main(const char *start_info)
{
	uint64_t rounds = 0;

	seed = (uint64_t)*guest_words(start_info); /* one letter, each guest its own */
	for (unsigned int page = 0; page < PAGES; page++)
		page_fill(page, page % PATTERNS * WORD_OF_PATTERN);
	processor_check();
	say("READY\n");
	for (; !(in8(PLATFORM_EVENT_PORT) & EVENT_BUTTON); rounds++) {
		for (unsigned int i = 0; i < WRITES; i++) {
			page_fill(random_below(PAGES), random_below(PATTERNS) * WORD_OF_PATTERN);
			page_patch(random_below(PAGES));
		}
		for (unsigned int page = 0; page < PAGES; page++)
			page_check(page);
	}
	say_number("OK ", rounds);
	power_off();
}
