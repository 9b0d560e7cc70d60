/* SPDX-License-Identifier: Apache-2.0 */
/* resume.c - samepage resume: let paused guests run on */
#include "cli/each.h"
#include "cli/verb.h"

static const struct option options[] = { { 0 } };

static int resume_one(const char *name, const struct call *call, struct fail *why)
{
	return each_request(name, CONTROL_RESUME, why);
}

static int resume_exec(const struct call *call, struct fail *why)
{
	return each_guest(call, resume_one, why);
}

const struct verb verb_resume = {
	.name = "resume",
	.purpose = "let paused guests run on",
	.synopsis = "NAME...",
	.example = "  samepage resume web-1\n",
	.options = options,
	.min_operands = 1,
	.max_operands = -1,
	.exec = resume_exec,
};
