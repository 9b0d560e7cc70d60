/* SPDX-License-Identifier: Apache-2.0 */
/* resume.c - samepage resume: let paused guests run on */
#include "cli/targets.h"

static const struct option options[] = { TARGETS_OPTIONS, { 0 } };

static int resume_one(const char *name, const struct call *call, struct fail *why)
{
	return target_request(name, CONTROL_RESUME, why);
}

static int resume_exec(const struct call *call, struct fail *why)
{
	return targets_each(call, resume_one, why);
}

const struct verb verb_resume = {
	.name = "resume",
	.purpose = "let paused guests run on",
	.synopsis = TARGETS_SYNOPSIS,
	.example = "  samepage resume web-1\n"
		   "  samepage resume --all\n",
	.options = options,
	.settings_size = sizeof(struct target_choice),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = targets_check,
	.exec = resume_exec,
};
