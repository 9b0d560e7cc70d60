/* SPDX-License-Identifier: Apache-2.0 */
/* pause.c - samepage pause: stop the vCPUs of guests, keep their memory */
#include "cli/each.h"
#include "cli/verb.h"

static const struct option options[] = { { 0 } };

static int pause_one(const char *name, const struct call *call, struct fail *why)
{
	return each_request(name, CONTROL_PAUSE, why);
}

static int pause_exec(const struct call *call, struct fail *why)
{
	return each_guest(call, pause_one, why);
}

const struct verb verb_pause = {
	.name = "pause",
	.purpose = "stop the vCPUs of guests, keep their memory",
	.synopsis = "NAME...",
	.example = "  samepage pause web-1\n",
	.options = options,
	.min_operands = 1,
	.max_operands = -1,
	.exec = pause_exec,
};
