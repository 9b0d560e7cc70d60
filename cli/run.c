/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - samepage run: boot guests */
#include "cli/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "cli/fleet.h"
#include "cli/fleet_file.h"
#include "cli/guest_plan.h"
#include "cli/member.h"
#include "cli/verb.h"
#include "devices/virtio_vsock.h"

struct settings {
	struct definition definition; /* first: the fields of guest_options are in it */
	const char *config, *only;
	bool detach;
};

#define FIELD(field)	     offsetof(struct definition, field)
#define COMMAND_FIELD(field) offsetof(struct settings, field)

/*
 * The command's own rows stand first: what is a guest's can be a line of a file as well,
 * and is one row for both.
 */
static const struct option options[] = {
	{ "config", "FILE", "the guests of this file, see samepage.conf(5)", OPTION_TEXT,
	  COMMAND_FIELD(config), 0, 0, 0 },
	{ "guest", "NAME", "only this guest of the file, or of a directory's files *.conf",
	  OPTION_NAME, COMMAND_FIELD(only), 0, 0, 0 },
	{ "detach", NULL, "return once the guests run; they go on in the background", OPTION_FLAG,
	  COMMAND_FIELD(detach), 0, 0, 0 },
#define COMMAND_ROWS 3
	{ "kernel", "FILE", "the kernel: bzImage, or ELF with a PVH entry", OPTION_TEXT,
	  FIELD(kernel), 0, 0, 0 },
	{ "initrd", "FILE", "the initial RAM file system", OPTION_TEXT, FIELD(initrd), 0, 0, 0 },
	{ "cmdline", "TEXT",
	  "the kernel's command line (default: " MACHINE_DEFAULT_CMDLINE ";\n"
	  "with --image that of the image)",
	  OPTION_TEXT, FIELD(cmdline), 0, 0, 0 },
	{ "image", "FILE[,...]",
	  "boot the kernel that is installed on this disk, as its boot loader would;\n"
	  "it is the guest's first disk, and the same may follow as behind --disk",
	  OPTION_TEXT, FIELD(image), 0, 0, 0 },
	{ "disk", "FILE[,...]",
	  "a disk, several if given again: a raw image, a block device or an NBD address;\n"
	  "then: ro, raw, overlay[=DIR] (writes are the guest's own and go with it),\n"
	  "serial=TEXT; %n stands for the guest's name",
	  OPTION_TEXTS, FIELD(disks), 0, 0, 0 },
	{ "net", "user[,...]|tap=NAME[,...]|none",
	  "a network, several if given again: user[,forward=HOST:GUEST]... (through passt,\n"
	  "without privileges), tap=NAME[,vhost=on|off], or none (the default);\n"
	  "mac=ADDRESS may follow; %n stands for the guest's name",
	  OPTION_TEXTS, FIELD(nets), 0, 0, 0 },
	{ "mem", "SIZE",
	  "guest memory; K, M, G or T may follow, else it is in MiB\n"
	  "(default 256M; with --ram-image the size of the image)",
	  OPTION_SIZE, FIELD(mem), MACHINE_MIN_MEMORY, MACHINE_MAX_MEMORY, 0 },
	{ "cpus", "NUMBER", "vCPUs, 1 to 32 (default 1)", OPTION_NUMBER, FIELD(cpus), 1,
	  VM_MAX_CPUS, 0 },
	{ "name", "NAME",
	  "the guest's name (default guest-PID); with --count it is NAME-1, NAME-2 ...",
	  OPTION_NAME, FIELD(name), 0, 0, 0 },
	{ "count", "NUMBER", "start so many alike guests, which share their memory (1 to 1000)",
	  OPTION_NUMBER, FIELD(count), 1, DEFINITION_MAX_COUNT, 0 },
	{ "console", "stdio|none|FILE",
	  "the serial console: stdio, none, or a file for its output, where %n\n"
	  "stands for the guest's name (default stdio; none with --detach)",
	  OPTION_TEXT, FIELD(console), 0, 0, 0 },
	{ "domain", "DOMAIN",
	  "share memory with the guests of other commands that name this domain\n"
	  "(default: only with the guests of this command)",
	  OPTION_NAME, FIELD(domain), 0, 0, 0 },
	{ "dedup", "on|off", "whether memory is shared at all (default on)", OPTION_ON_OFF,
	  FIELD(dedup), 0, 0, 0 },
	{ "dedup-cpu", "PERCENT",
	  "of one processor that sharing may use for each guest, 1 to 100 (default 20)",
	  OPTION_NUMBER, FIELD(dedup_cpu), 1, 100, 0 },
	{ "max-sharers", "NUMBER",
	  "guests that share one copy of a page at most, 1 to 65535; the next ones share\n"
	  "another copy (default: any number)",
	  OPTION_NUMBER, FIELD(max_sharers), 1, 65535, 0 },
	{ "hugepages", "off|thp|auto",
	  "huge pages (2 MiB) below the guest's memory: none, as many as the host has, or\n"
	  "(auto, the default) while it boots, and then where splitting them yields little",
	  OPTION_CHOICE, FIELD(hugepages), 0, 0, 0 },
	{ "kaslr", "guest|domain",
	  "who chooses the random address of the kernel in a bzImage: itself, or (domain, the\n"
	  "default) samepage, one for all guests of the domain, so that they share the kernel",
	  OPTION_CHOICE, FIELD(kaslr), 0, 0, 0 },
	{ "balloon", "on|off",
	  "whether the guest can give back memory that it does not use (default on)", OPTION_ON_OFF,
	  FIELD(balloon), 0, 0, 0 },
	{ "rng", "on|off", "whether the guest gets randomness from the host (default on)",
	  OPTION_ON_OFF, FIELD(rng), 0, 0, 0 },
	{ "second-console", NULL,
	  "a second console (/dev/hvc0 in the guest); samepage console --second leads to it",
	  OPTION_FLAG, FIELD(second_console), 0, 0, 0 },
	{ "agent", NULL,
	  "a port for the QEMU guest agent; a socket beside the guest's own leads to it",
	  OPTION_FLAG, FIELD(agent), 0, 0, 0 },
	{ "vsock", "CID",
	  "sockets between guest and host (AF_VSOCK); CID, from 3 on, is the guest's\n"
	  "address; with --count it is that of the first guest",
	  OPTION_NUMBER, FIELD(vsock), VIRTIO_VSOCK_FIRST_CID, VIRTIO_VSOCK_LAST_CID, 0 },
	{ "on-reboot", "exit|restart",
	  "what follows when the guest reboots: the end of samepage run, with status 3,\n"
	  "or the guest's next start (default restart)",
	  OPTION_CHOICE, FIELD(on_reboot), 0, 0, 0 },
	{ "on-panic", "exit|restart|pause",
	  "the same for a panic of its kernel, with status 4; paused it can be looked at\n"
	  "(default exit)",
	  OPTION_CHOICE, FIELD(on_panic), 0, 0, 0 },
	{ "ram-image", "FILE", "fill the memory from an image instead of booting; needs --paused",
	  OPTION_TEXT, FIELD(ram_image), 0, 0, 0 },
	{ "paused", NULL, "start with the vCPUs stopped", OPTION_FLAG, FIELD(paused), 0, 0, 0 },
	{ "log-level", "error|warn|info|debug", "how much is said (default warn)", OPTION_LEVEL,
	  FIELD(log_level), 0, 0, 0 },
	{ 0 },
};

