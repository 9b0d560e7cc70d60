/* SPDX-License-Identifier: Apache-2.0 */
/* check_board.c - a machine's devices at their ports and addresses, from power-on to power-off */
#include "base/clock.h"
#include "cli/board.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "devices/io_thread.h"
#include "vmm/platform.h"

#include "tests/unit/msi_stand_in.h"
#include "tests/unit/suite.h"

#define RAM	    (UINT64_C(1) << 20)
#define PATIENCE_NS (30 * NS_PER_SEC)
#define RNG	    (0x1af4u | 0x1044u << 16)
#define MEMORY	    (0x1af4u | 0x1045u << 16) /* the balloon */
#define READY	    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

static struct board *board;
static struct board_config config;
static struct vm_ports machine;
static struct io_thread *thread;
static struct gmem *gmem;
static struct serial *serial;
static struct fail why;
static unsigned int offs, resets, panics;

static void on_irq(void *context, bool level)
{
}

static void count(void *context)
{
	(*(unsigned int *)context)++;
}

static void on_off(void *context)
{
	count(&offs);
}

static void on_reset(void *context)
{
	count(&resets);
}

static void on_panic(void *context)
{
	count(&panics);
}

static void on_power_interrupt(void *context)
{
}

static void start(bool has_cards)
{
	const struct serial_hooks hooks = { .set_irq = on_irq };

	stand_in_open();
	offs = resets = panics = 0;
	ck_assert_int_eq(gmem_create(RAM, &gmem, &why), 0);
	ck_assert_int_eq(io_thread_create(&thread), 0);
	ck_assert_int_eq(serial_create(&hooks, &serial), 0);
	config = (struct board_config){
		.cpus = 1,
		.gmem = gmem,
		.io_loop = io_thread_loop(thread),
		.serial = serial,
		.hooks = { .off = on_off,
			   .reset = on_reset,
			   .panicked = on_panic,
			   .power_interrupt = on_power_interrupt },
		.has_rng = has_cards,
		.has_balloon = has_cards,
	};
	ck_assert_int_eq(board_create(&config, &board, &why), 0);
	ck_assert_int_eq(board_plug(board, NULL, &why), 0);
	machine = board_ports(board);
}

static void stop(void)
{
	ck_assert_int_eq(io_thread_stop(thread, PATIENCE_NS), 0);
	board_free(board);
	for (unsigned int i = 0; i < stand_in.msi_count; i++)
		ck_assert_ptr_null(stand_in.msis[i]);
	ck_assert_uint_eq(stand_in.doorbell_count, 0);
	serial_free(serial);
	io_thread_free(thread);
	gmem_free(gmem);
}

static uint64_t get(uint64_t gpa, unsigned int size)
{
	uint64_t value = 0;

	machine.mmio(machine.context, gpa, false, &value, size);
	return value;
}

static void put(uint64_t gpa, uint64_t value, unsigned int size)
{
	machine.mmio(machine.context, gpa, true, &value, size);
}

static uint32_t in(uint16_t port, unsigned int size)
{
	uint32_t value = 0;

	machine.io(machine.context, port, false, &value, size);
	return value;
}

static void out(uint16_t port, uint32_t value, unsigned int size)
{
	machine.io(machine.context, port, true, &value, size);
}

static uint64_t space(unsigned int slot, unsigned int offset)
{
	return PLATFORM_ECAM_ADDRESS + (slot << 15) + offset;
}

