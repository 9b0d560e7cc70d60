/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.h - the devices of one machine, from power-on to power-off
 *
 * What the guest can reset by rebooting: registers, buses, virtio devices. What
 * outlives a reboot (the console's cable, disks, networks) is only plugged in here.
 *
 *   board_create()   devices and their registers
 *   board_plug()     on the PCI bus of a VM
 *   board_quiet()    nothing is in flight in any device
 *   board_free()     the VM's vCPUs and the I/O thread have stopped; before the VM
 *
 * All belongs to the main thread, but the calls of vm_ports.
 */
#ifndef CLI_BOARD_H
#define CLI_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/serial.h"
#include "vmm/gmem.h"
#include "vmm/vm.h"

#define BOARD_MAX_DISKS 16
#define BOARD_MAX_NETS	8

struct console_end;
struct disk;
struct net;
struct virtio_balloon;

struct board_disk {
	struct disk *disk;
	const char *serial; /* NULL: none */
	char name[24];	    /* for log lines; filled in */
};

struct board_net {
	struct net *net;
	uint8_t mac[6];
	bool vhost;	  /* where the host has it */
	const char *name; /* for log lines */
};

/* What the guest has pressed. Called on vCPU threads. */
struct board_hooks {
	void (*off)(void *context);
	void (*reset)(void *context);
	void (*panicked)(void *context);
	void (*power_interrupt)(void *context); /* a pulse on PLATFORM_EVENT_IRQ */
	void *context;
};

/* Copied; what it points to is borrowed for the life of the board. */
struct board_config {
	unsigned int cpus;
	struct gmem *gmem;
	struct loop *io_loop;
	struct serial *serial;
	struct board_hooks hooks;
	bool has_rng;
	bool has_balloon;
	uint64_t balloon_target_bytes;		    /* 0: all of its memory */
	struct console_end *second_console, *agent; /* NULL: none */
	uint32_t vsock_cid;			    /* 0: no vsock */
	struct board_disk disks[BOARD_MAX_DISKS];
	unsigned int disk_count;
	struct board_net nets[BOARD_MAX_NETS];
	unsigned int net_count;
};

struct board;

CHECKED int board_create(const struct board_config *config, struct board **ret_board,
			 struct fail *why);
void board_free(struct board *board); /* NULL is fine */

/* Who answers the VM's vCPUs. */
struct vm_ports board_ports(struct board *board);

/* Makes the virtio devices, while the I/O thread does not run. */
CHECKED int board_plug(struct board *board, struct vm *vm, struct fail *why);
bool board_has_pci(const struct board *board);

/*
 * Resets all virtio devices and waits until nothing of theirs is in flight. The I/O
 * thread runs, vCPUs don't. -ETIMEDOUT: something does not come back.
 */
CHECKED int board_quiet(struct board *board, uint64_t patience_ns, struct fail *why);

/*
 * What the host's kernel does for devices stands still in between. The I/O thread is
 * paused; calls don't nest.
 */
void board_pause(struct board *board);
void board_resume(struct board *board);

/* Any thread. */
void board_press_power_button(struct board *board);

struct virtio_balloon *board_balloon(struct board *board); /* NULL: none */

#endif
