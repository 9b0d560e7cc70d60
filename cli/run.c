/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - samepage run: boot guests */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/parse.h"
#include "cli/disk_option.h"
#include "cli/fleet.h"
#include "cli/guest.h"
#include "cli/net_option.h"
#include "cli/verb.h"
#include "devices/virtio_vsock.h"
#include "wire/codec.h"

#define DEFAULT_MEM (UINT64_C(256) << 20)
#define MAX_COUNT   1000

struct settings {
	const char *kernel, *initrd, *cmdline, *image, *ram_image;
	const char *name, *domain, *console;
	uint64_t mem; /* bytes; 0: not given */
	uint64_t cpus, count, dedup_cpu, max_sharers;
	unsigned int on_reboot, on_panic; /* enum machine_after */
	unsigned int hugepages;		  /* enum gmem_hugepages */
	enum log_level log_level;
	struct option_texts disks, nets;
	bool detach, dedup, paused, rng, balloon, second_console, agent;
	uint64_t vsock; /* context ID of the first guest; 0: none */
};

static const struct settings defaults = {
	.cpus = 1,
	.count = 1,
	.dedup = true,
	.dedup_cpu = 20,
	.hugepages = GMEM_HUGEPAGES_AUTO,
	.on_reboot = MACHINE_RESTARTS,
	.on_panic = MACHINE_EXITS,
	.rng = true,
	.balloon = true,
	.log_level = LOG_LEVEL_WARN,
};

#define FIELD(field) offsetof(struct settings, field)

static const struct option options[] = {
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
	  OPTION_NUMBER, FIELD(count), 1, MAX_COUNT, 0 },
	{ "detach", NULL, "return once the guests run; they go on in the background", OPTION_FLAG,
	  FIELD(detach), 0, 0, 0 },
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

/* --------------------------------------------------------------- the check */

static int check_boot(const struct settings *settings, struct fail *why)
{
	if (settings->ram_image && (settings->kernel || settings->image))
		return fail_set(why, EINVAL, "--%s and --ram-image exclude each other",
				settings->kernel ? "kernel" : "image");
	if (settings->image && (settings->kernel || settings->initrd))
		return fail_set(why, EINVAL,
				"--image brings its own kernel and initrd: leave out --kernel and "
				"--initrd, or give the disk with --disk");
	if (settings->ram_image && !settings->paused)
		return fail_set(
			why, EINVAL,
			"--ram-image needs --paused: an image holds memory, but no CPU state");
	if (settings->image && strncmp(settings->image, "nbd", 3) == 0 &&
	    strstr(settings->image, "://"))
		return fail_set(
			why, EINVAL,
			"--image takes a raw image or a block device: give '%s' with --disk, "
			"and its kernel with --kernel",
			settings->image);
	if (!settings->ram_image && !settings->kernel && !settings->image)
		return fail_set(
			why, EINVAL,
			"--kernel is missing: say which kernel to boot, or with --image which disk");
	if (settings->ram_image && (settings->initrd || settings->cmdline))
		return fail_set(why, EINVAL, "--initrd and --cmdline need --kernel");
	if (settings->mem % GMEM_PAGE_SIZE)
		return fail_set(why, EINVAL, "--mem %" PRIu64 "K is not a multiple of 4K",
				settings->mem >> 10);
	return 0;
}

static bool console_is_file(const char *console)
{
	return console && strcmp(console, "stdio") != 0 && strcmp(console, "none") != 0;
}

static int check_console(const struct settings *settings, struct fail *why)
{
	const char *console = settings->console;

	if (console && !*console)
		return fail_set(why, EINVAL, "--console is empty: say stdio, none or a file");
	if (settings->detach && console && strcmp(console, "stdio") == 0)
		return fail_set(why, EINVAL,
				"--console stdio and --detach exclude each other: a detached guest "
				"has no terminal");
	if (settings->count > 1 && console_is_file(console) && !strstr(console, "%n"))
		return fail_set(why, EINVAL,
				"several guests can't share the console file '%s': put %%n, which "
				"stands for the guest's name, into it",
				console);
	return 0;
}

/* The image is the first disk. */
static unsigned int disks_given(const struct settings *settings)
{
	return settings->disks.count + (settings->image ? 1 : 0);
}

static const char *disk_given(const struct settings *settings, unsigned int i)
{
	if (!settings->image)
		return settings->disks.texts[i];
	return i == 0 ? settings->image : settings->disks.texts[i - 1];
}

static int check_disks(const struct settings *settings, struct fail *why)
{
	struct disk_option disk;
	int rc = 0;

	if (disks_given(settings) > BOARD_MAX_DISKS)
		return fail_set(why, EINVAL, "a guest has at most %d disks", BOARD_MAX_DISKS);
	for (unsigned int i = 0; rc == 0 && i < disks_given(settings); i++) {
		rc = disk_option_parse(disk_given(settings, i), NULL, &disk, why);
		if (rc == 0 && settings->count > 1 && !disk.is_each_guests)
			rc = fail_set(
				why, EINVAL,
				"several guests can't write to the disk '%s': add ro or overlay, "
				"or put %%n, which stands for the guest's name, into it",
				disk.file);
	}
	return rc;
}

