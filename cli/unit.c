/* SPDX-License-Identifier: Apache-2.0 */
/* unit.c - guests that systemd looks after, one unit samepage@NAME.service for each */
#include "cli/unit.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "wire/codec.h"

#define UNIT_FORMAT "samepage@%s.service"

struct unit_name {
	char text[sizeof(UNIT_FORMAT) + WIRE_TEXT_SIZE];
};

void unit_use_rundir(void)
{
	setenv("SAMEPAGE_RUNDIR", UNITS_RUNDIR, 0);
}

int unit_check_file(const char *absolute, struct fail *why)
{
	size_t length = strlen(UNITS_CONFIG);
	const char *suffix = strrchr(absolute, '.');

	if (strncmp(absolute, UNITS_CONFIG "/", length + 1) == 0 &&
	    !strchr(absolute + length + 1, '/') && suffix && strcmp(suffix, ".conf") == 0)
		return 0;
	return fail_set(why, EINVAL,
			"%s is not where units look for their guests: put it into " UNITS_CONFIG
			" under a name that ends in .conf",
			absolute);
}

int unit_become(const char *verb, const char *const *guests, size_t count, struct fail *why)
{
	AUTO_FREE struct unit_name *names = calloc(count + 1, sizeof(*names));
	AUTO_FREE const char **argv = calloc(count + 4, sizeof(*argv));

	if (!names || !argv)
		return fail_errno(why, ENOMEM, "cannot call systemctl");
	argv[0] = "systemctl";
	argv[1] = verb;
	argv[2] = "--";
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i].text, sizeof(names[i].text), UNIT_FORMAT, guests[i]);
		argv[3 + i] = names[i].text;
	}
	execvp(argv[0], (char **)(uintptr_t)argv);
	return fail_errno(why, errno, "cannot call systemctl: is this machine run by systemd?");
}
