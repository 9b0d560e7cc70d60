/* SPDX-License-Identifier: Apache-2.0 */
/* check_virtio_pci.c - a virtio device through its registers, as a guest's processor does it */
#include "devices/virtio_pci.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "vmm/platform.h"

#include "tests/unit/driver.h"
#include "tests/unit/msi_stand_in.h"
#include "tests/unit/suite.h"

#define QUEUES	   3u
#define QUEUE_SIZE 64
#define SLOT	   1u
#define BAR	   PLATFORM_PCI_WINDOW
#define ELSEWHERE  (PLATFORM_PCI_WINDOW + 0x4000000u)

#define NO_VECTOR VIRTIO_MSI_NO_VECTOR
#define NOBODY	  UINT64_MAX

enum { COMMON, ISR = 0x1000, CONFIG = 0x2000, DOORBELLS = 0x3000, TABLE = 0x4000 };

#define READY (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

static struct driver driver;
static struct virtio virtio;
static struct virtio_pci *pci;
static struct bus ports, addresses;
static struct pci_bus bus;
static uint8_t config_bytes[10];
static unsigned int serves[QUEUES];
static uint32_t bar; /* where the tests look for it */

static void on_serve(struct virtio *it, unsigned int queue)
{
	static struct chain chain;

	serves[queue]++;
	while (virtio_take(it, queue, &chain))
		virtio_return(it, queue, &chain, 0);
	virtio_want_kicks(it, queue);
	virtio_flush(it, queue);
}

static void on_config_write(struct virtio *it, uint32_t offset, const void *bytes, uint32_t size)
{
	if (offset > sizeof(config_bytes) || size > sizeof(config_bytes) - offset)
		abort();
	memcpy(config_bytes + offset, bytes, size);
}

static const struct virtio_type dummy_type = {
	.name = "dummy",
	.id = 4,
	.pci_class = 0xff0000,
	.serve = on_serve,
	.config_write = on_config_write,
};

static uint64_t get(uint64_t gpa, unsigned int size)
{
	uint64_t value = 0;

	bus_access(&addresses, gpa, false, &value, size);
	return value;
}

static void put(uint64_t gpa, uint64_t value, unsigned int size)
{
	bus_access(&addresses, gpa, true, &value, size);
}

static uint64_t space(unsigned int offset)
{
	return PLATFORM_ECAM_ADDRESS + (SLOT << 15) + offset;
}

static uint64_t reg(uint32_t offset, unsigned int size)
{
	return get(bar + offset, size);
}

static void set_reg(uint32_t offset, uint64_t value, unsigned int size)
{
	put(bar + offset, value, size);
}

static void start(void)
{
	struct virtio_config config = {
		.type = &dummy_type,
		.name = "dummy",
		.queues = QUEUES,
		.queue_size = QUEUE_SIZE,
		.config = config_bytes,
		.config_size = sizeof(config_bytes),
	};
	struct fail why;

	stand_in_open();
	memset(serves, 0, sizeof(serves));
	memset(config_bytes, 0, sizeof(config_bytes));
	driver_open(&driver);
	config.gmem = driver.gmem;
	config.loop = driver.loop;
	ck_assert_int_eq(virtio_init(&virtio, &config, &why), 0);
	pci_bus_init(&bus);
	bus_init(&ports);
	bus_init(&addresses);
	ck_assert_int_eq(pci_bus_attach(&bus, &ports, &addresses), 0);
	ck_assert_int_eq(virtio_pci_create(NULL, &bus, &virtio, &pci, &why), 0);
	bar = BAR;
	put(space(PCI_COMMAND), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static void stop(void)
{
	virtio_pci_free(pci);
	ck_assert_uint_eq(stand_in.doorbell_count, 0);
	pci_bus_done(&bus);
	virtio_done(&virtio);
	driver_close(&driver);
}

static void move(uint32_t gpa)
{
	put(space(PCI_BASE_ADDRESS_0), gpa, 4);
	bar = gpa;
}

/* -- a driver -- */

static void set_address(uint32_t offset, uint64_t gpa)
{
	set_reg(offset, (uint32_t)gpa, 4);
	set_reg(offset + 4, gpa >> 32, 4);
}

static void set_queue(unsigned int queue, uint16_t size, uint64_t gpa)
{
	set_reg(VIRTIO_PCI_COMMON_Q_SELECT, queue, 2);
	set_reg(VIRTIO_PCI_COMMON_Q_SIZE, size, 2);
	set_address(VIRTIO_PCI_COMMON_Q_DESCLO, gpa);
	set_address(VIRTIO_PCI_COMMON_Q_AVAILLO, gpa + 0x1000);
	set_address(VIRTIO_PCI_COMMON_Q_USEDLO, gpa + 0x2000);
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, queue + 1, 2);
	set_reg(VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
}

static bool is_active(struct driver *it, const void *context)
{
	return virtio.phase == VIRTIO_ACTIVE;
}

static bool is_idle(struct driver *it, const void *context)
{
	return reg(VIRTIO_PCI_COMMON_STATUS, 1) == 0;
}

static void set_up(void)
{
	set_reg(VIRTIO_PCI_COMMON_STATUS, 0, 1);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_STATUS, 1), 0);
	set_reg(VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	set_reg(VIRTIO_PCI_COMMON_GF, 1, 4);
	set_reg(VIRTIO_PCI_COMMON_STATUS, READY, 1);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_STATUS, 1), READY);
	for (unsigned int i = 0; i < QUEUES; i++)
		set_queue(i, 8, 0x10000 + 0x10000 * i);
}

