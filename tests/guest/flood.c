/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flood.c - says on the serial port as many lines as its command line wants, as fast as it can
 *
 * Each line has 16 bytes, which is what a transmitter that is empty takes. Then it tells
 * which keys it gets, until that is a q.
 */
#include "tests/guest/guest.h"

#define LINE_STATUS_PORT  (PLATFORM_COM1_PORT + 5)
#define DATA_READY	  0x01
#define TRANSMITTER_EMPTY 0x20
#define LINE_BYTES	  16

static uint64_t number_of(const char *words)
{
	uint64_t number = 0;

	while (*words >= '0' && *words <= '9')
		number = number * 10 + (uint64_t)(*words++ - '0');
	return number;
}

static void send_line(const char *line)
{
	uint64_t count = LINE_BYTES;

	while (!(in8(LINE_STATUS_PORT) & TRANSMITTER_EMPTY))
		;
	__asm__ volatile("rep outsb"
			 : "+S"(line), "+c"(count)
			 : "d"(PLATFORM_COM1_PORT)
			 : "memory");
}

/* Counts on, in decimal. */
static void line_next(char line[LINE_BYTES])
{
	for (int i = LINE_BYTES - 2; i >= 0; i--) {
		if (++line[i] <= '9')
			return;
		line[i] = '0';
	}
}

void guest_main(const char *start_info)
{
	char line[LINE_BYTES + 1] = "000000000000000\n", key = 0, told[] = "key ?\n";

	for (uint64_t left = number_of(guest_words(start_info)); left > 0; left--) {
		send_line(line);
		line_next(line);
	}
	say("OVER\n");
	while (key != 'q') {
		while (!(in8(LINE_STATUS_PORT) & DATA_READY))
			;
		key = (char)in8(PLATFORM_COM1_PORT);
		told[4] = key;
		say(told);
	}
	power_off();
}
