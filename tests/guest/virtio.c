/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio.c - drives the randomness device through PCI, first as a driver should, then as none may
 *
 * What unit tests show without KVM, here with it: doorbells that leave the kernel no more,
 * interrupts that are messages, and BARs that move. Says WRONG for each answer that is not
 * as it should be; OK at the end.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "tests/guest/guest.h"

#define RNG	    (0x1af4u | 0x1044u << 16) /* vendor, device */
#define ELSEWHERE   (PLATFORM_PCI_WINDOW + 0x5678000u)
#define QUEUE_SIZE  8u
#define DESCRIPTORS ((volatile struct vring_desc *)0x400000)
#define AVAILABLE   ((volatile uint16_t *)0x401000) /* flags, index, ring */
#define USED	    ((volatile uint16_t *)0x402000)
#define TABLE	    ((volatile struct vring_desc *)0x403000)
#define BUFFER	    ((volatile uint64_t *)0x404000)
#define RAM_END	    UINT64_C(0x800000)
#define PATIENCE    3000000u /* looks at something that should change */

#define VECTOR	      0x40
#define LAPIC(offset) (*(volatile uint32_t *)(PLATFORM_LAPIC_ADDRESS + (uintptr_t)(offset)))
#define LAPIC_EOI     0xb0
#define LAPIC_SVR     0xf0

#define FEATURES (UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define READY	 (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

static unsigned int slot;
static uintptr_t bar, common, doorbells, table, pending, window;
static uint16_t port; /* of the doorbells, if they have one */
static unsigned int msix;
static uint16_t offered, seen; /* our indices in the two rings */

static void expect(const char *what, uint64_t got, uint64_t wanted)
{
	if (got == wanted)
		return;
	say(what);
	say_number(": WRONG, ", got);
	say_number(" not ", wanted);
	say("\n");
}

/* -- PCI -- */

