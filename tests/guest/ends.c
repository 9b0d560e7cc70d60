/* SPDX-License-Identifier: Apache-2.0 */
/* ends.c - says READY, then ends as its command line says: off, reset, panic or fault */
#include "tests/guest/guest.h"

#define PANICKED 1

/* No exception has a handler: the first one becomes three, and the processor shuts down. */
static void triple_fault(void)
{
	static const struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} nothing = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(nothing));
}

void guest_main(const char *start_info)
{
	const char *words = guest_words(start_info);

	say("READY\n");
	if (words_begin_with(words, "off"))
		power_off();
	else if (words_begin_with(words, "reset"))
		out8(PLATFORM_RESET_PORT, PLATFORM_RESET_VALUE);
	else if (words_begin_with(words, "panic"))
		out8(PLATFORM_PVPANIC_PORT, PANICKED);
	else if (words_begin_with(words, "fault"))
		triple_fault();
	say("WRONG still here\n");
}
