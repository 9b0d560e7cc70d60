/* SPDX-License-Identifier: Apache-2.0 */
/* stop.c - samepage stop: let guests shut down, and end those that don't */
#include <stdio.h>

#include "cli/shutdown.h"
#include "cli/verb.h"

struct settings {
	uint64_t timeout_seconds;
};

static const struct settings defaults = { .timeout_seconds = 30 };

static const struct option options[] = {
	{ "timeout", "SECONDS", "how long guests may take (default 30); then they are ended",
	  OPTION_NUMBER, offsetof(struct settings, timeout_seconds), 0, 86400, 0 },
	{ 0 },
};

static void on_shutdown(void *context, const char *name, enum shutdown_outcome outcome,
			const struct fail *why)
{
	int *status = context;

	switch (outcome) {
	case SHUTDOWN_OFF:
		break;
	case SHUTDOWN_ENDED:
		printf("%s did not shut down in time and was ended\n", name);
		break;
	case SHUTDOWN_ABSENT:
	case SHUTDOWN_FAILED:
		fprintf(stderr, "samepage: %s\n", why->text);
		*status = STATUS_ERROR;
		break;
	}
}

static int stop_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	int status = 0;
	int rc = shutdown_guests((const char *const *)call->operands, (size_t)call->operand_count,
				 settings->timeout_seconds, on_shutdown, &status, why);

	return rc < 0 ? rc : status;
}

const struct verb verb_stop = {
	.name = "stop",
	.purpose = "press the power button of guests and wait until they are off",
	.synopsis = "[OPTIONS] NAME...",
	.example = "  samepage stop web-1 web-2\n"
		   "  samepage stop --timeout 5 web-3\n",
	.options = options,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.min_operands = 1,
	.max_operands = -1,
	.exec = stop_exec,
};
