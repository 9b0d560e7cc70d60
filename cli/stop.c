/* SPDX-License-Identifier: Apache-2.0 */
/* stop.c - samepage stop: let guests shut down, and end those that don't */
#include <stdio.h>

#include "base/log.h"
#include "cli/shutdown.h"
#include "cli/targets.h"

struct settings {
	struct target_choice targets;
	uint64_t timeout_seconds;
};

static const struct settings defaults = { .timeout_seconds = 30 };

static const struct option options[] = {
	{ "timeout", "SECONDS", "how long guests may take (default 30); then they are ended",
	  OPTION_NUMBER, offsetof(struct settings, timeout_seconds), 0, 86400, 0 },
	TARGETS_OPTIONS,
	{ 0 },
};

struct stop {
	const struct call *call;
	int status;
};

static void on_shutdown(void *context, const char *name, enum shutdown_outcome outcome,
			const struct fail *why)
{
	struct stop *stop = context;

	switch (outcome) {
	case SHUTDOWN_OFF:
		break;
	case SHUTDOWN_ENDED:
		printf("%s did not shut down in time and was ended\n", name);
		break;
	case SHUTDOWN_ABSENT:
		if (stop->call->operand_count == 0) /* gone meanwhile, and nobody named it */
			break;
		/* fallthrough */
	case SHUTDOWN_FAILED:
		log_answer("%s", why->text);
		stop->status = STATUS_ERROR;
		break;
	}
}

static int stop_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	struct stop stop = { .call = call };
	AUTO_TARGETS struct targets targets = { 0 };
	int rc = targets_resolve(call, &targets, why);

	if (rc == 0)
		rc = shutdown_guests((const char *const *)targets.names, targets.count,
				     settings->timeout_seconds, on_shutdown, &stop, why);
	return rc < 0 ? rc : stop.status;
}

const struct verb verb_stop = {
	.name = "stop",
	.purpose = "press the power button of guests and wait until they are off",
	.synopsis = "[OPTIONS] " TARGETS_SYNOPSIS,
	.example = "  samepage stop web-1 web-2\n"
		   "  samepage stop --timeout 5 --domain web\n",
	.options = options,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = targets_check,
	.exec = stop_exec,
};
