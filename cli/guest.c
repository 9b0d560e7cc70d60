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
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rundir.h"
#include "cli/guest_report.h"
#include "cli/verb.h"
#include "vmm/control.h"
#include "vmm/gmem_share.h"

struct guest {
	const struct guest_config *config;
	struct machine *machine;
	struct gmem_share *share; /* NULL with --dedup=off */
	struct control *control;  /* holds the name */
	struct loop_source *signals[3];
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

	machine_pause(guest->machine);
	return 0;
}

static int on_resume(void *context, struct fail *why)
{
	struct guest *guest = context;

	return machine_resume(guest->machine, why);
}

/* On the loop's thread: until it is done, the next requests wait in their sockets. */
static int on_dump_ram(void *context, int fd, struct fail *why)
{
	struct guest *guest = context;
	struct vm *vm = machine_vm(guest->machine);
	int rc;

	vm_pause(vm);
	rc = gmem_dump_image(machine_gmem(guest->machine), fd, machine_name(guest->machine), why);
	vm_resume(vm);
	return rc;
}

static const struct control_ops control_ops = {
	.report = on_report,
	.power_button = on_power_button,
	.quit = on_quit,
	.pause = on_pause,
	.resume = on_resume,
	.dump_ram = on_dump_ram,
};

/* ------------------------------------------------------------------ signals */

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP };

/* A signal that comes while the guest is put together waits for its loop. */
static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
		sigaddset(&set, end_signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a console that nobody reads is an error number */
}

static void on_end_signal(void *context, int number)
{
	struct guest *guest = context;

	guest->is_shutting_down = true;
	machine_quit(guest->machine);
}

static int guest_take_signals(struct guest *guest, struct fail *why)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(end_signals); i++)
		rc = loop_add_signal(machine_loop(guest->machine), end_signals[i], on_end_signal,
				     guest, &guest->signals[i]);
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

static int guest_share(struct guest *guest, struct fail *why)
{
	struct gmem_share_config config = {
		.domain = guest->config->domain,
		.name = guest->config->machine.name,
		.cpu_percent = guest->config->dedup_cpu_percent,
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

int guest_run(const struct guest_config *config, struct fail *why)
{
	struct guest guest = { .config = config, .console_fd = -1 };
	enum vm_end end = VM_END_NONE;
	int rc;

	hold_signals();
	no_core_dump();
	rc = guest_start(&guest, why);
	if (rc == 0)
		rc = machine_run(guest.machine, &end, why);
	guest_end(&guest);
	return rc < 0 ? rc : status_of(end);
}