/* As far as a driver gets without queues. Returns where the registers are. */
static uint64_t drive(unsigned int slot)
{
	uint64_t bar = get(space(slot, PCI_BASE_ADDRESS_0), 4) & ~UINT64_C(15);

	put(space(slot, PCI_COMMAND), PCI_COMMAND_MEMORY, 2);
	put(bar + VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	put(bar + VIRTIO_PCI_COMMON_GF, 1, 4);
	put(bar + VIRTIO_PCI_COMMON_STATUS, READY, 1);
	put(bar + VIRTIO_PCI_COMMON_STATUS, READY | VIRTIO_CONFIG_S_DRIVER_OK, 1);
	return bar;
}

START_TEST(cards_stand_in_the_order_of_their_slots)
{
	start(true);
	ck_assert(board_has_pci(board));
	ck_assert_ptr_nonnull(board_balloon(board));
	ck_assert_uint_eq(get(space(1, 0), 4), RNG);
	ck_assert_uint_eq(get(space(2, 0), 4), MEMORY);
	ck_assert_uint_eq(get(space(3, 0), 4), UINT32_MAX);
	out(PLATFORM_PCI_PORT, 0x80000000 | 1 << 11, 4);
	ck_assert_uint_eq(in(PLATFORM_PCI_PORT + 4, 4), RNG);
	stop();
}
END_TEST

START_TEST(a_machine_without_cards_has_no_bus)
{
	start(false);
	ck_assert(!board_has_pci(board));
	ck_assert_ptr_null(board_balloon(board));
	ck_assert_uint_eq(get(space(0, 0), 4), UINT32_MAX);
	ck_assert_uint_eq(in(PLATFORM_PCI_PORT, 4), UINT32_MAX);
	ck_assert_uint_eq(get(PLATFORM_PCI_WINDOW, 8), UINT64_MAX);
	stop();
}
END_TEST

START_TEST(all_devices_are_reset_before_a_reboot)
{
	uint64_t first, second;

	start(true);
	ck_assert_int_eq(io_thread_start(thread, &why), 0);
	for (unsigned int i = 0; i < 20; i++) {
		first = drive(1);
		second = drive(2);
		ck_assert_int_eq(board_quiet(board, 10 * NS_PER_SEC, &why), 0);
		ck_assert_uint_eq(get(first + VIRTIO_PCI_COMMON_STATUS, 1), 0);
		ck_assert_uint_eq(get(second + VIRTIO_PCI_COMMON_STATUS, 1), 0);
		put(first + VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
		ck_assert_uint_eq(get(first + VIRTIO_PCI_COMMON_GF, 4), 0);
	}
	stop();
}
END_TEST

START_TEST(a_board_can_go_whatever_its_guest_did)
{
	start(true);
	drive(1);
	drive(2);
	stop();
	start(true);
	ck_assert_int_eq(io_thread_start(thread, &why), 0);
	drive(1);
	put(space(2, PCI_BASE_ADDRESS_0), PLATFORM_PCI_WINDOW, 4);
	put(space(2, PCI_COMMAND), PCI_COMMAND_MEMORY, 2);
	stop();
	board_free(NULL);
}
END_TEST

/* Every port and some of the addresses, at any width: an answer, and the machine is on. */
START_TEST(every_port_has_an_answer)
{
	start(true);
	for (uint32_t port = 0; port <= UINT16_MAX; port++)
		for (unsigned int size = 1; size <= 4; size *= 2) {
			in((uint16_t)port, size);
			out((uint16_t)port, 0, size);
		}
	ck_assert_uint_eq(offs + resets + panics, 0);
	out(PLATFORM_RESET_PORT, PLATFORM_RESET_VALUE, 1);
	ck_assert_uint_eq(resets, 1);
	for (uint64_t gpa = PLATFORM_PCI_WINDOW - 64; gpa < PLATFORM_PCI_WINDOW + 0x12000;
	     gpa += 7) {
		get(gpa, 8);
		put(gpa, UINT64_MAX, 8);
	}
	get(UINT64_MAX, 8);
	put(UINT64_MAX - 3, 0, 8);
	stop();
}
END_TEST

START_TEST(a_vm_without_room_for_interrupts_gets_no_board)
{
	struct board *other;

	start(false);
	config.has_rng = config.has_balloon = true;
	for (unsigned int room = 0; room < 4; room++) {
		stand_in_open();
		stand_in.msi_room = room;
		ck_assert_int_eq(board_create(&config, &other, &why), 0);
		ck_assert_int_eq(board_plug(other, NULL, &why), -ENOSPC);
		board_free(other);
		for (unsigned int i = 0; i < stand_in.msi_count; i++)
			ck_assert_ptr_null(stand_in.msis[i]);
	}
	stop();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &cards_stand_in_the_order_of_their_slots },
	{ "core", &a_machine_without_cards_has_no_bus },
	{ "core", &all_devices_are_reset_before_a_reboot },
	{ "core", &a_board_can_go_whatever_its_guest_did },
	{ "limits", &every_port_has_an_answer },
	{ "faults", &a_vm_without_room_for_interrupts_gets_no_board },
};
SUITE_MAIN("board", tests)