static void activate(void)
{
	set_up();
	set_reg(VIRTIO_PCI_COMMON_STATUS, READY | VIRTIO_CONFIG_S_DRIVER_OK, 1);
	driver_run_until(&driver, is_active, NULL);
}

static void msix_enable(void)
{
	unsigned int at = (unsigned int)get(space(PCI_CAPABILITY_LIST), 1);

	while (get(space(at), 1) != PCI_CAP_ID_MSIX)
		at = (unsigned int)get(space(at + 1), 1);
	put(space(at + PCI_MSIX_FLAGS), PCI_MSIX_FLAGS_ENABLE, 2);
	for (unsigned int i = 0; i <= QUEUES; i++) {
		set_reg(TABLE + 16 * i, 0xfee00000, 4);
		set_reg(TABLE + 16 * i + 8, 0x40 + i, 4);
		set_reg(TABLE + 16 * i + 12, 0, 4);
	}
}

/* The guest writes to a doorbell: KVM rings it, or we are told. */
static void ring(uint32_t offset, unsigned int size)
{
	if (!stand_in_ring(bar + DOORBELLS + offset))
		set_reg(DOORBELLS + offset, 0, size);
}

/* One empty chain more in the queue. */
static void offer(unsigned int queue)
{
	uint16_t *available = driver_at(&driver, 0x11000 + 0x10000 * queue, 32);

	available[1]++;
}

static uint16_t used_index(unsigned int queue)
{
	return ((uint16_t *)driver_at(&driver, 0x12000 + 0x10000 * queue, 4))[1];
}

/* ---------------------------------------------------------------------------- core */

START_TEST(it_is_found_by_its_capabilities)
{
	unsigned int at, types = 0, notifies = 0;

	start();
	ck_assert_uint_eq(get(space(PCI_VENDOR_ID), 4), 0x1af4 | 0x1044u << 16);
	ck_assert_uint_eq(get(space(PCI_REVISION_ID), 1), 1);
	for (at = (unsigned int)get(space(PCI_CAPABILITY_LIST), 1); at;
	     at = (unsigned int)get(space(at + 1), 1)) {
		struct virtio_pci_cap cap;

		if (get(space(at), 1) != PCI_CAP_ID_VNDR)
			continue;
		for (unsigned int i = 0; i < sizeof(cap); i++)
			((uint8_t *)&cap)[i] = (uint8_t)get(space(at + i), 1);
		types |= 1u << cap.cfg_type;
		ck_assert_uint_le(cap.bar, 1);
		ck_assert_uint_le(cap.offset + cap.length, cap.bar ? 0x100 : 0x8000);
		notifies += cap.cfg_type == VIRTIO_PCI_CAP_NOTIFY_CFG;
		if (notifies == 0 || cap.cfg_type != VIRTIO_PCI_CAP_NOTIFY_CFG)
			ck_assert_uint_eq(cap.bar, 0);
		else /* ports first: that is what drivers take */
			ck_assert_uint_eq(cap.bar, notifies == 1);
		if (cap.cfg_type == VIRTIO_PCI_CAP_DEVICE_CFG)
			ck_assert_uint_eq(cap.length, sizeof(config_bytes));
		if (cap.cfg_type == VIRTIO_PCI_CAP_NOTIFY_CFG)
			ck_assert_uint_eq(cap.length, QUEUES * 4);
	}
	ck_assert_uint_eq(types, 0x3e);
	ck_assert_uint_eq(notifies, 2);
	stop();
}
END_TEST