const struct option *const guest_options = options + COMMAND_ROWS;

static int run_check(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;

	if (settings->only && !settings->config)
		return fail_set(why, EINVAL, "--guest needs --config: say in which file it is");
	/* with a file, what is checked is the two together */
	return settings->config ? 0
				: definition_check(&settings->definition, settings->detach, why);
}

/* The guests of this command. */
struct batch {
	struct guest_config *configs;
	struct guest_plan **plans;
	size_t count;
};

static void batch_free(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		guest_plan_free(batch->plans[i]);
	free(batch->plans);
	free(batch->configs);
}

static int batch_create(size_t room, struct batch *ret_batch, struct fail *why)
{
	*ret_batch = (struct batch){
		.configs = calloc(room, sizeof(*ret_batch->configs)),
		.plans = calloc(room, sizeof(struct guest_plan *)),
	};
	if (!ret_batch->configs || !ret_batch->plans)
		return fail_errno(why, ENOMEM, "cannot start the guests");
	return 0;
}

static int batch_add(struct batch *batch, const struct definition *definition, uint16_t index,
		     const char *domain, bool detach, struct fail *why)
{
	struct guest_plan *plan;
	int rc = guest_plan_create(definition, index, domain, detach, &plan, why);

	if (rc < 0)
		return rc;
	batch->configs[batch->count] = *guest_plan_config(plan);
	batch->plans[batch->count++] = plan;
	return 0;
}

