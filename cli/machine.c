/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.c - one machine: memory, VM, boot images and devices put together
 *
 * The order of making is that of dependence: loop, memory, what outlives a reboot
 * (console, disks, networks), and then, for each boot, board, VM, PCI devices, kernel.
 * It is taken apart the other way round, the VM's threads first, since they call into
 * everything else.
 *
 * A reboot is a new VM with a new board on the same memory, which was given back to the
 * host in between: the guest finds it all zero, and what was shared is released as for
 * any other page that is discarded. Control socket and console go on; the broker is hung up on
 * until the guest has booted, so that one that hangs keeps nobody from starting anew.
 */
#include "cli/machine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/backends.h"
#include "cli/boot_source.h"
#include "cli/terminal.h"
#include "devices/console.h"
#include "devices/hvc.h"
#include "devices/io_thread.h"
#include "devices/virtio_balloon.h"
#include "vmm/gmem_discard.h"
#include "vmm/platform.h"

struct machine {
	struct machine_config config;
	struct loop *loop;
	struct io_thread *io;
	struct gmem *gmem;
	struct console *console;
	struct backends backends;
	uint64_t balloon_target_bytes; /* of the boot before; 0: there was none */
	struct domain_seed seed;

	/* of one boot */
	struct board *board;
	struct vm *vm;

	struct escape escape;
	bool is_paused;	      /* by the user */
	unsigned int freezes; /* of the devices */
	bool is_quit;	      /* somebody outside wants it to end */
};

static void on_serial_irq(void *context, bool level)
{
	struct machine *machine = context;

	if (machine->vm)
		vm_set_irq(machine->vm, PLATFORM_COM1_IRQ, level);
}

static void on_power_off(void *context)
{
	vm_end_with(((struct machine *)context)->vm, VM_END_POWEROFF, NULL);
}

static void on_reset(void *context)
{
	vm_end_with(((struct machine *)context)->vm, VM_END_REBOOT, NULL);
}

static void on_panic(void *context)
{
	vm_end_with(((struct machine *)context)->vm, VM_END_PANIC, NULL);
}

static void on_power_interrupt(void *context)
{
	vm_pulse_irq(((struct machine *)context)->vm, PLATFORM_EVENT_IRQ);
}

static void on_vm_end(void *context)
{
	loop_quit(((struct machine *)context)->loop, 0);
}

static size_t on_typed(void *context, unsigned char *bytes, size_t length)
{
	static const char help[] = "\r\nCtrl-A x  end this guest\r\n"
				   "Ctrl-A Ctrl-A  send Ctrl-A\r\n"
				   "Ctrl-A h  this help\r\n";
	struct machine *machine = context;
	enum escape_action action;
	size_t kept = escape_filter(&machine->escape, bytes, length, &action);

	if (action == ESCAPE_QUIT)
		machine_quit(machine);
	else if (action == ESCAPE_HELP && write(STDERR_FILENO, help, sizeof(help) - 1) < 0)
		log_debug("console: %m");
	return kept;
}

/* -- what outlives a reboot -- */

static int console_plug(struct machine *machine, struct fail *why)
{
	const struct machine_config *config = &machine->config;
	struct console_config console = {
		.in = config->console_in,
		.out = config->console_out,
		.filter = config->console_in >= 0 && isatty(config->console_in) ? on_typed : NULL,
		.filter_context = machine,
		.set_irq = on_serial_irq,
		.irq_context = machine,
	};

	return console_create(&console, machine->loop, &machine->console, why);
}

/* -- one boot -- */

static void board_configure(struct machine *machine, struct board_config *ret_config)
{
	const struct machine_config *config = &machine->config;

	*ret_config = (struct board_config){
		.cpus = config->cpus,
		.gmem = machine->gmem,
		.io_loop = io_thread_loop(machine->io),
		.serial = console_serial(machine->console),
		.hooks = { .off = on_power_off,
			   .reset = on_reset,
			   .panicked = on_panic,
			   .power_interrupt = on_power_interrupt,
			   .context = machine },
		.has_rng = config->has_rng,
		.has_balloon = config->has_balloon,
		.balloon_target_bytes = machine->balloon_target_bytes,
		.vsock_cid = config->vsock_cid,
	};
	backends_plug(&machine->backends, config, ret_config);
}

