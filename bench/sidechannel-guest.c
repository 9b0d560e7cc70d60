/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sidechannel-guest.c - a guest that finds out what its neighbours' pages hold
 *
 * Half of its pages hold what it guesses that others have, the other half is its own. When
 * its power button is pressed, it writes one word to each page and tells how many ticks
 * that took: "G ticks" for a guess, "C ticks" for one of its own, for comparison. Others of
 * its kind, who have the guessed pages, just go: `holder` is their command line.
 */
#include "tests/guest/guest.h"

#define PAGES	   2048u
#define PAGE_WORDS 512u
#define REGION	   ((uint64_t *)0x200000)
#define OWN_SALT   UINT64_C(0xd1b54a32d192ed03)

/* Which pages are guesses is no pattern that runs of pages could follow. */
static uint64_t mix(uint64_t number)
{
	number *= UINT64_C(0x9e3779b97f4a7c15);
	return number ^ number >> 31;
}

static bool is_guess(unsigned int page)
{
	return mix(mix(page)) >> 33 & 1;
}

static void page_fill(unsigned int page, uint64_t word)
{
	uint64_t *at = REGION + (size_t)page * PAGE_WORDS, count = PAGE_WORDS;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(word) : "memory");
}

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* The page is read first, so that only what a write adds is timed. */
static uint64_t time_write(unsigned int page)
{
	volatile uint64_t *word = REGION + (size_t)page * PAGE_WORDS + 7;
	uint64_t value = *word, begin = ticks();

	*word = ~value;
	return ticks() - begin;
}

void guest_main(const char *start_info)
{
	static uint64_t took[PAGES];
	bool is_holder = words_begin_with(guest_words(start_info), "holder");

	for (unsigned int page = 0; page < PAGES; page++)
		page_fill(page, is_guess(page) ? mix(page + 1)
				: is_holder    ? mix(page + 1) ^ OWN_SALT
					       : mix(page + 1) + OWN_SALT);
	say("READY\n");
	while (!(in8(PLATFORM_EVENT_PORT) & EVENT_BUTTON))
		;
	for (unsigned int page = 0; page < PAGES && !is_holder; page++)
		took[page] = time_write(page);
	for (unsigned int page = 0; page < PAGES && !is_holder; page++)
		say_number(is_guess(page) ? "\nG " : "\nC ", took[page]);
	say("\nDONE\n");
	power_off();
}
