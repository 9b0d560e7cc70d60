/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steady-guest.c - a guest whose memory changes a little whenever it is told to
 *
 * The image is its initrd, its number is the first word of its command line. A byte on the
 * serial port begins the next round; it says DONE after each.
 */
#include "bench/steady.h"
#include "tests/guest/guest.h"

#define START_INFO_MODULES 16
#define LINE_STATUS	   5
#define HAS_BYTE	   1

struct module {
	uint64_t gpa, bytes;
};

static void wait_for_byte(void)
{
	while (!(in8(PLATFORM_COM1_PORT + LINE_STATUS) & HAS_BYTE))
		;
	in8(PLATFORM_COM1_PORT);
}

void guest_main(const char *start_info)
{
	const char *words = guest_words(start_info);
	const struct module *image =
		*(const struct module *const *)(const void *)(start_info + START_INFO_MODULES);
	uint64_t own = (uint64_t)(*words - '0') + 1;
	volatile uint64_t *memory = (volatile uint64_t *)image->gpa;
	uint64_t pages = image->bytes / (STEADY_PAGE_WORDS * 8);

	steady_begin(memory, pages, own);
	say("READY\n");
	for (uint64_t round = 0;; round++) {
		wait_for_byte();
		steady_round(memory, pages, own, round);
		say("DONE\n");
	}
}
