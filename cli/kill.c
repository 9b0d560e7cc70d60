/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill.c - samepage kill: end guests at once
 *
 * A guest is asked first, since a process that ends by itself tidies up and
 * flushes what its devices still hold. Only one that does not answer is killed.
 */
#include <errno.h>
#include <stdio.h>

#include "cli/client.h"
#include "cli/each.h"
#include "cli/verb.h"

static const struct option options[] = { { 0 } };

static int kill_one(const char *name, const struct call *call, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	if (rc < 0)
		return rc;
	rc = client_request(&client, CONTROL_QUIT, -1, CLIENT_TIMEOUT_MS, why);
	if ((rc == 0 || rc == -ECONNRESET) && client_wait_end(&client, CLIENT_TIMEOUT_MS) == 0)
		return 0;
	return client_kill(&client, why);
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
