/* SPDX-License-Identifier: Apache-2.0 */
/* each.c - a verb that does the same to several guests */
#include "cli/each.h"

#include <stdio.h>

#include "cli/client.h"

int each_guest(const struct call *call, each_fn *fn, struct fail *why)
{
	int failed = 0;

	for (int i = 0; i < call->operand_count; i++) {
		struct fail sentence;
		int rc = fn(call->operands[i], call, &sentence);

		if (rc == 0)
			continue;
		if (failed)
			fprintf(stderr, "samepage: %s\n", why->text);
		*why = sentence;
		failed = rc;
	}
	return failed;
}

int each_request(const char *name, enum control_type type, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	if (rc == 0)
		rc = client_request(&client, type, -1, CLIENT_TIMEOUT_MS, why);
	return rc;
}