#define CONFIG(bits, offset)                                                                       \
	(*(volatile uint##bits##_t *)(PLATFORM_ECAM_ADDRESS + ((uintptr_t)slot << 15) + (offset)))
#define REGISTER(bits, offset) (*(volatile uint##bits##_t *)(common + (offset)))

static uint32_t by_port(unsigned int offset)
{
	out32(PLATFORM_PCI_PORT, 0x80000000 | slot << 11 | offset);
	return in32(PLATFORM_PCI_PORT + 4);
}

static bool find(void)
{
	for (slot = 0; slot < 32; slot++) {
		expect("both ways", CONFIG(32, 0), by_port(0));
		if (CONFIG(32, 0) == RNG)
			return true;
	}
	return false;
}

static void structure_found(unsigned int at)
{
	uint32_t offset = CONFIG(32, at + VIRTIO_PCI_CAP_OFFSET);
	unsigned int in = CONFIG(8, at + VIRTIO_PCI_CAP_BAR);

	switch (CONFIG(8, at + VIRTIO_PCI_CAP_CFG_TYPE)) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		common = bar + offset;
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		if (in == 0)
			doorbells = bar + offset;
		else
			port = (uint16_t)((CONFIG(32, PCI_BASE_ADDRESS_0 + 4 * in) & ~3u) + offset);
		break;
	case VIRTIO_PCI_CAP_PCI_CFG:
		window = at;
		break;
	default:
		break;
	}
}

/* Finds all structures from where the BAR is now. */
static void look(void)
{
	unsigned int count = 0;

	CONFIG(16, PCI_COMMAND) = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	bar = CONFIG(32, PCI_BASE_ADDRESS_0) & ~15u;
	for (unsigned int at = CONFIG(8, PCI_CAPABILITY_LIST); at && count < 20;
	     at = CONFIG(8, at + PCI_CAP_LIST_NEXT), count++) {
		if (CONFIG(8, at) == PCI_CAP_ID_MSIX)
			msix = at;
		else if (CONFIG(8, at) == PCI_CAP_ID_VNDR)
			structure_found(at);
	}
	table = bar + (CONFIG(32, msix + PCI_MSIX_TABLE) & ~7u);
	pending = bar + (CONFIG(32, msix + PCI_MSIX_PBA) & ~7u);
}

static void move(uint32_t gpa)
{
	CONFIG(32, PCI_BASE_ADDRESS_0) = gpa;
	look();
	expect("place of the BAR", bar, gpa);
}

/* -- virtio -- */

static bool status_becomes(uint8_t wanted, uint8_t mask)
{
	for (unsigned int i = 0; i < PATIENCE; i++)
		if ((REGISTER(8, VIRTIO_PCI_COMMON_STATUS) & mask) == wanted)
			return true;
	return false;
}

static void reset(void)
{
	REGISTER(8, VIRTIO_PCI_COMMON_STATUS) = 0;
	expect("reset", status_becomes(0, 0xff), true);
	offered = seen = 0;
}

static void address_set(unsigned int offset, volatile const void *ring)
{
	REGISTER(32, offset) = (uint32_t)(uintptr_t)ring;
	REGISTER(32, offset + 4) = 0;
}

static void start(uint64_t features)
{
	reset();
	for (unsigned int i = 0; i < 2; i++) {
		REGISTER(32, VIRTIO_PCI_COMMON_GFSELECT) = i;
		REGISTER(32, VIRTIO_PCI_COMMON_GF) = (uint32_t)(features >> 32 * i);
	}
	REGISTER(8, VIRTIO_PCI_COMMON_STATUS) = READY;
	expect("features", REGISTER(8, VIRTIO_PCI_COMMON_STATUS), READY);
	AVAILABLE[0] = AVAILABLE[1] = USED[0] = USED[1] = 0;
	REGISTER(16, VIRTIO_PCI_COMMON_Q_SELECT) = 0;
	REGISTER(16, VIRTIO_PCI_COMMON_Q_SIZE) = QUEUE_SIZE;
	address_set(VIRTIO_PCI_COMMON_Q_DESCLO, DESCRIPTORS);
	address_set(VIRTIO_PCI_COMMON_Q_AVAILLO, AVAILABLE);
	address_set(VIRTIO_PCI_COMMON_Q_USEDLO, USED);
	REGISTER(16, VIRTIO_PCI_COMMON_Q_MSIX) = 1;
	REGISTER(16, VIRTIO_PCI_COMMON_Q_ENABLE) = 1;
	REGISTER(8, VIRTIO_PCI_COMMON_STATUS) = READY | VIRTIO_CONFIG_S_DRIVER_OK;
}

static void describe(volatile struct vring_desc *desc, uint64_t gpa, uint32_t length,
		     uint16_t flags, uint16_t next)
{
	desc->addr = gpa;
	desc->len = length;
	desc->flags = flags;
	desc->next = next;
}

static void offer(uint16_t head)
{
	AVAILABLE[2 + offered % QUEUE_SIZE] = head;
	__asm__ volatile("" : : : "memory");
	AVAILABLE[1] = ++offered;
}

static void kick(void)
{
	*(volatile uint16_t *)doorbells = 0;
}

static bool is_answered(void)
{
	for (unsigned int i = 0; i < PATIENCE; i++)
		if (USED[1] == offered)
			return true;
	return false;
}

/* 64 bytes of randomness; says WRONG if none come. */
static void draw(const char *what)
{
	for (unsigned int i = 0; i < 8; i++)
		BUFFER[i] = 0;
	describe(DESCRIPTORS, (uintptr_t)BUFFER, 64, VRING_DESC_F_WRITE, 0);
	offer(0);
	kick();
	expect(what, is_answered(), true);
	expect(what, USED[2 + 4 * (seen % QUEUE_SIZE) + 2], 64);
	seen++;
	for (unsigned int i = 0; i < 8; i++)
		expect(what, BUFFER[i] != 0, true);
}

static void expect_refusal(const char *what)
{
	expect(what, status_becomes(VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_CONFIG_S_NEEDS_RESET),
	       true);
	start(FEATURES);
	draw(what);
}

/* -- interrupts -- */

static volatile unsigned int interrupts;

struct frame;

__attribute__((interrupt)) static void on_interrupt(struct frame *frame)
{
	interrupts++;
	LAPIC(LAPIC_EOI) = 0;
}

static void interrupts_init(void)
{
	static uint64_t gates[2 * (VECTOR + 1)];
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(gates) - 1, (uintptr_t)gates };
	uintptr_t handler = (uintptr_t)on_interrupt;

	gates[2 * VECTOR] = (handler & 0xffff) | 8u << 16 | UINT64_C(0x8e) << 40 |
			    (uint64_t)(handler >> 16 & 0xffff) << 48;
	gates[2 * VECTOR + 1] = handler >> 32;
	__asm__ volatile("lidt %0" : : "m"(pointer));
	LAPIC(LAPIC_SVR) = 0x1ff;
	__asm__ volatile("sti");
}

