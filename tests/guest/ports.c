/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ports.c - accesses of every width to what nobody owns, and to registers from the wrong side
 *
 * Says WRONG for each answer that is not as it should be; OK at the end.
 */
#include "tests/guest/guest.h"

#define SERIAL(reg) (PLATFORM_COM1_PORT + (reg))
#define LOOP_BACK   0x10
#define DATA_READY  0x01
#define DIVISOR	    0x80
#define RTC_MEMORY  0x40 /* a byte that is no clock register */

static void expect(const char *what, uint64_t where, uint64_t got, uint64_t wanted)
{
	if (got == wanted)
		return;
	say(what);
	say_number(": WRONG, ", where);
	say_number(" gives ", got);
	say_number(" not ", wanted);
	say("\n");
}

static void nobodys_ports(void)
{
	static const uint16_t ports[] = { 0x2f8, 0x3f4, 0x400,	0x504,	0x506, 0x5fc,
					  0x604, 0xcfc, 0x1001, 0xfffe, 0xffff };
	uint64_t word = 0, *to = &word, count = 4;
	uint16_t port = 0x1000;

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		out8(ports[i], 0);
		expect("port", ports[i], in8(ports[i]), 0xff);
		if (ports[i] == 0x504) /* the next port is somebody's */
			continue;
		out16(ports[i], 0);
		out32(ports[i], 0);
		expect("port, 2 bytes", ports[i], in16(ports[i]), 0xffff);
		expect("port, 4 bytes", ports[i], in32(ports[i]), 0xffffffff);
	}
	__asm__ volatile("rep insw" : "+D"(to), "+c"(count) : "d"(port) : "memory");
	expect("string from port", port, word, UINT64_MAX);
}

static void nobodys_addresses(void)
{
	/* behind RAM, in the hole below 4 GiB, its top, and across a page's end */
	static const uintptr_t addresses[] = { 0x40000000, 0xc0000000, 0xd0000003,
					       0xd0000ffd, 0xfed00000, 0xfffffff8 };

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		uintptr_t at = addresses[i];

		*(volatile uint8_t *)at = 0;
		*(volatile uint16_t *)at = 0;
		*(volatile uint32_t *)at = 0;
		*(volatile uint64_t *)at = 0;
		expect("address", at, *(volatile uint8_t *)at, 0xff);
		expect("address, 2 bytes", at, *(volatile uint16_t *)at, 0xffff);
		expect("address, 4 bytes", at, *(volatile uint32_t *)at, 0xffffffff);
		expect("address, 8 bytes", at, *(volatile uint64_t *)at, UINT64_MAX);
	}
}

static void registers(void)
{
	out8(SERIAL(7), 0x5a);
	expect("scratch and behind it", SERIAL(7), in32(SERIAL(7)), 0xffffff5a);
	out16(SERIAL(6), 0xa500); /* status takes no write, scratch does */
	expect("scratch", SERIAL(7), in8(SERIAL(7)), 0xa5);
	out8(SERIAL(3), DIVISOR | 3);
	out16(SERIAL(0), 0x0102);
	expect("divisor, control", SERIAL(0), in32(SERIAL(0)) & 0xff00ffff, 0x83000102);
	out8(SERIAL(3), 3);
	out8(SERIAL(4), LOOP_BACK);
	out8(SERIAL(0), 'x');
	expect("loop", SERIAL(5), in8(SERIAL(5)) & DATA_READY, DATA_READY);
	expect("loop", SERIAL(0), in16(SERIAL(0)) & 0xff, 'x');
	out16(SERIAL(4), 0);
	out16(PLATFORM_RTC_PORT, 0xab00 | RTC_MEMORY); /* index and datum at once */
	expect("clock", PLATFORM_RTC_PORT, in32(PLATFORM_RTC_PORT), 0xffffabff);
	out32(PLATFORM_SLEEP_CONTROL_PORT, 0xff00ff01); /* not enabled, reset by a wrong value */
	out8(PLATFORM_SLEEP_CONTROL_PORT, 0x20);	/* enabled, but another kind of sleep */
	expect("power", PLATFORM_POWER_PORT, in32(PLATFORM_POWER_PORT), 0);
	expect("power", PLATFORM_EVENT_PORT, in16(PLATFORM_EVENT_PORT), 0xff00);
	out32(PLATFORM_PVPANIC_PORT - 1, 0xffff02ff); /* of a crash kernel only */
	expect("panic", PLATFORM_PVPANIC_PORT, in32(PLATFORM_PVPANIC_PORT), 0xffffff03);
}

void guest_main(const char *start_info)
{
	nobodys_ports();
	nobodys_addresses();
	registers();
	say("OK\n");
	out16(PLATFORM_SLEEP_CONTROL_PORT - 1, POWER_OFF << 8); /* off, from one port below */
}
