/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.c - the process of one guest, from its name to its exit status
 *
 * The order of the start is the order in which things can be refused cheaply: the
 * name, then the console's file, the machine with its images, deduplication, and
 * last those outside who may now press buttons. The end goes the other way round.
 */
#include "cli/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/rundir.h"
#include "cli/definition_text.h"
#include "cli/end_signals.h"
#include "cli/guest_census.h"
#include "cli/guest_report.h"
#include "cli/verb.h"
#include "devices/virtio_balloon.h"
#include "devices/console.h"
#include "vmm/control.h"
#include "vmm/gmem_share.h"

/*
 * Pages that are merged while a kernel boots are written to right after, and each costs
 * the guest two faults: its boot takes half as long again.
 */
#define BOOT_REST_NS (5 * NS_PER_SEC)

#define THREAD_STACK_BYTES (256 << 10)

struct guest {
	const struct guest_config *config;
	struct machine *machine;
	struct gmem_share *share; /* NULL with --dedup=off */
	struct control *control;  /* holds the name */
	struct loop_source *signals[END_SIGNALS];
	int console_fd; /* of console_path, or -1 */
	uint64_t started_ns;
	bool is_shutting_down; /* the button was pressed, or the end asked for */
};

/* ------------------------------------------------------- control requests */

static int on_report(void *context, struct control_report *ret_report, struct fail *why)
{
	const struct guest *guest = context;

	guest_report_fill(guest->machine, guest->share, ret_report);
	snprintf(ret_report->domain, sizeof(ret_report->domain), "%s", guest->config->domain);
	ret_report->cpus = guest->config->machine.cpus;
	ret_report->uptime_ns = now_ns() - guest->started_ns;
	if (guest->is_shutting_down && ret_report->state == CONTROL_STATE_RUNNING)
		ret_report->state = CONTROL_STATE_SHUTDOWN;
	return 0;
}

static int on_history(void *context, struct history *ret_history, struct fail *why)
{
	const struct guest *guest = context;

	if (!guest->share)
		return fail_set(why, ENOTSUP, "guest '%s' does not share its memory (--dedup off)",
				machine_name(guest->machine));
	gmem_share_history(guest->share, ret_history);
	return 0;
}

static int on_power_button(void *context, struct fail *why)
{
	struct guest *guest = context;

	guest->is_shutting_down = true;
	machine_power_button(guest->machine);
	return 0;
}

static int on_quit(void *context, struct fail *why)
{
	struct guest *guest = context;

	guest->is_shutting_down = true;
	machine_quit(guest->machine);
	return 0;
}

static int on_pause(void *context, struct fail *why)
{
	struct guest *guest = context;

	return machine_pause(guest->machine, why);
}

static int on_resume(void *context, struct fail *why)
{
	struct guest *guest = context;

	if (vm_ended(machine_vm(guest->machine)) == VM_END_PANIC)
		return fail_set(why, ENOTSUP, "guest '%s' has crashed: it can't go on",
				machine_name(guest->machine));
	return machine_resume(guest->machine, why);
}

/* On the loop's thread: until it is done, the next requests wait in their sockets. */
static int on_dump_ram(void *context, int fd, struct fail *why)
{
	struct guest *guest = context;
	int rc = machine_freeze(guest->machine, why);

	if (rc < 0)
		return rc;
	rc = gmem_dump_image(machine_gmem(guest->machine), fd, machine_name(guest->machine), why);
	machine_thaw(guest->machine);
	return rc;
}

static int on_census(void *context, int fd, struct fail *why)
{
	struct guest *guest = context;

	return guest_census_write(guest->machine, guest->share, fd, why);
}

static int on_definition(void *context, int fd, struct fail *why)
{
	const struct guest *guest = context;

	return definition_text_write(guest->config->definition, fd, why);
}

static int on_read_pages(void *context, uint64_t count, int fd, struct fail *why)
{
	struct guest *guest = context;

	return guest_pages_write(guest->machine, count, fd, why);
}

static int on_console(void *context, uint64_t number, int fd, struct fail *why)
{
	struct guest *guest = context;
	bool kept_only = number & CONTROL_CONSOLE_KEPT;

	switch (number & ~CONTROL_CONSOLE_KEPT) {
	case CONTROL_CONSOLE_SERIAL:
		return console_attach(machine_console(guest->machine), fd, kept_only, why);
	case CONTROL_CONSOLE_SECOND:
		return machine_attach_second_console(guest->machine, fd, kept_only, why);
	default:
		return fail_set(why, ENODEV, "guest '%s' has no such console",
				machine_name(guest->machine));
	}
}

static int on_balloon(void *context, uint64_t bytes, struct fail *why)
{
	struct guest *guest = context;
	const char *name = machine_name(guest->machine);
	struct virtio_balloon *balloon = board_balloon(machine_board(guest->machine));
	int rc = balloon ? virtio_balloon_set_target(balloon, bytes) : -ENOTCONN;

	if (rc == -ERANGE)
		return fail_set(
			why, ERANGE, "guest '%s' can keep %llu MiB to %llu MiB of memory", name,
			(unsigned long long)(VIRTIO_BALLOON_FLOOR >> 20),
			(unsigned long long)(gmem_bytes(machine_gmem(guest->machine)) >> 20));
	if (rc < 0)
		return fail_set(why, -rc, "guest '%s' has no driver for its balloon", name);
	return 0;
}

static const struct control_ops control_ops = {
	.report = on_report,
	.history = on_history,
	.power_button = on_power_button,
	.quit = on_quit,
	.pause = on_pause,
	.resume = on_resume,
	.balloon = on_balloon,
	.census = on_census,
	.definition = on_definition,
	.read_pages = on_read_pages,
	.dump_ram = on_dump_ram,
	.console = on_console,
};

