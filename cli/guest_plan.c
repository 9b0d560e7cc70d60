/* SPDX-License-Identifier: Apache-2.0 */
/* guest_plan.c - one guest of a definition, ready to be started */
#include "cli/guest_plan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/disk_option.h"
#include "cli/net_option.h"
#include "cli/run.h"

#define DEFAULT_MEM (UINT64_C(256) << 20)

struct guest_plan {
	struct guest_config config; /* borrows the rest */
	char name[WIRE_TEXT_SIZE];
	char domain[WIRE_TEXT_SIZE];
	char console_path[PATH_MAX];
	struct disk_option *disks;
	struct net_options *nets;
	char *definition; /* as lines of a file */
};

/* A file's %n becomes the name, all else stays. */
static int configure_console(const struct definition *definition, struct guest_plan *plan,
			     struct fail *why)
{
	const char *pattern = definition->console;
	char *end = plan->console_path;
	size_t room = sizeof(plan->console_path);

	if (!definition_console_is_file(definition))
		return 0;
	plan->config.console_path = plan->console_path;
	while (*pattern) {
		bool is_name = strncmp(pattern, "%n", 2) == 0;
		int n = is_name ? snprintf(end, room, "%s", plan->name)
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
static int mem_bytes(const struct definition *definition, uint64_t *ret_bytes, struct fail *why)
{
	struct stat st;

	if (definition->mem || !definition->ram_image) {
		*ret_bytes = definition->mem ? definition->mem : DEFAULT_MEM;
		return 0;
	}
	if (stat(definition->ram_image, &st) < 0)
		return fail_errno(why, errno, "cannot open the memory image '%s'",
				  definition->ram_image);
	if (!S_ISREG(st.st_mode) || st.st_size == 0 || (uint64_t)st.st_size > MACHINE_MAX_MEMORY)
		return fail_set(why, EINVAL, "'%s' is not a memory image", definition->ram_image);
	*ret_bytes = ((uint64_t)st.st_size + MACHINE_MIN_MEMORY - 1) / MACHINE_MIN_MEMORY *
		     MACHINE_MIN_MEMORY;
	return 0;
}

static int configure_disks(const struct definition *definition, struct guest_plan *plan,
			   struct machine_config *machine, struct fail *why)
{
	int rc = 0;

	machine->disk_count = definition_disks(definition);
	if (machine->disk_count == 0)
		return 0;
	plan->disks = calloc(machine->disk_count, sizeof(*plan->disks));
	if (!plan->disks)
		return fail_errno(why, ENOMEM, "cannot configure the guest's disks");
	if (definition->image)
		machine->image = plan->disks[0].file;
	for (unsigned int i = 0; rc == 0 && i < machine->disk_count; i++) {
		struct disk_option *disk = &plan->disks[i];

		rc = disk_option_parse(definition_disk(definition, i), plan->name, disk, why);
		machine->disks[i].config = disk_option_config(disk);
		machine->disks[i].serial = disk->serial[0] ? disk->serial : NULL;
	}
	return rc;
}

static int configure_nets(const struct definition *definition, struct guest_plan *plan,
			  struct machine_config *machine, struct fail *why)
{
	int rc;

	if (definition->nets.count == 0)
		return 0;
	plan->nets = calloc(1, sizeof(*plan->nets));
	if (!plan->nets)
		return fail_errno(why, ENOMEM, "cannot configure the guest's networks");
	rc = net_options_parse(&definition->nets, plan->name, machine->cpus, plan->nets, why);
	if (rc < 0)
		return rc;
	machine->net_count = plan->nets->count;
	memcpy(machine->nets, plan->nets->nets, sizeof(machine->nets));
	return 0;
}

/* As if this guest stood alone in a file: how many are like it, or where they are, is no part of
 * it. */
static int describe(const struct definition *definition, uint16_t index, struct guest_plan *plan,
		    struct fail *why)
{
	struct definition own = *definition;
	size_t size;
	FILE *to = open_memstream(&plan->definition, &size);

	if (!to)
		return fail_errno(why, errno, "cannot configure guest '%s'", plan->name);
	own.name = plan->name;
	own.domain = plan->domain;
	own.count = 1;
	own.vsock = definition->vsock ? definition->vsock + index : 0;
	options_values_print(guest_options, &own, to);
	if (fclose(to) != 0)
		return fail_errno(why, ENOMEM, "cannot configure guest '%s'", plan->name);
	plan->config.definition = plan->definition;
	return 0;
}

/* All but what needs the plan's own texts. */
static struct guest_config guest_config(const struct definition *definition, uint16_t index,
					bool detach)
{
	bool on_stdio = definition->console ? strcmp(definition->console, "stdio") == 0 : !detach;

	return (struct guest_config){
		.machine =
			{
				.kernel = definition->kernel,
				.initrd = definition->initrd,
				.cmdline = definition->cmdline,
				.ram_image = definition->ram_image,
				.cpus = (unsigned int)definition->cpus,
				.nests = !definition->dedup,
				.paused = definition->paused,
				.hugepages = (enum gmem_hugepages)definition->hugepages,
				.on_reboot = (enum machine_after)definition->on_reboot,
				.on_panic = (enum machine_after)definition->on_panic,
				.has_rng = definition->rng,
				.has_balloon = definition->balloon,
				.has_second_console = definition->second_console,
				.has_agent = definition->agent,
				.vsock_cid = definition->vsock
						     ? (uint32_t)definition->vsock + index
						     : 0,
				.console_in = on_stdio ? STDIN_FILENO : -1,
				.console_out = on_stdio ? STDOUT_FILENO : -1,
			},
		.log_level = definition->log_level,
		.dedup = definition->dedup,
		.dedup_cpu_percent = (unsigned int)definition->dedup_cpu,
		.max_sharers = (uint32_t)definition->max_sharers,
	};
}

int guest_plan_create(const struct definition *definition, uint16_t index, const char *domain,
		      bool detach, struct guest_plan **ret_plan, struct fail *why)
{
	struct guest_plan *plan = calloc(1, sizeof(*plan));
	int rc;

	if (!plan)
		return fail_errno(why, ENOMEM, "cannot configure the guest");
	plan->config = guest_config(definition, index, detach);
	definition_name(definition, index, plan->name);
	plan->config.machine.name = plan->name;
	snprintf(plan->domain, sizeof(plan->domain), "%s",
		 definition->domain ? definition->domain : domain);
	plan->config.domain = plan->domain;
	if (definition->dedup && definition->kaslr == KASLR_DOMAIN)
		plan->config.machine.kaslr_domain = plan->domain;
	rc = mem_bytes(definition, &plan->config.machine.mem_bytes, why);
	if (rc == 0)
		rc = configure_disks(definition, plan, &plan->config.machine, why);
	if (rc == 0)
		rc = configure_nets(definition, plan, &plan->config.machine, why);
	if (rc == 0)
		rc = configure_console(definition, plan, why);
	if (rc == 0)
		rc = describe(definition, index, plan, why);
	if (rc < 0) {
		guest_plan_free(plan);
		return rc;
	}
	*ret_plan = plan;
	return 0;
}

void guest_plan_free(struct guest_plan *plan)
{
	if (!plan)
		return;
	free(plan->disks);
	free(plan->nets);
	free(plan->definition);
	free(plan);
}

const struct guest_config *guest_plan_config(const struct guest_plan *plan)
{
	return &plan->config;
}