static void vector_set(uint32_t control)
{
	volatile uint32_t *entry = (volatile uint32_t *)(table + 16);

	entry[0] = PLATFORM_LAPIC_ADDRESS;
	entry[1] = 0;
	entry[2] = VECTOR;
	entry[3] = control;
	CONFIG(16, msix + PCI_MSIX_FLAGS) = PCI_MSIX_FLAGS_ENABLE;
}

static bool interrupts_become(unsigned int wanted)
{
	for (unsigned int i = 0; i < PATIENCE && interrupts < wanted; i++)
		;
	return interrupts == wanted;
}

static unsigned int interrupts_settled(void)
{
	unsigned int before = interrupts;

	for (unsigned int i = 0; i < PATIENCE / 100; i++)
		if (interrupts != before) {
			before = interrupts;
			i = 0;
		}
	return before;
}

static void interrupted(void)
{
	volatile uint32_t *control = (volatile uint32_t *)(table + 16 + 12);
	unsigned int before;

	vector_set(0);
	before = interrupts_settled(); /* what has waited so long comes now */
	draw("with interrupts");
	expect("interrupt", interrupts_become(before + 1), true);
	*control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	expect("pending", *(volatile uint64_t *)pending, 0);
	draw("masked");
	expect("masked", interrupts, before + 1);
	for (unsigned int i = 0; i < PATIENCE && !*(volatile uint32_t *)pending; i++)
		;
	expect("pending, masked", *(volatile uint64_t *)pending, 2);
	*control = 0;
	expect("unmasked", interrupts_become(before + 2), true);
	expect("pending, unmasked", *(volatile uint64_t *)pending, 0);
	*control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	expect("pending, masked again", *(volatile uint64_t *)pending, 0);
}

/* -- as no driver may -- */

static void wrong_chains(void)
{
	static const struct {
		uint64_t gpa;
		uint32_t length;
		uint16_t flags, next;
	} descriptors[] = {
		{ RAM_END - 8, 16, VRING_DESC_F_WRITE, 0 },
		{ PLATFORM_LAPIC_ADDRESS, 64, VRING_DESC_F_WRITE, 0 },
		{ PLATFORM_PCI_WINDOW, 64, VRING_DESC_F_WRITE, 0 },
		{ UINT64_MAX - 7, 16, VRING_DESC_F_WRITE, 0 },
		{ 0x404000, 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 0 },
		{ 0x404000, 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 0xffff },
		{ 0x400000, 16, VRING_DESC_F_INDIRECT, 0 },
		{ 0x404000, 16, 0, 0 }, /* nothing to write to */
	};

	for (unsigned int i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
		describe(DESCRIPTORS, descriptors[i].gpa, descriptors[i].length,
			 descriptors[i].flags, descriptors[i].next);
		offer(0);
		kick();
		expect_refusal("after a wrong chain");
	}
	offer(QUEUE_SIZE);
	kick();
	expect_refusal("after a wrong head");
	AVAILABLE[1] = (uint16_t)(offered + 1000);
	kick();
	expect_refusal("after a jump");
}

static void ring_at(uint64_t gpa)
{
	reset();
	REGISTER(32, VIRTIO_PCI_COMMON_GFSELECT) = 1;
	REGISTER(32, VIRTIO_PCI_COMMON_GF) = 1;
	REGISTER(8, VIRTIO_PCI_COMMON_STATUS) = READY;
	REGISTER(32, VIRTIO_PCI_COMMON_Q_DESCLO) = (uint32_t)gpa;
	REGISTER(32, VIRTIO_PCI_COMMON_Q_DESCHI) = (uint32_t)(gpa >> 32);
	address_set(VIRTIO_PCI_COMMON_Q_AVAILLO, AVAILABLE);
	address_set(VIRTIO_PCI_COMMON_Q_USEDLO, USED);
	REGISTER(16, VIRTIO_PCI_COMMON_Q_ENABLE) = 1;
	REGISTER(8, VIRTIO_PCI_COMMON_STATUS) = READY | VIRTIO_CONFIG_S_DRIVER_OK;
	expect_refusal("after a ring that cannot be");
}

static void wrong_rings(void)
{
	ring_at(RAM_END - 16);
	ring_at(PLATFORM_ECAM_ADDRESS);
	ring_at(UINT64_MAX - 15);
	ring_at(0x400001);
}

