/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.c - pages that are equal within guests and across them, always rewritten and checked
 *
 * Each page repeats one of a few words that all guests use, zero among them; some have a
 * word of this guest's own somewhere (a patch). The guest knows what each page must hold
 * and reads all of them, round after round, until its power button is pressed.
 */
#include "tests/guest/guest.h"

#define REGION		((uint64_t *)0x200000)
#define PAGES		512u
#define PAGE_WORDS	512u
#define PATTERNS	24u
#define WRITES		12u /* of each kind, each round */
#define WORD_OF_PATTERN UINT64_C(0x9e3779b97f4a7c15)

/* What a page must hold. */
static struct {
	uint64_t word;
	uint64_t patch;	   /* stands at patch_at */
	uint16_t patch_at; /* PAGE_WORDS: there is none */
} pages[PAGES];

static uint64_t seed;

static unsigned int random_below(unsigned int limit)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned int)(seed >> 33) % limit;
}

static void page_fill(unsigned int page, uint64_t word)
{
	uint64_t *at = REGION + (size_t)page * PAGE_WORDS, count = PAGE_WORDS;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(word) : "memory");
	pages[page].word = word;
	pages[page].patch_at = PAGE_WORDS;
}

/* One word only: the rest must come from the frame that was shared. */
static void page_patch(unsigned int page)
{
	volatile uint64_t *words = REGION + (size_t)page * PAGE_WORDS;

	if (pages[page].patch_at != PAGE_WORDS)
		words[pages[page].patch_at] = pages[page].word;
	pages[page].patch_at = (uint16_t)random_below(PAGE_WORDS);
	pages[page].patch = seed;
	words[pages[page].patch_at] = seed;
}

/* How many of count words are this one before the first that is not. */
static uint64_t run_length(const uint64_t *words, uint64_t word, uint64_t count)
{
	uint64_t left = count;
	bool equal;

	__asm__ volatile("cmp %%rax, %%rax; repe scasq"
			 : "+D"(words), "+c"(left), "=@cce"(equal)
			 : "a"(word)
			 : "memory");
	return equal ? count : count - left - 1;
}

static void page_check(unsigned int page)
{
	const uint64_t *words = REGION + (size_t)page * PAGE_WORDS;
	uint64_t good = run_length(words, pages[page].word, PAGE_WORDS);

	if (good == pages[page].patch_at && good < PAGE_WORDS && words[good] == pages[page].patch)
		good += 1 + run_length(words + good + 1, pages[page].word, PAGE_WORDS - good - 1);
	if (good == PAGE_WORDS && (pages[page].patch_at == PAGE_WORDS ||
				   words[pages[page].patch_at] == pages[page].patch))
		return;
	say_number("WRONG page ", page);
	power_off();
}

void guest_main(const char *start_info)
{
	uint64_t rounds = 0;

	seed = (uint64_t)*guest_words(start_info); /* one letter, each guest its own */
	for (unsigned int page = 0; page < PAGES; page++)
		page_fill(page, page % PATTERNS * WORD_OF_PATTERN);
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
