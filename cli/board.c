/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.c - the devices of one machine, from power-on to power-off
 *
 * A virtio device is three things: the device itself, the struct virtio in it, and the
 * PCI function that carries it. cards[] has them in the order of their slots, which is
 * the order that a guest sees: disks first, so that the first is its first disk
 * whatever else there is.
 */
#include "cli/board.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "devices/bus.h"
#include "devices/pci.h"
#include "devices/power.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "devices/virtio_balloon.h"
#include "devices/virtio_console.h"
#include "devices/virtio_blk.h"
#include "devices/virtio_net.h"
#include "devices/virtio_pci.h"
#include "devices/virtio_rng.h"
#include "devices/virtio_vsock.h"
#include "vmm/gmem_discard.h"
#include "vmm/platform.h"

struct card {
	struct virtio *virtio;
	struct virtio_pci *pci;
};

struct board {
	struct board_config config;
	struct bus ports;
	struct bus addresses;
	struct rtc rtc;
	struct power power;
	struct pvpanic pvpanic;
	struct pci_bus pci;
	struct card cards[PCI_MAX_SLOTS];
	unsigned int card_count;
	struct virtio_balloon *balloon;
};

/* -- the machine's own devices -- */

static void on_io(void *context, uint16_t port, bool is_write, void *bytes, unsigned int size)
{
	struct board *board = context;

	bus_access(&board->ports, port, is_write, bytes, size);
}

static void on_mmio(void *context, uint64_t gpa, bool is_write, void *bytes, unsigned int size)
{
	struct board *board = context;

	bus_access(&board->addresses, gpa, is_write, bytes, size);
}

struct vm_ports board_ports(struct board *board)
{
	return (struct vm_ports){ .io = on_io, .mmio = on_mmio, .context = board };
}

static int ports_attach(struct board *board, struct fail *why)
{
	const struct bus_region regions[] = {
		{ PLATFORM_COM1_PORT, SERIAL_PORTS, 1, &serial_ops, board->config.serial },
		{ PLATFORM_RTC_PORT, RTC_PORTS, 1, &rtc_ops, &board->rtc },
		{ PLATFORM_POWER_PORT, POWER_PORTS, 1, &power_ops, &board->power },
		{ PLATFORM_PVPANIC_PORT, PVPANIC_PORTS, 1, &pvpanic_ops, &board->pvpanic },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(regions); i++)
		rc = bus_add(&board->ports, &regions[i]);
	if (rc == 0 && board_has_pci(board))
		rc = pci_bus_attach(&board->pci, &board->ports, &board->addresses);
	return rc < 0 ? fail_errno(why, -rc, "two devices are at one address") : 0;
}

int board_create(const struct board_config *config, struct board **ret_board, struct fail *why)
{
	struct board *board = calloc(1, sizeof(*board));
	struct power_hooks power = {
		.off = config->hooks.off,
		.reset = config->hooks.reset,
		.interrupt = config->hooks.power_interrupt,
		.context = config->hooks.context,
	};
	int rc;

	if (!board)
		return fail_errno(why, ENOMEM, "cannot make the machine's devices");
	board->config = *config;
	rtc_init(&board->rtc, NULL);
	power_init(&board->power, &power);
	board->pvpanic = (struct pvpanic){ .panicked = config->hooks.panicked,
					   .context = config->hooks.context };
	pci_bus_init(&board->pci);
	bus_init(&board->ports);
	bus_init(&board->addresses);
	serial_reset(config->serial);
	rc = ports_attach(board, why);
	if (rc < 0) {
		board_free(board);
		return rc;
	}
	*ret_board = board;
	return 0;
}

void board_free(struct board *board)
{
	if (!board)
		return;
	while (board->card_count > 0) {
		struct card *card = &board->cards[--board->card_count];
		struct virtio *virtio = card->virtio;

		virtio_pci_free(card->pci);
		virtio->config.type->free(virtio);
	}
	pci_bus_done(&board->pci);
	power_done(&board->power);
	rtc_done(&board->rtc);
	free(board);
}

/* -- virtio -- */

static bool has_console(const struct board *board)
{
	return board->config.second_console || board->config.agent;
}

bool board_has_pci(const struct board *board)
{
	const struct board_config *config = &board->config;

	return config->has_rng || config->has_balloon || config->disk_count > 0 ||
	       config->net_count > 0 || has_console(board) || config->vsock_cid;
}

/* Takes the device over, also where that fails. */
static int card_plug(struct board *board, struct vm *vm, struct virtio *virtio, struct fail *why)
{
	struct card *card = &board->cards[board->card_count];
	int rc;

	if (board->card_count == PCI_MAX_SLOTS - 1)
		rc = fail_set(why, ENOSPC, "a machine has at most %d devices on its PCI bus",
			      PCI_MAX_SLOTS - 1);
	else
		rc = virtio_pci_create(vm, &board->pci, virtio, &card->pci, why);
	if (rc < 0) {
		virtio->config.type->free(virtio);
		return rc;
	}
	card->virtio = virtio;
	board->card_count++;
	return 0;
}