START_TEST(a_driver_gets_its_answers_and_interrupts)
{
	start();
	activate();
	msix_enable();
	for (unsigned int i = 0; i < QUEUES; i++) {
		offer(i);
		ring(4 * i, 2);
		driver_settle(&driver);
		ck_assert_uint_eq(used_index(i), 1);
		ck_assert_uint_eq(stand_in.msis[i + 1]->delivered, 1);
		ck_assert_uint_eq(stand_in.msis[i + 1]->value, 0x41 + i);
	}
	ck_assert_uint_eq(stand_in.msis[0]->delivered, 0);
	ck_assert_uint_eq(reg(ISR, 1), 1);
	ck_assert_uint_eq(reg(ISR, 1), 0);
	stop();
}
END_TEST

START_TEST(doorbells_go_where_the_bar_goes)
{
	start();
	ck_assert_uint_eq(stand_in.doorbell_count, QUEUES);
	activate();
	move(ELSEWHERE);
	ck_assert_uint_eq(stand_in.doorbell_count, QUEUES);
	ck_assert(!stand_in_ring(BAR + DOORBELLS));
	ck_assert(stand_in_ring(ELSEWHERE + DOORBELLS));
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_NUMQ, 2), QUEUES);
	ck_assert_uint_eq(get(BAR + VIRTIO_PCI_COMMON_NUMQ, 2), 0xffff);
	offer(1);
	ring(4, 4);
	driver_settle(&driver);
	ck_assert_uint_eq(used_index(1), 1);
	put(space(PCI_COMMAND), 0, 2);
	ck_assert_uint_eq(stand_in.doorbell_count, 0);
	put(space(PCI_COMMAND), PCI_COMMAND_MEMORY, 2);
	ck_assert_uint_eq(stand_in.doorbell_count, QUEUES);
	move(0xfff00000);
	ck_assert_uint_eq(stand_in.doorbell_count, 0);
	stop();
}
END_TEST

START_TEST(doorbells_are_ports_too)
{
	uint64_t first;

	start();
	activate();
	put(space(PCI_COMMAND), PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
	ck_assert_uint_eq(stand_in.doorbell_count, 2 * QUEUES);
	first = get(space(PCI_BASE_ADDRESS_1), 4);
	ck_assert_uint_eq(first & 3, PCI_BASE_ADDRESS_SPACE_IO);
	first &= ~UINT64_C(3);
	offer(1);
	ck_assert(stand_in_ring(stand_in_place(DOORBELL_PORT, first + 4)));
	driver_settle(&driver);
	ck_assert_uint_eq(used_index(1), 1);
	put(space(PCI_COMMAND), PCI_COMMAND_MEMORY, 2);
	ck_assert_uint_eq(stand_in.doorbell_count, QUEUES);
	stop();
}
END_TEST

static void set_byte(void *context)
{
	config_bytes[9] = 0x99;
}

START_TEST(a_change_of_the_configuration_interrupts)
{
	uint8_t generation;

	start();
	activate();
	msix_enable();
	set_reg(VIRTIO_PCI_COMMON_MSIX, 0, 2);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_MSIX, 2), 0);
	generation = (uint8_t)reg(VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	virtio_change_config(&virtio, set_byte, NULL);
	ck_assert_uint_eq(stand_in.msis[0]->delivered, 1);
	ck_assert_uint_ne(reg(VIRTIO_PCI_COMMON_CFGGENERATION, 1), generation);
	ck_assert_uint_eq(reg(CONFIG + 9, 1), 0x99);
	ck_assert_uint_eq(reg(ISR, 1), 2);
	stop();
}
END_TEST

