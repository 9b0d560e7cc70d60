/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.h - pages of which the guest knows what each must hold
 *
 * Each page repeats one word; some have a word of their own somewhere (a patch). The words
 * are few, the same in all guests, and zero is among them.
 */
#ifndef TESTS_GUEST_PATTERN_H
#define TESTS_GUEST_PATTERN_H

#include "tests/guest/guest.h"

#define REGION		((uint64_t *)0x200000)
#define PAGES_MAX	1536u /* to the end of 8 MiB */
#define PAGE_WORDS	512u
#define PATTERNS	24u
#define WORD_OF_PATTERN UINT64_C(0x9e3779b97f4a7c15)

/* What a page must hold. */
static struct {
	uint64_t word;
	uint64_t patch;	   /* stands at patch_at */
	uint16_t patch_at; /* PAGE_WORDS: there is none */
} pages[PAGES_MAX];

static uint64_t seed; /* each guest its own */

static inline unsigned int random_below(unsigned int limit)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned int)(seed >> 33) % limit;
}

static inline uint64_t *page_at(unsigned int page)
{
	return REGION + (size_t)page * PAGE_WORDS;
}

static inline void page_fill(unsigned int page, uint64_t word)
{
	uint64_t *at = page_at(page), count = PAGE_WORDS;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(word) : "memory");
	pages[page].word = word;
	pages[page].patch_at = PAGE_WORDS;
}

/* One word only: the rest must come from the frame that was shared. */
static inline void page_patch(unsigned int page)
{
	volatile uint64_t *words = page_at(page);

	if (pages[page].patch_at != PAGE_WORDS)
		words[pages[page].patch_at] = pages[page].word;
	pages[page].patch_at = (uint16_t)random_below(PAGE_WORDS);
	pages[page].patch = seed;
	words[pages[page].patch_at] = seed;
}

/* How many of count words are this one before the first that is not. */
static inline uint64_t run_length(const uint64_t *words, uint64_t word, uint64_t count)
{
	uint64_t left = count;
	bool equal;

	__asm__ volatile("cmp %%rax, %%rax; repe scasq"
			 : "+D"(words), "+c"(left), "=@cce"(equal)
			 : "a"(word)
			 : "memory");
	return equal ? count : count - left - 1;
}

static inline void page_check(unsigned int page)
{
	const uint64_t *words = page_at(page);
	uint64_t good = run_length(words, pages[page].word, PAGE_WORDS);

	if (good == pages[page].patch_at && good < PAGE_WORDS && words[good] == pages[page].patch)
		good += 1 + run_length(words + good + 1, pages[page].word, PAGE_WORDS - good - 1);
	if (good == PAGE_WORDS && (pages[page].patch_at == PAGE_WORDS ||
				   words[pages[page].patch_at] == pages[page].patch))
		return;
	say_number("WRONG page ", page);
	say_number(" word ", good);
	say_number(" is ", good < PAGE_WORDS ? words[good] : pages[page].patch);
	say_number(" not ", pages[page].word);
	say("\n");
	power_off();
}

#endif