static int config_check(const struct machine_config *config, struct fail *why)
{
	if (!config->kernel && !config->image && !config->ram_image)
		return fail_set(why, EINVAL, "a guest needs a kernel: give one with --kernel");
	if (config->kernel && config->ram_image)
		return fail_set(why, EINVAL, "--ram-image and --kernel exclude each other");
	if (config->ram_image && !config->paused)
		return fail_set(
			why, EINVAL,
			"a RAM image has no running processors: --ram-image needs --paused");
	if (config->initrd && !config->kernel)
		return fail_set(why, EINVAL, "--initrd needs --kernel");
	if (config->mem_bytes < MACHINE_MIN_MEMORY || config->mem_bytes > MACHINE_MAX_MEMORY)
		return fail_set(why, EINVAL, "a guest has 1 MiB to 1 TiB of memory");
	return 0;
}

static int machine_boot(struct machine *machine, bool is_restart, struct fail *why)
{
	struct board_config board;
	struct vm_config vm = {
		.gmem = machine->gmem,
		.cpus = machine->config.cpus,
		.nests = machine->config.nests,
		.loop = machine->loop,
		.on_end = on_vm_end,
		.on_end_context = machine,
	};
	struct boot_target target = { .gmem = machine->gmem,
				      .acpi = { .cpus = machine->config.cpus },
				      .seed = &machine->seed };
	int rc;

	gmem_huge_begin(machine->gmem);
	board_configure(machine, &board);
	rc = board_create(&board, &machine->board, why);
	if (rc < 0)
		return rc;
	vm.ports = board_ports(machine->board);
	rc = vm_create(&vm, &machine->vm, why);
	if (rc == 0)
		rc = board_plug(machine->board, machine->vm, why);
	if (rc < 0)
		return rc;
	target.vm = machine->vm;
	target.acpi.has_pci = board_has_pci(machine->board);
	return boot_source_load(&machine->config, &target, is_restart, why);
}

#define PAUSE_PATIENCE_NS (3 * NS_PER_SEC) /* somebody waits for an answer */

static int io_pause(struct machine *machine, struct fail *why)
{
	int rc = io_thread_pause(machine->io, PAUSE_PATIENCE_NS);

	return rc < 0 ? fail_set(why, -rc,
				 "a device of guest '%s' waits for the host: try again later",
				 machine->config.name)
		      : 0;
}

static int devices_freeze(struct machine *machine, struct fail *why)
{
	int rc = io_pause(machine, why);

	if (rc == 0)
		board_pause(machine->board);
	return rc;
}

static void devices_thaw(struct machine *machine)
{
	board_resume(machine->board);
	io_thread_resume(machine->io);
}

/*
 * A disk on a network may take its time; but a guest that reboots should not wait for
 * ever, and one that ends for hardly any.
 */
#define REBOOT_PATIENCE_NS (10 * NS_PER_SEC)
#define END_PATIENCE_NS	   (2 * NS_PER_SEC)

/* In any state of a boot. -errno: a device still waits for the host. */
static int machine_halt(struct machine *machine, uint64_t patience_ns, struct fail *why)
{
	int rc = 0;

	if (machine->vm)
		vm_stop(machine->vm);
	if (machine->freezes > 0)
		devices_thaw(machine); /* requests that are under way can only end so */
	machine->freezes = 0;
	if (machine->board && io_thread_runs(machine->io))
		rc = board_quiet(machine->board, patience_ns, why);
	if (io_thread_stop(machine->io, patience_ns) < 0 && rc == 0)
		rc = fail_set(why, ETIMEDOUT, "the host does not finish what a device asked of it");
	return rc;
}

static void boot_free(struct machine *machine)
{
	struct vm *vm = machine->vm;

	if (machine->board && board_balloon(machine->board))
		machine->balloon_target_bytes =
			virtio_balloon_target(board_balloon(machine->board));
	board_free(machine->board);
	machine->board = NULL;
	machine->vm = NULL;
	vm_free(vm);
}

/* What does not boot needs none for it. */
static enum gmem_hugepages hugepages_of(const struct machine_config *config)
{
	if (config->ram_image && config->hugepages == GMEM_HUGEPAGES_AUTO)
		return GMEM_HUGEPAGES_OFF;
	return config->hugepages;
}

static int machine_set_up(struct machine *machine, struct fail *why)
{
	int rc = loop_create(&machine->loop);

	if (rc == 0)
		rc = io_thread_create(&machine->io);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot make the event loop");
	rc = gmem_create(machine->config.mem_bytes, &machine->gmem, why);
	if (rc == 0)
		gmem_set_hugepages(machine->gmem, hugepages_of(&machine->config));
	if (rc == 0)
		rc = console_plug(machine, why);
	if (rc == 0)
		rc = backends_open(&machine->config, io_thread_loop(machine->io),
				   &machine->backends, why);
	return rc < 0 ? rc : machine_boot(machine, false, why);
}

