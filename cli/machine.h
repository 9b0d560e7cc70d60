/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - one machine: memory, VM, boot images and devices put together
 *
 *   machine_create()   everything is opened and loaded; no vCPU runs
 *      ... others hook in: dedup, control socket, signals ...
 *   machine_run()      runs the loop until the machine ends, through reboots
 *   machine_free()     in any state
 *
 * What outlives a reboot of the guest is the machine's: memory, loop, console, disks,
 * networks. A VM and its board (board.h) live for one boot.
 *
 * All functions belong to one thread, the loop's. Fork (to detach) before
 * machine_create(): KVM ties a VM to the process that made it.
 */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "cli/board.h"
#include "disk/disk.h"
#include "net/net.h"
#include "vmm/gmem.h"
#include "vmm/gmem_huge.h"
#include "vmm/vm.h"

/* What the kernel is told where the user says nothing; a command line of his replaces it. */
#define MACHINE_DEFAULT_CMDLINE "console=ttyS0"

#define MACHINE_MIN_MEMORY (UINT64_C(1) << 20)
#define MACHINE_MAX_MEMORY (UINT64_C(1) << 40)

/* What follows a reboot or a panic of the guest. */
enum machine_after {
	MACHINE_EXITS,
	MACHINE_RESTARTS, /* boots again, from fresh memory; disks and networks stay */
	MACHINE_PAUSES,	  /* stands still for those who want to look; not for reboots */
};

struct machine_disk {
	struct disk_config config;
	const char *serial; /* NULL: none */
};

struct machine_net {
	struct net_config config; /* without its name */
	uint8_t mac[6];
	bool vhost;
};

/* Strings and descriptors are borrowed for the life of the machine. */
struct machine_config {
	const char *name;
	const char *kernel;    /* bzImage or ELF with a PVH entry; NULL with image and ram_image */
	const char *initrd;    /* NULL: none */
	const char *cmdline;   /* NULL: MACHINE_DEFAULT_CMDLINE, or the image's own */
	const char *image;     /* a disk: what it boots by default is looked up at each boot */
	const char *ram_image; /* raw memory image; excludes kernel, needs paused */
	const char *kaslr_domain; /* whose guests have their kernels at one address; NULL: none */
	uint64_t mem_bytes;	  /* a multiple of 4 KiB */
	unsigned int cpus;	  /* 1 to VM_MAX_CPUS */
	bool nests;		  /* it may run guests of its own: not where memory is shared */
	bool paused;		  /* stay paused until machine_resume() */
	enum gmem_hugepages hugepages;
	/*
	 * The serial console's descriptors; -1: none. A terminal as console_in is put
	 * into raw mode while the machine runs, and Ctrl-A x ends the machine.
	 */
	int console_in;
	int console_out;

	struct machine_disk disks[BOARD_MAX_DISKS];
	unsigned int disk_count;
	struct machine_net nets[BOARD_MAX_NETS];
	unsigned int net_count;
	bool has_rng;
	bool has_balloon;
	bool has_second_console;
	bool has_agent;	    /* RUNDIR/guests/NAME.agent leads to it */
	uint32_t vsock_cid; /* 0: no vsock */

	/*
	 * Called when the guest starts anew, before its devices come to rest, and again before its
	 * memory is cleared; NULL: nobody cares.
	 */
	void (*on_restart)(void *context);
	void *on_restart_context;
	enum machine_after on_reboot;
	enum machine_after on_panic;
};

struct console;
struct machine;

CHECKED int machine_create(const struct machine_config *config, struct machine **ret_machine,
			   struct fail *why);
void machine_free(struct machine *machine); /* NULL is fine */

/*
 * Runs until the machine ends for good. 0 and how it ended; with VM_END_ERROR, why holds the
 * sentence. -errno: it could not be started (why). At most once.
 */
CHECKED int machine_run(struct machine *machine, enum vm_end *ret_end, struct fail *why);

/*
 * No vCPU runs and no device works between these two; what a device has handed to
 * the kernel goes on. They don't nest, but go together with the user's pause. -ETIMEDOUT: a
 * device stands in the kernel, and nothing is frozen.
 */
CHECKED int machine_freeze(struct machine *machine, struct fail *why);
void machine_thaw(struct machine *machine);

/*
 * The user's pause, beside those of vm_pause(): idempotent. machine_resume() fails
 * with -ENOTSUP for a machine made of a RAM image: its vCPUs have no state.
 */
CHECKED int machine_pause(struct machine *machine, struct fail *why);
CHECKED int machine_resume(struct machine *machine, struct fail *why);
bool machine_is_paused(const struct machine *machine);

/* Presses the ACPI power button; a guest that listens shuts itself down. */
void machine_power_button(struct machine *machine);

/* Ends the machine at once: machine_run() returns VM_END_USER, or why it had ended before. */
void machine_quit(struct machine *machine);

struct loop *machine_loop(struct machine *machine);
struct gmem *machine_gmem(struct machine *machine);
struct vm *machine_vm(struct machine *machine); /* of the current boot */
struct board *machine_board(struct machine *machine);
struct net *machine_net(struct machine *machine, unsigned int index); /* NULL: no more */
struct disk *machine_disk(struct machine *machine, unsigned int index);
const char *machine_name(const struct machine *machine);
struct console *machine_console(struct machine *machine); /* the serial one */

/* A watcher of the second console, see console_hub_attach(). -ENODEV: there is none. */
CHECKED int machine_attach_second_console(struct machine *machine, int fd, bool kept_only,
					  struct fail *why);

#endif