static int check_nets(const struct settings *settings, struct fail *why)
{
	struct net_options nets;
	int rc = net_options_parse(&settings->nets, "guest", (unsigned int)settings->cpus, &nets,
				   why);

	if (rc == 0 && settings->count > 1)
		rc = net_options_check_shared(&settings->nets, why);
	return rc;
}

static int run_check(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	int rc = check_boot(settings, why);

	if (rc == 0)
		rc = check_console(settings, why);
	if (rc == 0)
		rc = check_disks(settings, why);
	if (rc == 0)
		rc = check_nets(settings, why);
	if (rc == 0 && settings->vsock + settings->count - 1 > VIRTIO_VSOCK_LAST_CID)
		rc = fail_set(why, ERANGE, "--vsock %" PRIu64 " is too high for --count %" PRIu64,
			      settings->vsock, settings->count);
	if (rc == 0 && settings->name && settings->count > 1 &&
	    strlen(settings->name) + strlen("-1000") > NAME_MAX_LENGTH)
		rc = fail_set(why, EINVAL, "--name '%s' is too long: with --count a number follows",
			      settings->name);
	return rc;
}

/* --------------------------------------------------------------- the guests */

/* The texts that a guest's configuration borrows. */
struct guest_texts {
	char name[WIRE_TEXT_SIZE];
	char console_path[PATH_MAX];
	/* on the heap */
	struct disk_option *disks;
	struct net_options *nets;
};

/* %n becomes the name, all else stays. */
static int expand_console(const char *pattern, struct guest_texts *texts, struct fail *why)
{
	char *end = texts->console_path;
	size_t room = sizeof(texts->console_path);

	while (*pattern) {
		bool is_name = strncmp(pattern, "%n", 2) == 0;
		int n = is_name ? snprintf(end, room, "%s", texts->name)
				: snprintf(end, room, "%c", *pattern);

		if (n < 0 || (size_t)n >= room)
			return fail_set(why, ENAMETOOLONG,
					"the path of the console file is too long");
		end += n;
		room -= (size_t)n;
		pattern += is_name ? 2 : 1;
	}
	return 0;
}

/* RAM is as large as the image, in whole MiB, where the user does not say otherwise. */
static int mem_bytes(const struct settings *settings, uint64_t *ret_bytes, struct fail *why)
{
	struct stat st;

	if (settings->mem || !settings->ram_image) {
		*ret_bytes = settings->mem ? settings->mem : DEFAULT_MEM;
		return 0;
	}
	if (stat(settings->ram_image, &st) < 0)
		return fail_errno(why, errno, "cannot open the memory image '%s'",
				  settings->ram_image);
	if (!S_ISREG(st.st_mode) || st.st_size == 0 || (uint64_t)st.st_size > MACHINE_MAX_MEMORY)
		return fail_set(why, EINVAL, "'%s' is not a memory image", settings->ram_image);
	*ret_bytes = ((uint64_t)st.st_size + MACHINE_MIN_MEMORY - 1) / MACHINE_MIN_MEMORY *
		     MACHINE_MIN_MEMORY;
	return 0;
}

static void name_guest(const struct settings *settings, uint16_t index, struct guest_texts *texts)
{
	char stem[NAME_MAX_LENGTH + 1];

	if (settings->name)
		snprintf(stem, sizeof(stem), "%s", settings->name);
	else
		snprintf(stem, sizeof(stem), "guest-%d", (int)getpid());
	if (settings->count == 1)
		snprintf(texts->name, sizeof(texts->name), "%s", stem);
	else
		snprintf(texts->name, sizeof(texts->name), "%.57s-%u", stem, index + 1u);
}

static int configure_disks(const struct settings *settings, struct guest_texts *texts,
			   struct machine_config *machine, struct fail *why)
{
	int rc = 0;

	machine->disk_count = disks_given(settings);
	if (machine->disk_count == 0)
		return 0;
	texts->disks = calloc(machine->disk_count, sizeof(*texts->disks));
	if (!texts->disks)
		return fail_errno(why, ENOMEM, "cannot configure the guest's disks");
	if (settings->image)
		machine->image = texts->disks[0].file;
	for (unsigned int i = 0; rc == 0 && i < machine->disk_count; i++) {
		struct disk_option *disk = &texts->disks[i];

		rc = disk_option_parse(disk_given(settings, i), texts->name, disk, why);
		machine->disks[i].config = disk_option_config(disk);
		machine->disks[i].serial = disk->serial[0] ? disk->serial : NULL;
	}
	return rc;
}

static int configure_nets(const struct settings *settings, struct guest_texts *texts,
			  struct machine_config *machine, struct fail *why)
{
	int rc;