int machine_create(const struct machine_config *config, struct machine **ret_machine,
		   struct fail *why)
{
	struct machine *machine;
	int rc = config_check(config, why);

	if (rc < 0)
		return rc;
	machine = calloc(1, sizeof(*machine));
	if (!machine)
		return fail_errno(why, ENOMEM, "cannot make a machine");
	machine->config = *config;
	machine->seed.domain = config->kaslr_domain;
	if (!config->cmdline && !config->image)
		machine->config.cmdline = MACHINE_DEFAULT_CMDLINE;
	machine->is_paused = true;
	rc = machine_set_up(machine, why);
	if (rc < 0) {
		machine_free(machine);
		return rc;
	}
	*ret_machine = machine;
	return 0;
}

/*
 * What the host has not done by then, it may do at any time, with memory of the guest's
 * and of the disk's: these are left to the end of the process. So is all that the devices'
 * thread can touch, where it is the thread itself that the host keeps.
 */
static bool machine_rests(struct machine *machine)
{
	struct fail why;

	if (!machine->io || machine_halt(machine, END_PATIENCE_NS, &why) == 0)
		return true;
	log_warn("%s, so guest '%s' ends without them", why.text, machine->config.name);
	return false;
}

void machine_free(struct machine *machine)
{
	bool rests;

	if (!machine)
		return;
	terminal_restore();
	rests = machine_rests(machine);
	if (rests)
		boot_free(machine);
	else
		memset(machine->backends.disks, 0, sizeof(machine->backends.disks));
	if (!machine->io || !io_thread_runs(machine->io))
		backends_close(&machine->backends);
	if (machine->console) {
		console_flush(machine->console);
		console_free(machine->console);
	}
	if (!rests)
		return;
	io_thread_free(machine->io);
	gmem_free(machine->gmem);
	loop_free(machine->loop);
	free(machine);
}

/* -- running -- */

struct ram_discard {
	struct gmem_discard discard; /* first */
	pthread_mutex_t lock;	     /* protects what follows */
	pthread_cond_t is_over;
	bool over;
	int error;
};

static void on_ram_discarded(struct gmem_discard *discard, int error)
{
	struct ram_discard *ram = (struct ram_discard *)discard;

	pthread_mutex_lock(&ram->lock);
	ram->over = true;
	ram->error = error;
	pthread_cond_signal(&ram->is_over);
	pthread_mutex_unlock(&ram->lock);
}

/* All of RAM is zero again, and has no memory. */
static int ram_discard(struct machine *machine, struct fail *why)
{
	struct ram_discard ram = {
		.discard = { .count = gmem_bytes(machine->gmem) / GMEM_PAGE_SIZE,
			     .done = on_ram_discarded },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.is_over = PTHREAD_COND_INITIALIZER,
	};

	gmem_discard(machine->gmem, &ram.discard);
	pthread_mutex_lock(&ram.lock);
	while (!ram.over)
		pthread_cond_wait(&ram.is_over, &ram.lock);
	pthread_mutex_unlock(&ram.lock);
	if (ram.error)
		return fail_errno(why, -ram.error, "cannot clear the guest's memory for a restart");
	return 0;
}

static void restart_announce(const struct machine *machine)
{
	if (machine->config.on_restart)
		machine->config.on_restart(machine->config.on_restart_context);
}

static int machine_restart(struct machine *machine, struct fail *why)
{
	int rc;

	restart_announce(machine);
	rc = machine_halt(machine, REBOOT_PATIENCE_NS, why);
	if (rc < 0)
		return rc;
	boot_free(machine);
	restart_announce(machine); /* a disk may have taken its time */
	gmem_huge_begin(machine->gmem);
	rc = ram_discard(machine, why);
	if (rc == 0)
		rc = machine_boot(machine, true, why);
	return rc;
}

static enum machine_after after_end(const struct machine *machine, enum vm_end end)
{
	if (end == VM_END_REBOOT)
		return machine->config.on_reboot;
	if (end == VM_END_PANIC)
		return machine->config.on_panic;
	return MACHINE_EXITS;
}

/* One boot, to its end. */
static int boot_run(struct machine *machine, struct fail *why)
{
	int rc = io_thread_start(machine->io, why);

	if (rc == 0)
		rc = vm_start(machine->vm, why);
	if (rc < 0)
		return rc;
	rc = machine_freeze(machine, why);
	if (rc < 0)
		return rc;
	vm_resume(machine->vm); /* the pause that a VM is born with */
	if (!machine->is_paused)
		machine_thaw(machine);
	if (vm_ended(machine->vm) == VM_END_NONE)
		rc = loop_run(machine->loop);
	return rc < 0 ? fail_errno(why, -rc, "the event loop failed") : 0;
}

