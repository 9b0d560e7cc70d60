/* SPDX-License-Identifier: Apache-2.0 */
/* kill.c - samepage kill: end guests at once */
#include "cli/client.h"
#include "cli/targets.h"

static const struct option options[] = { TARGETS_OPTIONS, { 0 } };

static int kill_one(const char *name, const struct call *call, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	return rc < 0 ? rc : client_end(&client, why);
}

static int kill_exec(const struct call *call, struct fail *why)
{
	return targets_each(call, kill_one, why);
}

const struct verb verb_kill = {
	.name = "kill",
	.purpose = "end guests at once, as if their power was cut",
	.synopsis = TARGETS_SYNOPSIS,
	.example = "  samepage kill web-1 web-2\n"
		   "  samepage kill --domain web\n",
	.options = options,
	.settings_size = sizeof(struct target_choice),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = targets_check,
	.exec = kill_exec,
};