static int batch_run(struct batch *batch, bool detach, struct fail *why)
{
	if (batch->count == 1 && !detach)
		return member_run_alone(&batch->configs[0], why);
	return fleet_run(batch->configs, batch->count, detach, why);
}

/*
 * No user can name it, since names don't start with '@', and no other command can
 * draw it again, as it could get the same process number.
 */
static int draw_domain(const struct definition *definition, char ret_domain[WIRE_TEXT_SIZE],
		       struct fail *why)
{
	uint64_t draw;

	if (getrandom(&draw, sizeof(draw), 0) != (ssize_t)sizeof(draw))
		return fail_errno(why, EIO, "cannot draw the name of a private domain");
	snprintf(ret_domain, WIRE_TEXT_SIZE, "@%.40s.%012llx",
		 definition->name ? definition->name : "guest", (unsigned long long)draw >> 16);
	return 0;
}

static int batch_of_options(const struct settings *settings, struct batch *ret_batch,
			    struct fail *why)
{
	const struct definition *definition = &settings->definition;
	char domain[WIRE_TEXT_SIZE];
	int rc = batch_create(definition->count, ret_batch, why);

	if (rc == 0)
		rc = draw_domain(definition, domain, why);
	for (uint16_t i = 0; rc == 0 && i < definition->count; i++)
		rc = batch_add(ret_batch, definition, i, domain, settings->detach, why);
	return rc;
}

static int batch_of_file(const struct settings *settings, const struct fleet_file *file,
			 struct batch *ret_batch, struct fail *why)
{
	int rc = batch_create(file->member_count, ret_batch, why);

	for (size_t i = 0; rc == 0 && i < file->member_count; i++)
		rc = batch_add(ret_batch, file->members[i].definition, file->members[i].index,
			       file->domain, settings->detach, why);
	return rc;
}

static int run_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	const struct fleet_override override = { .definition = &settings->definition,
						 .given = call->given >> COMMAND_ROWS,
						 .detach = settings->detach };
	struct fleet_file *file = NULL;
	struct batch batch = { NULL };
	int rc;

	log_set_level(settings->definition.log_level);
	if (settings->config &&
	    fleet_file_open(settings->config, settings->only, &override, &file, why) < 0) {
		fprintf(stderr, "samepage: %s\n", why->text);
		return STATUS_USAGE;
	}
	rc = file ? batch_of_file(settings, file, &batch, why)
		  : batch_of_options(settings, &batch, why);
	if (rc == 0)
		rc = batch_run(&batch, settings->detach, why);
	batch_free(&batch);
	fleet_file_free(file);
	return rc;
}

static const struct settings defaults = { .definition = DEFINITION_DEFAULTS };

const struct verb verb_run = {
	.name = "run",
	.purpose = "boot guests that share their equal pages",
	.synopsis = "--kernel FILE|--image FILE|--config FILE [OPTIONS]",
	.example =
		"  samepage run --kernel vmlinuz --initrd initrd.img --mem 512M\n"
		"  samepage run --kernel vmlinuz --initrd initrd.img --name web --count 4 --detach\n"
		"  samepage run --image debian.img,overlay --mem 1G\n"
		"  samepage run --config shop.conf --guest web-1\n",
	.options = options,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.check = run_check,
	.exec = run_exec,
};
