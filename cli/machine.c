/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.c - one machine: memory, VM, boot images and devices put together
 *
 * The order of making is that of dependence: loop, memory, devices (which need
 * only hooks), VM, boot. It is taken apart the other way round, the VM's threads
 * first, since they call into everything else.
 *
 * Devices reach the VM through hooks that may be called only by vCPUs or after
 * machine_create(): until then `vm` is NULL.
 */
#include "cli/machine.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/terminal.h"
#include "devices/bus.h"
#include "devices/console.h"
#include "devices/power.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "vmm/acpi.h"
#include "vmm/boot.h"
#include "vmm/platform.h"
#include "vmm/reset_vector.h"

struct machine {
	struct machine_config config;
	struct loop *loop;
	struct gmem *gmem;
	struct vm *vm;

	struct bus ports;
	struct bus addresses;
	struct console *console;
	struct rtc rtc;
	struct power power;
	struct pvpanic pvpanic;

	struct escape escape;
	bool is_paused; /* by the user */
};

static void on_io(void *context, uint16_t port, bool is_write, void *bytes, unsigned int size)
{
	struct machine *machine = context;

	bus_access(&machine->ports, port, is_write, bytes, size);
}

static void on_mmio(void *context, uint64_t gpa, bool is_write, void *bytes, unsigned int size)
{
	struct machine *machine = context;

	bus_access(&machine->addresses, gpa, is_write, bytes, size);
}

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

static int devices_create(struct machine *machine, struct fail *why)
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
	struct power_hooks power = {
		.off = on_power_off,
		.reset = on_reset,
		.interrupt = on_power_interrupt,
		.context = machine,
	};

	rtc_init(&machine->rtc, NULL);
	power_init(&machine->power, &power);
	machine->pvpanic = (struct pvpanic){ .panicked = on_panic, .context = machine };
	bus_init(&machine->ports);
	bus_init(&machine->addresses);
	return console_create(&console, machine->loop, &machine->console, why);
}

static int devices_attach(struct machine *machine, struct fail *why)
{
	const struct bus_region regions[] = {
		{ PLATFORM_COM1_PORT, SERIAL_PORTS, 1, &serial_ops,
		  console_serial(machine->console) },
		{ PLATFORM_RTC_PORT, RTC_PORTS, 1, &rtc_ops, &machine->rtc },
		{ PLATFORM_POWER_PORT, POWER_PORTS, 1, &power_ops, &machine->power },
		{ PLATFORM_PVPANIC_PORT, PVPANIC_PORTS, 1, &pvpanic_ops, &machine->pvpanic },
	};

	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		int rc = bus_add(&machine->ports, &regions[i]);

		if (rc < 0)
			return fail_errno(why, -rc, "cannot attach the device at port 0x%llx",
					  (unsigned long long)regions[i].start);
	}
	return 0;
}

static int image_load(struct machine *machine, struct fail *why)
{
	const char *path = machine->config.ram_image;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(why, errno, "cannot open RAM image '%s'", path);
	return gmem_load_image(machine->gmem, fd, path, why);
}

static int kernel_load(struct machine *machine, struct fail *why)
{
	struct boot_files files = {
		.kernel = machine->config.kernel,
		.initrd = machine->config.initrd,
		.cmdline = machine->config.cmdline,
	};
	struct vcpu_entry entry;
	int rc = acpi_write(machine->gmem, machine->config.cpus, &files.rsdp);

	if (rc == 0)
		rc = reset_vector_write(machine->gmem);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot write the firmware tables");
	rc = boot_load(machine->gmem, &files, &entry, why);
	if (rc < 0)
		return rc;
	return vcpu_set_entry(vm_vcpu(machine->vm, 0), &entry, why);
}

static int config_check(const struct machine_config *config, struct fail *why)
{
	if (!config->kernel && !config->ram_image)
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

static int machine_set_up(struct machine *machine, struct fail *why)
{
	const struct machine_config *config = &machine->config;
	struct vm_config vm = {
		.cpus = config->cpus,
		.ports = { .io = on_io, .mmio = on_mmio, .context = machine },
		.on_end = on_vm_end,
		.on_end_context = machine,
	};
	int rc = loop_create(&machine->loop);

	if (rc < 0)
		return fail_errno(why, -rc, "cannot make the event loop");
	rc = gmem_create(config->mem_bytes, &machine->gmem, why);
	if (rc == 0)
		rc = devices_create(machine, why);
	if (rc == 0)
		rc = devices_attach(machine, why);
	if (rc < 0)
		return rc;
	vm.gmem = machine->gmem;
	vm.loop = machine->loop;
	rc = vm_create(&vm, &machine->vm, why);
	if (rc < 0)
		return rc;
	return config->ram_image ? image_load(machine, why) : kernel_load(machine, why);
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
	if (!config->cmdline)
		machine->config.cmdline = MACHINE_DEFAULT_CMDLINE;
	machine->is_paused = true; /* the pause that a VM is born with */
	rc = machine_set_up(machine, why);
	if (rc < 0) {
		machine_free(machine);
		return rc;
	}
	*ret_machine = machine;
	return 0;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	terminal_restore();
	if (machine->vm) {
		vm_end_with(machine->vm, VM_END_USER, NULL);
		vm_free(machine->vm);
		machine->vm = NULL;
	}
	if (machine->console) {
		console_flush(machine->console);
		console_free(machine->console);
	}
	gmem_free(machine->gmem);
	loop_free(machine->loop);
	free(machine);
}

int machine_run(struct machine *machine, enum vm_end *ret_end, struct fail *why)
{
	int rc = vm_start(machine->vm, why);

	if (rc < 0)
		return rc;
	if (machine->config.console_in >= 0 && terminal_make_raw(machine->config.console_in) < 0)
		log_debug("console: no terminal, no raw mode");
	if (!machine->config.paused) {
		rc = machine_resume(machine, why);
		if (rc < 0)
			return rc;
	}
	rc = vm_ended(machine->vm) == VM_END_NONE ? loop_run(machine->loop) : 0;
	console_flush(machine->console);
	terminal_restore();
	if (rc < 0)
		return fail_errno(why, -rc, "the event loop failed");
	if (vm_ended(machine->vm) == VM_END_NONE) /* somebody else quit the loop */
		machine_quit(machine);
	*ret_end = vm_ended(machine->vm);
	if (*ret_end == VM_END_ERROR)
		fail_set(why, EIO, "%s", vm_end_sentence(machine->vm));
	return 0;
}

void machine_pause(struct machine *machine)
{
	if (machine->is_paused)
		return;
	machine->is_paused = true;
	vm_pause(machine->vm);
}

int machine_resume(struct machine *machine, struct fail *why)
{
	if (!machine->config.kernel)
		return fail_set(why, ENOTSUP,
				"guest '%s' was made of a RAM image: it has nothing to run",
				machine->config.name);
	if (machine->is_paused) {
		machine->is_paused = false;
		vm_resume(machine->vm);
	}
	return 0;
}

bool machine_is_paused(const struct machine *machine)
{
	return machine->is_paused;
}

void machine_power_button(struct machine *machine)
{
	power_press_button(&machine->power);
}

void machine_quit(struct machine *machine)
{
	vm_end_with(machine->vm, VM_END_USER, NULL);
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

const char *machine_name(const struct machine *machine)
{
	return machine->config.name;
}