START_TEST(a_reset_takes_the_vectors_away)
{
	start();
	activate();
	msix_enable();
	set_reg(VIRTIO_PCI_COMMON_MSIX, 0, 2);
	set_reg(VIRTIO_PCI_COMMON_STATUS, 0, 1);
	driver_run_until(&driver, is_idle, NULL);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_MSIX, 2), NO_VECTOR);
	for (unsigned int i = 0; i < QUEUES; i++) {
		set_reg(VIRTIO_PCI_COMMON_Q_SELECT, i, 2);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), NO_VECTOR);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_SIZE, 2), QUEUE_SIZE);
	}
	ck_assert_uint_eq(stand_in.doorbell_count, QUEUES);
	activate();
	stop();
}
END_TEST

/* -------------------------------------------------------------------------- limits */

/* What a wide access gives is what the bytes give; behind the structure is nothing. */
START_TEST(registers_are_read_at_any_width)
{
	start();
	activate();
	set_reg(VIRTIO_PCI_COMMON_Q_SELECT, 1, 2);
	for (uint32_t offset = 0; offset < 0x1000; offset++)
		for (unsigned int size = 2; size <= 8; size *= 2) {
			uint64_t wide = reg(COMMON + offset, size), bytes = 0;

			for (unsigned int i = 0; i < size; i++)
				bytes |= reg(COMMON + offset + i, 1) << 8 * i;
			/* one over the end has nothing instead of a part */
			if (offset + size <= 60 || offset >= 60)
				ck_assert_uint_eq(wide, bytes);
			if (offset >= 60)
				ck_assert_uint_eq(wide, offset + size > 0x1000 ? wide : 0);
		}
	stop();
}
END_TEST

START_TEST(every_offset_of_the_bar_has_an_answer)
{
	start();
	for (unsigned int size = 1; size <= 8; size *= 2)
		for (uint32_t offset = 0; offset < 0x8000; offset++) {
			reg(offset, size);
			set_reg(offset, NOBODY, size);
			set_reg(offset, 0, size);
		}
	driver_settle(&driver);
	set_reg(VIRTIO_PCI_COMMON_STATUS, 0, 1);
	driver_run_until(&driver, is_idle, NULL);
	activate();
	stop();
}
END_TEST

START_TEST(writes_of_odd_width_change_nothing)
{
	static const struct {
		uint32_t offset;
		unsigned int size; /* the right one */
	} registers[] = {
		{ VIRTIO_PCI_COMMON_DFSELECT, 4 }, { VIRTIO_PCI_COMMON_GFSELECT, 4 },
		{ VIRTIO_PCI_COMMON_MSIX, 2 },	   { VIRTIO_PCI_COMMON_STATUS, 1 },
		{ VIRTIO_PCI_COMMON_Q_SELECT, 2 }, { VIRTIO_PCI_COMMON_Q_SIZE, 2 },
		{ VIRTIO_PCI_COMMON_Q_MSIX, 2 },   { VIRTIO_PCI_COMMON_Q_ENABLE, 2 },
	};
	uint8_t before[64], after[64];

	start();
	for (unsigned int i = 0; i < sizeof(before); i++)
		before[i] = (uint8_t)reg(i, 1);
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
		for (unsigned int size = 1; size <= 8; size *= 2)
			if (size != registers[i].size)
				set_reg(registers[i].offset, 1, size);
	for (uint32_t offset = VIRTIO_PCI_COMMON_Q_DESCLO; offset < 64; offset++)
		for (unsigned int size = 1; size <= 8; size *= 2)
			if (size < 4 || offset % 4 != 0)
				set_reg(offset, 0x1000, size);
	for (unsigned int i = 0; i < sizeof(after); i++)
		after[i] = (uint8_t)reg(i, 1);
	ck_assert_mem_eq(before, after, sizeof(before));
	/* what only the device says */
	set_reg(VIRTIO_PCI_COMMON_DF, 0, 4);
	set_reg(VIRTIO_PCI_COMMON_NUMQ, 0xffff, 2);
	set_reg(VIRTIO_PCI_COMMON_CFGGENERATION, 0xff, 1);
	set_reg(VIRTIO_PCI_COMMON_Q_NOFF, 0xffff, 2);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_NUMQ, 2), QUEUES);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_NOFF, 2), 0);
	stop();
}
END_TEST

