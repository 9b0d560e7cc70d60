/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - one machine: memory, VM, boot images and devices put together
 *
 *   machine_create()   everything is opened and loaded; no vCPU runs
 *      ... others hook in: dedup, control socket, signals ...
 *   machine_run()      runs the loop until the machine ends
 *   machine_free()     in any state
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
#include "vmm/gmem.h"
#include "vmm/vm.h"

/* What the kernel is told where the user says nothing; a command line of his replaces it. */
#define MACHINE_DEFAULT_CMDLINE "console=ttyS0"

#define MACHINE_MIN_MEMORY (UINT64_C(1) << 20)
#define MACHINE_MAX_MEMORY (UINT64_C(1) << 40)

/* Strings and descriptors are borrowed for the life of the machine. */
struct machine_config {
	const char *name;
	const char *kernel;    /* bzImage or ELF with a PVH entry; NULL with ram_image only */
	const char *initrd;    /* NULL: none */
	const char *cmdline;   /* NULL: MACHINE_DEFAULT_CMDLINE */
	const char *ram_image; /* raw memory image; excludes kernel, needs paused */
	uint64_t mem_bytes;    /* a multiple of 4 KiB */
	unsigned int cpus;     /* 1 to VM_MAX_CPUS */
	bool paused;	       /* stay paused until machine_resume() */
	/*
	 * The serial console's descriptors; -1: none. A terminal as console_in is put
	 * into raw mode while the machine runs, and Ctrl-A x ends the machine.
	 */
	int console_in;
	int console_out;
};

struct machine;

CHECKED int machine_create(const struct machine_config *config, struct machine **ret_machine,
			   struct fail *why);
void machine_free(struct machine *machine); /* NULL is fine */

/*
 * Runs until the machine ends. 0 and how it ended; with VM_END_ERROR, why holds the
 * sentence. -errno: it could not be started (why). At most once.
 */
CHECKED int machine_run(struct machine *machine, enum vm_end *ret_end, struct fail *why);

/*
 * The user's pause, beside those of vm_pause(): idempotent. machine_resume() fails
 * with -ENOTSUP for a machine made of a RAM image: its vCPUs have no state.
 */
void machine_pause(struct machine *machine);
CHECKED int machine_resume(struct machine *machine, struct fail *why);
bool machine_is_paused(const struct machine *machine);

/* Presses the ACPI power button; a guest that listens shuts itself down. */
void machine_power_button(struct machine *machine);

/* Ends the machine at once: machine_run() returns VM_END_USER. */
void machine_quit(struct machine *machine);

struct loop *machine_loop(struct machine *machine);
struct gmem *machine_gmem(struct machine *machine);
struct vm *machine_vm(struct machine *machine);
const char *machine_name(const struct machine *machine);

#endif
