/* SPDX-License-Identifier: Apache-2.0 */
/* version.c - samepage version */
#include <stdio.h>

#include "cli/verb.h"
#include "config.h"

static const struct option options[] = { { 0 } };

static int version_exec(const struct call *call, struct fail *why)
{
	printf("samepage %s\n", PACKAGE_VERSION);
	return 0;
}

const struct verb verb_version = {
	.name = "version",
	.purpose = "print the version",
	.synopsis = "",
	.example = "  samepage version\n",
	.options = options,
	.exec = version_exec,
};