/* ------------------------------------------------------------------ signals */

static void prepare_signals(void)
{
	end_signals_hold();
	signal(SIGPIPE, SIG_IGN); /* a console that nobody reads is an error number */
	signal(SIGXFSZ, SIG_IGN); /* and so is a disk that may not grow */
}

static void on_end_signal(void *context, int number)
{
	struct guest *guest = context;

	guest->is_shutting_down = true;
	machine_quit(guest->machine);
}

static int guest_take_signals(struct guest *guest, struct fail *why)
{
	int rc = end_signals_listen(machine_loop(guest->machine), on_end_signal, guest,
				    guest->signals);

	return rc < 0 ? fail_errno(why, -rc, "cannot receive signals") : 0;
}

/* ------------------------------------------------------------ start and end */

static int guest_open_console(struct guest *guest, struct fail *why)
{
	const char *path = guest->config->console_path;

	if (!path)
		return 0;
	guest->console_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0600);
	if (guest->console_fd < 0)
		return fail_errno(why, errno, "cannot open the console file '%s'", path);
	return 0;
}

static void on_restart(void *context)
{
	struct guest *guest = context;

	guest->is_shutting_down = false; /* whoever pressed the button: the guest chose to go on */
	if (guest->share)
		gmem_share_restart(guest->share, BOOT_REST_NS);
}

static int guest_share(struct guest *guest, struct fail *why)
{
	struct gmem_share_config config = {
		.domain = guest->config->domain,
		.name = guest->config->machine.name,
		.cpu_percent = guest->config->dedup_cpu_percent,
		.max_sharers = guest->config->max_sharers,
		.rest_ns = guest->config->machine.ram_image ? 0 : BOOT_REST_NS,
	};

	if (!guest->config->dedup)
		return 0;
	return gmem_share_create(machine_gmem(guest->machine), &config, &guest->share, why);
}

static int guest_start(struct guest *guest, struct fail *why)
{
	const struct guest_config *config = guest->config;
	struct machine_config machine = config->machine;
	int rc = rundir_create(why);

	if (rc == 0)
		rc = control_claim(machine.name, &guest->control, why);
	if (rc == 0)
		rc = guest_open_console(guest, why);
	if (rc < 0)
		return rc;
	if (guest->console_fd >= 0)
		machine.console_out = guest->console_fd;
	machine.on_restart = on_restart;
	machine.on_restart_context = guest;
	rc = machine_create(&machine, &guest->machine, why);
	if (rc == 0)
		rc = guest_take_signals(guest, why);
	if (rc == 0)
		rc = guest_share(guest, why);
	guest->started_ns = now_ns();
	if (rc == 0)
		rc = control_serve(guest->control, machine_loop(guest->machine), &control_ops,
				   guest, why);
	if (rc == 0 && config->on_started)
		rc = config->on_started(config->context, why);
	if (rc == 0)
		notify_send("READY=1\nMAINPID=%d\nSTATUS=Guest %s runs.", (int)getpid(),
			    machine.name);
	return rc;
}

static void guest_end(struct guest *guest)
{
	control_free(guest->control);
	gmem_share_free(guest->share);
	for (size_t i = 0; i < ARRAY_SIZE(guest->signals); i++)
		loop_remove(guest->signals[i]);
	machine_free(guest->machine);
	auto_close(&guest->console_fd);
}

static int status_of(enum vm_end end)
{
	switch (end) {
	case VM_END_POWEROFF:
		return STATUS_POWERED_OFF;
	case VM_END_REBOOT:
		return STATUS_REBOOTED;
	case VM_END_PANIC:
		return STATUS_PANICKED;
	case VM_END_TRIPLE_FAULT:
		return STATUS_TRIPLE_FAULT;
	case VM_END_USER:
		return STATUS_ENDED;
	case VM_END_NONE:
	case VM_END_ERROR:
		break;
	}
	return -EIO;
}

/*
 * What a guest holds is not for the host's disk. 1, not 0: that also keeps a program
 * that takes core dumps from a pipe from getting one, see core(5).
 */
static void no_core_dump(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < 1 ? limit.rlim_max : 1;
	if (setrlimit(RLIMIT_CORE, &limit) < 0)
		log_debug("core dumps cannot be switched off");
}

/*
 * A thread here needs some kilobytes of stack. What libc reserves instead, 8 MiB, is
 * room for huge pages: where the host gives them unasked, a stack costs 2 MiB.
 */
static void small_stacks(void)
{
	pthread_attr_t attributes;

	if (pthread_attr_init(&attributes) != 0)
		return;
	if (pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES) != 0 ||
	    pthread_setattr_default_np(&attributes) != 0)
		log_debug("threads keep their large stacks");
	pthread_attr_destroy(&attributes);
}

int guest_run(const struct guest_config *config, struct fail *why)
{
	struct guest guest = { .config = config, .console_fd = -1 };
	enum vm_end end = VM_END_NONE;
	int rc;

	log_set_level(config->log_level);
	prepare_signals();
	no_core_dump();
	small_stacks();
	rc = guest_start(&guest, why);
	if (rc == 0)
		rc = machine_run(guest.machine, &end, why);
	/* not when the button is pressed: that is a wish, which a guest may decline */
	notify_send("STOPPING=1\nSTATUS=Guest %s has ended.", config->machine.name);
	guest_end(&guest);
	if (rc == -EINTR) /* told to end before there was a loop to hear it */
		return STATUS_ENDED;
	return rc < 0 ? rc : status_of(end);
}