	if (settings->nets.count == 0)
		return 0;
	texts->nets = calloc(1, sizeof(*texts->nets));
	if (!texts->nets)
		return fail_errno(why, ENOMEM, "cannot configure the guest's networks");
	rc = net_options_parse(&settings->nets, texts->name, machine->cpus, texts->nets, why);
	if (rc < 0)
		return rc;
	machine->net_count = texts->nets->count;
	memcpy(machine->nets, texts->nets->nets, sizeof(machine->nets));
	return 0;
}

static int configure_guest(const struct settings *settings, const struct guest_config *alike,
			   uint16_t index, struct guest_texts *texts, struct guest_config *ret,
			   struct fail *why)
{
	int rc;

	*ret = *alike;
	name_guest(settings, index, texts);
	ret->machine.name = texts->name;
	ret->machine.vsock_cid = settings->vsock ? (uint32_t)settings->vsock + index : 0;
	rc = configure_disks(settings, texts, &ret->machine, why);
	if (rc == 0)
		rc = configure_nets(settings, texts, &ret->machine, why);
	if (rc < 0)
		return rc;
	if (!console_is_file(settings->console))
		return 0;
	ret->console_path = texts->console_path;
	return expand_console(settings->console, texts, why);
}

/* What all guests of this command have in common. domain: storage for a private one. */
static int configure_alike(const struct settings *settings, char domain[WIRE_TEXT_SIZE],
			   struct guest_config *ret_config, struct fail *why)
{
	uint64_t draw;
	bool on_stdio =
		settings->console ? strcmp(settings->console, "stdio") == 0 : !settings->detach;

	*ret_config = (struct guest_config){
	    .machine =
		{
		    .kernel = settings->kernel,
		    .initrd = settings->initrd,
		    .cmdline = settings->cmdline,
		    .ram_image = settings->ram_image,
		    .cpus = (unsigned int)settings->cpus,
		    .nests = !settings->dedup,
		    .paused = settings->paused,
		    .hugepages = (enum gmem_hugepages)settings->hugepages,
		    .on_reboot = (enum machine_after)settings->on_reboot,
		    .on_panic = (enum machine_after)settings->on_panic,
		    .has_rng = settings->rng,
		    .has_balloon = settings->balloon,
		    .has_second_console = settings->second_console,
		    .has_agent = settings->agent,
		    .console_in = on_stdio ? STDIN_FILENO : -1,
		    .console_out = on_stdio ? STDOUT_FILENO : -1,
		},
	    .domain = settings->domain ? settings->domain : domain,
	    .dedup = settings->dedup,
	    .dedup_cpu_percent = (unsigned int)settings->dedup_cpu,
	    .max_sharers = (uint32_t)settings->max_sharers,
	};
	/*
	 * No user can name it, since names don't start with '@', and no other command can
	 * draw it again, as it could get the same process number.
	 */
	if (getrandom(&draw, sizeof(draw), 0) != (ssize_t)sizeof(draw))
		return fail_errno(why, EIO, "cannot draw the name of a private domain");
	snprintf(domain, WIRE_TEXT_SIZE, "@%.40s.%012llx",
		 settings->name ? settings->name : "guest", (unsigned long long)draw >> 16);
	return mem_bytes(settings, &ret_config->machine.mem_bytes, why);
}

static void texts_free(struct guest_texts *texts)
{
	free(texts->disks);
	free(texts->nets);
}

static int run_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	AUTO_FREE struct guest_config *configs = calloc(settings->count, sizeof(*configs));
	AUTO_FREE struct guest_texts *texts = calloc(settings->count, sizeof(*texts));
	char domain[WIRE_TEXT_SIZE];
	struct guest_config alike;
	int rc;

	if (!configs || !texts)
		return fail_errno(why, ENOMEM, "cannot start the guests");
	log_set_level(settings->log_level);
	rc = configure_alike(settings, domain, &alike, why);
	for (uint16_t i = 0; rc == 0 && i < settings->count; i++)
		rc = configure_guest(settings, &alike, i, &texts[i], &configs[i], why);
	if (rc == 0 && settings->count == 1 && !settings->detach)
		rc = guest_run(&configs[0], why);
	else if (rc == 0)
		rc = fleet_run(configs, settings->count, settings->detach, why);
	for (uint16_t i = 0; i < settings->count; i++)
		texts_free(&texts[i]);
	return rc;
}

const struct verb verb_run = {
	.name = "run",
	.purpose = "boot guests that share their equal pages",
	.synopsis = "--kernel FILE|--image FILE [OPTIONS]",
	.example =
		"  samepage run --kernel vmlinuz --initrd initrd.img --mem 512M\n"
		"  samepage run --kernel vmlinuz --initrd initrd.img --name web --count 4 --detach\n"
		"  samepage run --image debian.img,overlay --mem 1G\n",
	.options = options,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.check = run_check,
	.exec = run_exec,
};
