/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.h - what every tiny guest has: ports, a console, words on its command line, an end
 *
 * There is one processor, no interrupt and no library. Some KVMs interpret each instruction:
 * what touches much memory does it by string instructions.
 */
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/platform.h"

#define POWER_OFF    (1 << 5 | PLATFORM_SLEEP_TYPE_OFF << 2) /* enable, type */
#define EVENT_BUTTON 1

/* Where the boot protocol leaves the command line's address. */
#define START_INFO_MAGIC   0x336ec578
#define START_INFO_CMDLINE 24

/* Each guest's own; start_info as PVH has it. */
void guest_main(const char *start_info);

#define PORT_ACCESS(bits, letter)                                                                  \
	static inline uint##bits##_t in##bits(uint16_t port)                                       \
	{                                                                                          \
		uint##bits##_t value;                                                              \
                                                                                                   \
		__asm__ volatile("in" letter " %1, %0" : "=a"(value) : "Nd"(port));                \
		return value;                                                                      \
	}                                                                                          \
	static inline void out##bits(uint16_t port, uint##bits##_t value)                          \
	{                                                                                          \
		__asm__ volatile("out" letter " %0, %1" : : "a"(value), "Nd"(port));               \
	}

PORT_ACCESS(8, "b")
PORT_ACCESS(16, "w")
PORT_ACCESS(32, "l")

static inline void say(const char *text)
{
	while (*text)
		out8(PLATFORM_COM1_PORT, (uint8_t)*text++);
}

static inline void say_number(const char *before, uint64_t number)
{
	say(before);
	for (int shift = 60; shift >= 0; shift -= 4)
		if (shift == 0 || number >> shift)
			out8(PLATFORM_COM1_PORT,
			     (uint8_t) "0123456789abcdef"[number >> shift & 15]);
}

static inline void power_off(void)
{
	out8(PLATFORM_SLEEP_CONTROL_PORT, POWER_OFF);
	for (;;)
		__asm__ volatile("hlt");
}

/* The command line. */
static inline const char *guest_words(const char *start_info)
{
	if (*(const uint32_t *)(const void *)start_info != START_INFO_MAGIC) {
		say("WRONG start info\n");
		power_off();
	}
	return *(const char *const *)(const void *)(start_info + START_INFO_CMDLINE);
}

static inline bool words_begin_with(const char *words, const char *word)
{
	while (*word)
		if (*words++ != *word++)
			return false;
	return true;
}

#endif