/* Runs on without the guest: somebody may look at it, and ends it. */
static int machine_linger(struct machine *machine, struct fail *why)
{
	int rc = machine->is_quit ? 0 : loop_run(machine->loop);

	return rc < 0 ? fail_errno(why, -rc, "the event loop failed") : 0;
}

static int machine_run_boots(struct machine *machine, struct fail *why)
{
	int rc = boot_run(machine, why);

	while (rc == 0 && !machine->is_quit) {
		enum machine_after after = after_end(machine, vm_ended(machine->vm));

		if (after == MACHINE_PAUSES)
			return machine_linger(machine, why);
		if (after == MACHINE_EXITS)
			break;
		log_info("guest '%s' starts anew", machine->config.name);
		rc = machine_restart(machine, why);
		if (rc == 0)
			rc = boot_run(machine, why);
	}
	return rc;
}

int machine_run(struct machine *machine, enum vm_end *ret_end, struct fail *why)
{
	int rc;

	if (machine->config.console_in >= 0 && terminal_make_raw(machine->config.console_in) < 0)
		log_debug("console: no terminal, no raw mode");
	machine->is_paused = machine->config.paused;
	rc = machine_run_boots(machine, why);
	console_flush(machine->console);
	terminal_restore();
	if (rc < 0)
		return rc;
	if (vm_ended(machine->vm) == VM_END_NONE) /* somebody else quit the loop */
		machine_quit(machine);
	*ret_end = vm_ended(machine->vm);
	if (*ret_end == VM_END_ERROR)
		fail_set(why, EIO, "%s", vm_end_sentence(machine->vm));
	return 0;
}

int machine_freeze(struct machine *machine, struct fail *why)
{
	int rc = 0;

	vm_pause(machine->vm);
	if (machine->freezes == 0)
		rc = devices_freeze(machine, why);
	if (rc < 0)
		vm_resume(machine->vm);
	else
		machine->freezes++;
	return rc;
}

void machine_thaw(struct machine *machine)
{
	if (--machine->freezes == 0)
		devices_thaw(machine);
	vm_resume(machine->vm);
}

int machine_pause(struct machine *machine, struct fail *why)
{
	int rc;

	if (machine->is_paused)
		return 0;
	rc = machine_freeze(machine, why);
	machine->is_paused = rc == 0;
	return rc;
}

int machine_resume(struct machine *machine, struct fail *why)
{
	if (machine->config.ram_image)
		return fail_set(why, ENOTSUP,
				"guest '%s' was made of a RAM image: it has nothing to run",
				machine->config.name);
	if (machine->is_paused) {
		machine->is_paused = false;
		machine_thaw(machine);
	}
	return 0;
}

bool machine_is_paused(const struct machine *machine)
{
	return machine->is_paused;
}

void machine_power_button(struct machine *machine)
{
	board_press_power_button(machine->board);
}

void machine_quit(struct machine *machine)
{
	machine->is_quit = true;
	vm_end_with(machine->vm, VM_END_USER, NULL);
	loop_quit(machine->loop, 0); /* it may have ended already, and linger */
}

struct loop *machine_loop(struct machine *machine)
{
	return machine->loop;
}

struct gmem *machine_gmem(struct machine *machine)
{
	return machine->gmem;
}

struct vm *machine_vm(struct machine *machine)
{
	return machine->vm;
}

struct board *machine_board(struct machine *machine)
{
	return machine->board;
}

struct net *machine_net(struct machine *machine, unsigned int index)
{
	return index < machine->config.net_count ? machine->backends.nets[index] : NULL;
}

struct disk *machine_disk(struct machine *machine, unsigned int index)
{
	return index < machine->config.disk_count ? machine->backends.disks[index] : NULL;
}

const char *machine_name(const struct machine *machine)
{
	return machine->config.name;
}

struct console *machine_console(struct machine *machine)
{
	return machine->console;
}

int machine_attach_second_console(struct machine *machine, int fd, bool kept_only, struct fail *why)
{
	int rc;

	if (!machine->backends.hvc)
		return fail_set(why, ENODEV,
				"guest '%s' has no second console: run it with --second-console",
				machine->config.name);
	rc = io_pause(machine, why);
	if (rc < 0)
		return rc;
	rc = hvc_attach(machine->backends.hvc, fd, kept_only, why);
	if (machine->freezes == 0)
		io_thread_resume(machine->io);
	return rc;
}
