/* SPDX-License-Identifier: Apache-2.0 */
/* kill.c - samepage kill: end guests at once */
#include "cli/client.h"
#include "cli/each.h"
#include "cli/verb.h"

static const struct option options[] = { { 0 } };

static int kill_one(const char *name, const struct call *call, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	return rc < 0 ? rc : client_end(&client, why);
}

static int kill_exec(const struct call *call, struct fail *why)
{
	return each_guest(call, kill_one, why);
}

const struct verb verb_kill = {
	.name = "kill",
	.purpose = "end guests at once, as if their power was cut",
	.synopsis = "NAME...",
	.example = "  samepage kill web-1 web-2\n",
	.options = options,
	.min_operands = 1,
	.max_operands = -1,
	.exec = kill_exec,
};