/* While it runs, and at widths that it has not. */
static void wrong_registers(void)
{
	for (unsigned int offset = 0; offset < 64; offset++)
		if (offset != VIRTIO_PCI_COMMON_STATUS)
			REGISTER(8, offset) = 0xff;
	for (unsigned int offset = 0; offset < 62; offset++)
		REGISTER(64, offset) = UINT64_MAX;
	for (unsigned int i = 0; i < 3; i++) {
		REGISTER(16, VIRTIO_PCI_COMMON_Q_SELECT) = (uint16_t)(i * 0x7fff);
		REGISTER(16, VIRTIO_PCI_COMMON_Q_SIZE) = 64;
		REGISTER(64, VIRTIO_PCI_COMMON_Q_USEDLO) = PLATFORM_LAPIC_ADDRESS;
		REGISTER(16, VIRTIO_PCI_COMMON_Q_MSIX) = 0x8000;
	}
	for (unsigned int offset = 0; offset < 4096; offset += 4)
		*(volatile uint32_t *)(doorbells + offset) = offset;
	REGISTER(16, VIRTIO_PCI_COMMON_Q_SELECT) = 0;
	expect("queue size", REGISTER(16, VIRTIO_PCI_COMMON_Q_SIZE), QUEUE_SIZE);
	draw("after wrong registers");
}

static void reset_in_flight(void)
{
	for (unsigned int round = 0; round < 30; round++) {
		for (uint16_t i = 0; i < QUEUE_SIZE; i++) {
			describe(DESCRIPTORS + i, (uintptr_t)BUFFER, 4096, VRING_DESC_F_WRITE, 0);
			offer(i);
		}
		kick();
		start(FEATURES);
		REGISTER(8, VIRTIO_PCI_COMMON_STATUS) = 0;
		kick();
		start(FEATURES);
	}
	draw("after resets");
}

/* Every byte that may be written there is; the BAR is everywhere meanwhile. */
static void scribble(void)
{
	const uint32_t home = (uint32_t)bar;

	for (unsigned int offset = 0; offset < 256; offset++) {
		CONFIG(8, offset) = 0xff;
		CONFIG(32, offset & ~3u) = 0x5a5a5a5a;
		CONFIG(16, offset & ~1u) = 0;
	}
	move(home);
	start(FEATURES);
	draw("after scribbling");
}

static void by_window(void)
{
	CONFIG(8, window + VIRTIO_PCI_CAP_BAR) = 0;
	CONFIG(32, window + VIRTIO_PCI_CAP_OFFSET) = VIRTIO_PCI_COMMON_NUMQ;
	CONFIG(32, window + VIRTIO_PCI_CAP_LENGTH) = 2;
	expect("window", CONFIG(16, window + sizeof(struct virtio_pci_cap)), 1);
	CONFIG(32, window + VIRTIO_PCI_CAP_OFFSET) = 0x7ffffffe;
	CONFIG(16, window + sizeof(struct virtio_pci_cap)) = 0x1234;
}

/* -- as a driver should -- */

static void draw_by_table(void)
{
	describe(TABLE, (uintptr_t)BUFFER, 8, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	describe(TABLE + 1, (uintptr_t)(BUFFER + 4), 8, VRING_DESC_F_WRITE, 0);
	describe(DESCRIPTORS, (uintptr_t)TABLE, 32, VRING_DESC_F_INDIRECT, 0);
	BUFFER[0] = BUFFER[1] = BUFFER[4] = 0;
	offer(0);
	if (port)
		out16(port, 0);
	else
		kick();
	expect("by a table", is_answered(), true);
	expect("by a table", BUFFER[0] && BUFFER[4] && !BUFFER[1], true);
	seen++;
}

static void moved(void)
{
	const uintptr_t home = bar;

	move(ELSEWHERE);
	expect("where it was", *(volatile uint32_t *)home, 0xffffffff);
	draw("elsewhere");
	interrupted();
	move((uint32_t)home);
	draw("at home again");
}

void guest_main(const char *start_info)
{
	if (!find()) {
		say("WRONG: there is no such device\n");
		power_off();
	}
	look();
	start(FEATURES);
	draw("first");
	draw_by_table();
	interrupts_init();
	interrupted();
	moved();
	by_window();
	say("FINE\n");
	wrong_chains();
	wrong_rings();
	wrong_registers();
	reset_in_flight();
	scribble();
	interrupted();
	say("OK\n");
	power_off();
}