static int disk_plug(struct board *board, struct vm *vm, unsigned int index, struct fail *why)
{
	struct board_disk *disk = &board->config.disks[index];
	const struct virtio_blk_setup setup = { .name = disk->name,
						.serial = disk->serial,
						.cpus = board->config.cpus,
						.disk = disk->disk,
						.gmem = board->config.gmem,
						.loop = board->config.io_loop };
	struct virtio_blk *blk;
	int rc;

	snprintf(disk->name, sizeof(disk->name), "disk %u", index);
	rc = virtio_blk_create(&setup, &blk, why);
	if (rc < 0)
		return rc;
	return card_plug(board, vm, virtio_blk_virtio(blk), why);
}

static int net_plug(struct board *board, struct vm *vm, unsigned int index, struct fail *why)
{
	const struct board_net *net = &board->config.nets[index];
	struct virtio_net_setup setup = { .name = net->name,
					  .net = net->net,
					  .vhost = net->vhost,
					  .gmem = board->config.gmem,
					  .loop = board->config.io_loop };
	struct virtio_net *device;
	int rc;

	memcpy(setup.mac, net->mac, sizeof(setup.mac));
	rc = virtio_net_create(&setup, &device, why);
	if (rc < 0)
		return rc;
	return card_plug(board, vm, virtio_net_virtio(device), why);
}

static int rng_plug(struct board *board, struct vm *vm, struct fail *why)
{
	const struct virtio_rng_setup setup = { .name = "rng",
						.gmem = board->config.gmem,
						.loop = board->config.io_loop };
	struct virtio_rng *rng;
	int rc = virtio_rng_create(&setup, &rng, why);

	if (rc < 0)
		return rc;
	return card_plug(board, vm, virtio_rng_virtio(rng), why);
}

static void on_discard(void *context, struct gmem_discard *discard)
{
	struct board *board = context;

	gmem_discard(board->config.gmem, discard);
}

static int balloon_plug(struct board *board, struct vm *vm, struct fail *why)
{
	const struct virtio_balloon_setup setup = { .name = "balloon",
						    .gmem = board->config.gmem,
						    .loop = board->config.io_loop,
						    .discard = on_discard,
						    .discard_context = board,
						    .target_bytes =
							    board->config.balloon_target_bytes };
	struct virtio_balloon *balloon;
	int rc = virtio_balloon_create(&setup, &balloon, why);

	if (rc < 0)
		return rc;
	rc = card_plug(board, vm, virtio_balloon_virtio(balloon), why);
	if (rc == 0)
		board->balloon = balloon;
	return rc;
}

static int console_plug(struct board *board, struct vm *vm, struct fail *why)
{
	const struct virtio_console_setup setup = { .name = "console",
						    .gmem = board->config.gmem,
						    .loop = board->config.io_loop,
						    .console = board->config.second_console,
						    .agent = board->config.agent };
	struct virtio_console *console;
	int rc = virtio_console_create(&setup, &console, why);

	if (rc < 0)
		return rc;
	return card_plug(board, vm, virtio_console_virtio(console), why);
}

static int vsock_plug(struct board *board, struct vm *vm, struct fail *why)
{
	const struct virtio_vsock_setup setup = { .name = "vsock",
						  .gmem = board->config.gmem,
						  .loop = board->config.io_loop,
						  .cid = board->config.vsock_cid };
	struct virtio_vsock *vsock;
	int rc = virtio_vsock_create(&setup, &vsock, why);

	if (rc < 0)
		return rc;
	return card_plug(board, vm, virtio_vsock_virtio(vsock), why);
}

int board_plug(struct board *board, struct vm *vm, struct fail *why)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < board->config.disk_count; i++)
		rc = disk_plug(board, vm, i, why);
	for (unsigned int i = 0; rc == 0 && i < board->config.net_count; i++)
		rc = net_plug(board, vm, i, why);
	if (rc == 0 && board->config.has_rng)
		rc = rng_plug(board, vm, why);
	if (rc == 0 && board->config.has_balloon)
		rc = balloon_plug(board, vm, why);
	if (rc == 0 && has_console(board))
		rc = console_plug(board, vm, why);
	if (rc == 0 && board->config.vsock_cid)
		rc = vsock_plug(board, vm, why);
	return rc;
}

int board_quiet(struct board *board, uint64_t patience_ns, struct fail *why)
{
	const struct timespec moment = { .tv_nsec = 1000 * 1000 };
	uint64_t deadline = now_ns() + patience_ns;

	for (unsigned int i = 0; i < board->card_count; i++)
		virtio_write_status(board->cards[i].virtio, 0);
	for (unsigned int i = 0; i < board->card_count; i++) {
		struct virtio *virtio = board->cards[i].virtio;

		while (virtio_read_status(virtio) != 0) {
			if (now_ns() > deadline)
				return fail_set(why, ETIMEDOUT,
						"the host does not finish requests of %s",
						virtio->config.name);
			nanosleep(&moment, NULL);
		}
	}
	return 0;
}

void board_pause(struct board *board)
{
	for (unsigned int i = 0; i < board->card_count; i++) {
		struct virtio *virtio = board->cards[i].virtio;

		if (virtio->config.type->pause)
			virtio->config.type->pause(virtio);
	}
}

void board_resume(struct board *board)
{
	for (unsigned int i = 0; i < board->card_count; i++) {
		struct virtio *virtio = board->cards[i].virtio;

		if (virtio->config.type->resume)
			virtio->config.type->resume(virtio);
	}
}

void board_press_power_button(struct board *board)
{
	power_press_button(&board->power);
}

struct virtio_balloon *board_balloon(struct board *board)
{
	return board->balloon;
}