START_TEST(addresses_are_written_whole_or_in_halves)
{
	const uint64_t gpa = 0x123456789abcde00;

	start();
	for (uint32_t at = VIRTIO_PCI_COMMON_Q_DESCLO; at <= VIRTIO_PCI_COMMON_Q_USEDLO; at += 8) {
		set_reg(at, gpa, 8);
		ck_assert_uint_eq(reg(at, 8), gpa);
		set_reg(at + 4, 0x11, 4);
		ck_assert_uint_eq(reg(at, 8), 0x119abcde00);
		set_reg(at, 0x22, 4);
		ck_assert_uint_eq(reg(at, 8), 0x1100000022);
	}
	stop();
}
END_TEST

START_TEST(the_configuration_is_read_and_written_inside)
{
	start();
	set_reg(CONFIG, 0x0807060504030201, 8);
	ck_assert_uint_eq(reg(CONFIG, 8), 0x0807060504030201);
	set_reg(CONFIG + 8, 0x0a09, 2);
	ck_assert_uint_eq(reg(CONFIG + 8, 8), 0x0a09);
	set_reg(CONFIG + 8, NOBODY, 4); /* over the end */
	set_reg(CONFIG + 3, NOBODY, 8);
	set_reg(CONFIG + 10, NOBODY, 1);
	set_reg(CONFIG + 0xfff, NOBODY, 1);
	ck_assert_uint_eq(reg(CONFIG + 2, 8), 0x0a09080706050403);
	stop();
}
END_TEST

/* -------------------------------------------------------------------------- misuse */

START_TEST(queues_that_are_not_there_are_nothing)
{
	static const uint16_t numbers[] = { QUEUES, QUEUES + 1, 33, 34, 35, 255, 0x7fff, 0xffff };

	start();
	set_up();
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		set_queue(numbers[i], 8, 0x10000);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_SELECT, 2), numbers[i]);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_SIZE, 8), 0);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_DESCLO, 8), 0);
	}
	set_reg(VIRTIO_PCI_COMMON_STATUS, READY | VIRTIO_CONFIG_S_DRIVER_OK, 1);
	driver_run_until(&driver, is_active, NULL);
	memset(serves, 0, sizeof(serves));
	for (uint32_t offset = 4 * QUEUES; offset < 0x1000; offset++)
		ring(offset, 4);
	driver_settle(&driver);
	ck_assert_uint_eq(serves[0] + serves[1] + serves[2], 0);
	stop();
}
END_TEST

START_TEST(vectors_that_are_not_there_are_refused)
{
	static const uint16_t vectors[] = { QUEUES + 1, 64, 0x7fff, 0xfffe, 0xffff };

	start();
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		set_reg(VIRTIO_PCI_COMMON_MSIX, QUEUES, 2);
		set_reg(VIRTIO_PCI_COMMON_MSIX, vectors[i], 2);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_MSIX, 2), NO_VECTOR);
		set_reg(VIRTIO_PCI_COMMON_Q_MSIX, QUEUES, 2);
		set_reg(VIRTIO_PCI_COMMON_Q_MSIX, vectors[i], 2);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), NO_VECTOR);
	}
	activate();
	set_reg(VIRTIO_PCI_COMMON_Q_SELECT, 0, 2);
	set_reg(VIRTIO_PCI_COMMON_Q_MSIX, 0xffff, 2);
	offer(0);
	ring(0, 2);
	driver_settle(&driver);
	ck_assert_uint_eq(used_index(0), 1);
	stop();
}
END_TEST

START_TEST(a_running_queue_cannot_be_changed)
{
	start();
	activate();
	for (unsigned int i = 0; i < QUEUES; i++) {
		set_reg(VIRTIO_PCI_COMMON_Q_SELECT, i, 2);
		set_reg(VIRTIO_PCI_COMMON_Q_SIZE, QUEUE_SIZE, 2);
		set_reg(VIRTIO_PCI_COMMON_Q_USEDLO, NOBODY, 8);
		set_reg(VIRTIO_PCI_COMMON_Q_DESCLO, 0, 4);
		set_reg(VIRTIO_PCI_COMMON_Q_ENABLE, 0, 2);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_SIZE, 2), 8);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_USEDLO, 8), 0x12000 + 0x10000 * i);
		ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
		offer(i);
		ring(4 * i, 1);
		driver_settle(&driver);
		ck_assert_uint_eq(used_index(i), 1);
	}
	stop();
}
END_TEST

