/* SPDX-License-Identifier: Apache-2.0 */
/* boot_source.c - what a machine starts with: a kernel, a disk's own kernel, or a memory image */
#include "cli/boot_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/image_boot.h"
#include "vmm/boot.h"
#include "vmm/reset_vector.h"
#include "vmm/vcpu.h"

#define START_SECONDS	120 /* to look for what a disk boots */
#define RESTART_SECONDS 15

static int image_load(const struct machine_config *config, struct gmem *gmem, struct fail *why)
{
	const char *path = config->ram_image;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(why, errno, "cannot open RAM image '%s'", path);
	return gmem_load_image(gmem, fd, path, why);
}

/* A guest that does not know where its neighbours' kernels are chooses by itself. */
static int kernel_seed(void *context, uint64_t *ret_seed)
{
	struct fail why;
	int rc = domain_seed_get(context, ret_seed, &why);

	if (rc < 0)
		log_warn("the kernel is not where those of the domain's other guests are, and "
			 "shares little with them: %s",
			 why.text);
	return rc;
}

/* files: without the tables, and the seed. */
static int kernel_load(const struct boot_target *target, struct boot_files *files, struct fail *why)
{
	struct vcpu_entry entry;
	int rc = acpi_write(target->gmem, &target->acpi, &files->rsdp);

	if (rc == 0)
		rc = reset_vector_write(target->gmem);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot write the firmware tables");
	files->seed = target->seed->domain ? kernel_seed : NULL;
	files->seed_context = target->seed;
	rc = boot_load(target->gmem, files, &entry, why);
	if (rc < 0)
		return rc;
	return vcpu_set_entry(vm_vcpu(target->vm, 0), &entry, why);
}

static int kernel_boot(const struct machine_config *config, const struct boot_target *target,
		       struct fail *why)
{
	struct boot_files files = {
		.kernel = config->kernel,
		.initrd = config->initrd,
		.cmdline = config->cmdline,
	};

	return kernel_load(target, &files, why);
}

/*
 * At each boot anew: the guest may have installed another kernel. It may also have installed
 * what keeps the tool busy, and while it is, nobody answers for a guest that was there before.
 */
static int disk_boot(const struct machine_config *config, const struct boot_target *target,
		     bool is_restart, struct fail *why)
{
	const struct image_limits limits = {
		.bytes = config->mem_bytes,
		.seconds = is_restart ? RESTART_SECONDS : START_SECONDS,
	};
	struct image_boot boot = IMAGE_BOOT_NONE;
	char kernel[32], initrd[32];
	struct boot_files files = { .kernel = kernel, .cmdline = config->cmdline };
	struct fail said;
	int rc = image_boot_find(config->image, &limits, &boot, why);

	if (rc < 0)
		return rc;
	snprintf(kernel, sizeof(kernel), "/proc/self/fd/%d", boot.kernel_fd);
	snprintf(initrd, sizeof(initrd), "/proc/self/fd/%d", boot.initrd_fd);
	if (boot.initrd_fd >= 0)
		files.initrd = initrd;
	if (!files.cmdline)
		files.cmdline = boot.cmdline;
	if (config->disks[0].config.overlay)
		log_info("'%s' is the base of an overlay: its own kernel boots, not what the guest "
			 "may have installed in the overlay",
			 config->image);
	log_debug("'%s' boots its entry '%s': %s", config->image, boot.title, files.cmdline);
	rc = kernel_load(target, &files, &said);
	if (rc < 0)
		fail_set(why, -rc, "cannot boot '%s' of '%s': %s", boot.kernel_path, config->image,
			 said.text);
	image_boot_done(&boot);
	return rc;
}

int boot_source_load(const struct machine_config *config, const struct boot_target *target,
		     bool is_restart, struct fail *why)
{
	if (config->ram_image)
		return image_load(config, target->gmem, why);
	return config->image ? disk_boot(config, target, is_restart, why)
			     : kernel_boot(config, target, why);
}
