/* SPDX-License-Identifier: Apache-2.0 */
/* pause.c - samepage pause: stop the vCPUs of guests, keep their memory */
#include "cli/targets.h"

static const struct option options[] = { TARGETS_OPTIONS, { 0 } };

static int pause_one(const char *name, const struct call *call, struct fail *why)
{
	return target_request(name, CONTROL_PAUSE, why);
}

static int pause_exec(const struct call *call, struct fail *why)
{
	return targets_each(call, pause_one, why);
}

const struct verb verb_pause = {
	.name = "pause",
	.purpose = "stop the vCPUs of guests, keep their memory",
	.synopsis = TARGETS_SYNOPSIS,
	.example = "  samepage pause web-1\n"
		   "  samepage pause --domain web\n",
	.options = options,
	.settings_size = sizeof(struct target_choice),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = targets_check,
	.exec = pause_exec,
};