START_TEST(two_devices_at_one_place_lose_no_doorbell)
{
	struct virtio_config config = { .type = &dummy_type, .name = "other", .queues = 1 };
	struct virtio other;
	struct virtio_pci *other_pci;
	struct fail why;
	const uint64_t other_space = PLATFORM_ECAM_ADDRESS + (2u << 15);

	start();
	config.queue_size = 2;
	config.gmem = driver.gmem;
	config.loop = driver.loop;
	ck_assert_int_eq(virtio_init(&other, &config, &why), 0);
	ck_assert_int_eq(virtio_pci_create(NULL, &bus, &other, &other_pci, &why), 0);
	activate();
	/* the second comes over the first, and the first goes: nobody stole a doorbell */
	put(other_space + PCI_BASE_ADDRESS_0, BAR, 4);
	put(other_space + PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	offer(0);
	ring(0, 2);
	driver_settle(&driver);
	ck_assert_uint_eq(used_index(0), 1);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_NUMQ, 2), QUEUES);
	move(ELSEWHERE);
	offer(0);
	ring(0, 2);
	driver_settle(&driver);
	ck_assert_uint_eq(used_index(0), 2);
	ck_assert_uint_eq(get(BAR + VIRTIO_PCI_COMMON_NUMQ, 2), 1);
	put(other_space + PCI_COMMAND, 0, 2);
	virtio_pci_free(other_pci);
	virtio_done(&other);
	stop();
}
END_TEST

/* -- the window in the configuration space -- */

static unsigned int window_find(void)
{
	unsigned int at = (unsigned int)get(space(PCI_CAPABILITY_LIST), 1);

	while (get(space(at), 1) != PCI_CAP_ID_VNDR ||
	       get(space(at + 3), 1) != VIRTIO_PCI_CAP_PCI_CFG)
		at = (unsigned int)get(space(at + 1), 1);
	return at;
}

static void window_aim(unsigned int window, uint32_t offset, uint32_t length)
{
	put(space(window + VIRTIO_PCI_CAP_BAR), 0, 1);
	put(space(window + VIRTIO_PCI_CAP_OFFSET), offset, 4);
	put(space(window + VIRTIO_PCI_CAP_LENGTH), length, 4);
}

START_TEST(the_window_reaches_the_registers)
{
	unsigned int window;

	start();
	window = window_find();
	put(space(PCI_COMMAND), 0, 2); /* it is for who cannot map the BAR */
	window_aim(window, VIRTIO_PCI_COMMON_NUMQ, 2);
	ck_assert_uint_eq(get(space(window + 16), 4), QUEUES);
	window_aim(window, VIRTIO_PCI_COMMON_STATUS, 1);
	put(space(window + 16), 3, 1);
	ck_assert_uint_eq(get(space(window + 16), 1), 3);
	/* what still stands behind is not part of it */
	window_aim(window, VIRTIO_PCI_COMMON_DFSELECT, 4);
	put(space(window + 16), 0x12345678, 4);
	window_aim(window, VIRTIO_PCI_COMMON_Q_MSIX, 2);
	put(space(window + 16), 1, 2);
	ck_assert_uint_eq(get(space(window + 16), 2), 1);
	put(space(PCI_COMMAND), PCI_COMMAND_MEMORY, 2);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_STATUS, 1), 3);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_Q_MSIX, 2), 1);
	stop();
}
END_TEST

