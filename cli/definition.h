/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition.h - what a guest is, as options or a section of a file define it
 *
 * One definition may stand for several guests, which differ in their names and in what
 * %n stands for. All texts are borrowed.
 */
#ifndef CLI_DEFINITION_H
#define CLI_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/log.h"
#include "cli/machine.h"
#include "cli/option.h"
#include "wire/codec.h"

#define DEFINITION_MAX_COUNT 1000

/* Who chooses the kernel's address; as the words of --kaslr. */
enum definition_kaslr { KASLR_GUEST, KASLR_DOMAIN };

/* The fields of guest_options (cli/run.h). */
struct definition {
	const char *kernel, *initrd, *cmdline, *image, *ram_image;
	const char *name, *domain, *console;
	uint64_t mem; /* bytes; 0: not given */
	uint64_t cpus, count, dedup_cpu, max_sharers;
	unsigned int on_reboot, on_panic; /* enum machine_after */
	unsigned int hugepages;		  /* enum gmem_hugepages */
	unsigned int kaslr;		  /* enum definition_kaslr */
	enum log_level log_level;
	struct option_texts disks, nets;
	bool dedup, paused, rng, balloon, second_console, agent;
	uint64_t vsock; /* context ID of the first guest; 0: none */
};

/* What is not said. */
#define DEFINITION_DEFAULTS                                                                        \
	{                                                                                          \
		.cpus = 1, .count = 1, .dedup = true, .dedup_cpu = 20, .kaslr = KASLR_DOMAIN,      \
		.hugepages = GMEM_HUGEPAGES_AUTO, .on_reboot = MACHINE_RESTARTS,                   \
		.on_panic = MACHINE_EXITS, .rng = true, .balloon = true,                           \
		.log_level = LOG_LEVEL_WARN,                                                       \
	}

/* What single options can't tell. detach: the guests have no terminal. -errno. */
CHECKED int definition_check(const struct definition *definition, bool detach, struct fail *why);

bool definition_console_is_file(const struct definition *definition);

/* The image is the first disk. */
unsigned int definition_disks(const struct definition *definition);
const char *definition_disk(const struct definition *definition, unsigned int i);

/* Of the guest with this index, from 0 to count - 1. */
void definition_name(const struct definition *definition, uint16_t index,
		     char ret_name[WIRE_TEXT_SIZE]);

#endif