START_TEST(the_window_ends_with_the_bar)
{
	static const struct {
		uint32_t offset, length;
	} aims[] = {
		{ 0x8000, 1 },
		{ 0x7fff, 2 },
		{ 0x7ffd, 4 },
		{ UINT32_MAX, 1 },
		{ 0, 0 },
		{ 0, 3 },
		{ 0, 8 },
		{ 0, UINT32_MAX },
		{ 1, 2 },
		{ 2, 4 },
		{ UINT32_MAX - 3, 4 },
		{ 0x80000000, 4 },
		{ 0x7ffe, 0x4 },
		{ 0, 0x80000004 },
	};
	unsigned int window;

	start();
	window = window_find();
	for (size_t i = 0; i < ARRAY_SIZE(aims); i++) {
		window_aim(window, aims[i].offset, aims[i].length);
		put(space(window + 16), 0x5a5a5a5a, 4);
		ck_assert_uint_eq(get(space(window + 16), 4), 0x5a5a5a5a);
	}
	window_aim(window, 0x7ffc, 4);
	ck_assert_uint_eq(get(space(window + 16), 4), 0);
	window_aim(window, 0, 4);
	put(space(window + VIRTIO_PCI_CAP_BAR), 1, 1);
	put(space(window + 16), 0x5a5a5a5a, 4);
	ck_assert_uint_eq(get(space(window + 16), 4), 0x5a5a5a5a);
	ck_assert_uint_eq(reg(VIRTIO_PCI_COMMON_DFSELECT, 4), 0);
	stop();
}
END_TEST

/* Everything the guest can write there, and then the device is used again. */
START_TEST(a_scribbled_configuration_space_can_be_put_right)
{
	uint32_t seed = 12345;

	start();
	for (unsigned int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		put(space(seed >> 8 & 0xff), seed >> 16, 1u << (seed >> 4 & 3));
		get(space(seed >> 16 & 0xff), 1u << (seed >> 2 & 3));
	}
	driver_settle(&driver);
	move(BAR);
	put(space(PCI_COMMAND), PCI_COMMAND_MEMORY, 2);
	set_reg(VIRTIO_PCI_COMMON_STATUS, 0, 1);
	driver_run_until(&driver, is_idle, NULL);
	activate();
	msix_enable();
	offer(0);
	ring(0, 4);
	driver_settle(&driver);
	ck_assert_uint_eq(used_index(0), 1);
	ck_assert_uint_ge(stand_in.msis[1]->delivered, 1);
	stop();
}
END_TEST

/* -------------------------------------------------------------------------- faults */

START_TEST(without_doorbells_kicks_come_by_register)
{
	start();
	stand_in.refuses_doorbells = true;
	move(ELSEWHERE);
	ck_assert_uint_eq(stand_in.doorbell_count, 0);
	activate();
	offer(2);
	ring(8, 2);
	driver_settle(&driver);
	ck_assert_uint_eq(used_index(2), 1);
	stop();
}
END_TEST

START_TEST(a_bus_without_room_refuses_the_device)
{
	struct virtio_pci *last = NULL;
	struct virtio_pci *more[PCI_MAX_SLOTS];
	unsigned int count = 0;
	struct fail why;
	int rc;

	start();
	while ((rc = virtio_pci_create(NULL, &bus, &virtio, &last, &why)) == 0)
		more[count++] = last;
	ck_assert_int_eq(rc, -ENOSPC);
	ck_assert_ptr_nonnull(strstr(why.text, "dummy"));
	ck_assert_uint_eq(count, PCI_MAX_SLOTS - 2);
	while (count > 0)
		virtio_pci_free(more[--count]);
	stop();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &it_is_found_by_its_capabilities },
	{ "core", &a_driver_gets_its_answers_and_interrupts },
	{ "core", &doorbells_go_where_the_bar_goes },
	{ "core", &doorbells_are_ports_too },
	{ "core", &a_change_of_the_configuration_interrupts },
	{ "core", &a_reset_takes_the_vectors_away },
	{ "limits", &registers_are_read_at_any_width },
	{ "limits", &every_offset_of_the_bar_has_an_answer },
	{ "limits", &writes_of_odd_width_change_nothing },
	{ "limits", &addresses_are_written_whole_or_in_halves },
	{ "limits", &the_configuration_is_read_and_written_inside },
	{ "misuse", &queues_that_are_not_there_are_nothing },
	{ "misuse", &vectors_that_are_not_there_are_refused },
	{ "misuse", &a_running_queue_cannot_be_changed },
	{ "misuse", &two_devices_at_one_place_lose_no_doorbell },
	{ "misuse", &the_window_reaches_the_registers },
	{ "misuse", &the_window_ends_with_the_bar },
	{ "misuse", &a_scribbled_configuration_space_can_be_put_right },
	{ "faults", &without_doorbells_kicks_come_by_register },
	{ "faults", &a_bus_without_room_refuses_the_device },
};
SUITE_MAIN("virtio_pci", tests)
