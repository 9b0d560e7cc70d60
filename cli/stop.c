/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop.c - samepage stop: let guests shut down, and end those that don't
 *
 * All buttons are pressed before the first wait, so that guests shut down side
 * by side: the deadline is the same moment for all.
 */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/client.h"
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

static void say(const struct fail *why)
{
	log_answer("%s", why->text);
}

/* Leaves the client closed where there is nothing to wait for. */
static int stop_press(const char *name, struct client *ret_client, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	int rc = client_connect(name, &client, why);

	if (rc < 0)
		return rc;
	rc = client_request(&client, CONTROL_POWER_BUTTON, -1, CLIENT_TIMEOUT_MS, why);
	/* ended meanwhile: as wished; silent: the deadline will deal with it */
	if (rc < 0 && rc != -ECONNRESET)
		say(why);
	*ret_client = client;
	client = (struct client)CLIENT_NONE;
	return 0;
}

static int stop_wait(struct client *client, uint64_t deadline_ns, struct fail *why)
{
	uint64_t now = now_ns();
	int left_ms = deadline_ns > now ? (int)((deadline_ns - now) / NS_PER_MS) : 0;
	int rc = client_wait_end(client, left_ms);

	if (rc != -ETIMEDOUT)
		return 0;
	rc = client_end(client, why);
	if (rc == 0)
		printf("%s did not shut down in time and was ended\n", client->name);
	return rc;
}

static int stop_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	uint64_t deadline_ns = now_ns() + settings->timeout_seconds * NS_PER_SEC;
	AUTO_TARGETS struct targets targets = { 0 };
	AUTO_FREE struct client *clients = NULL;
	int status = 0, rc = targets_resolve(call, &targets, why);

	if (rc < 0)
		return rc;
	clients = calloc(targets.count + 1, sizeof(*clients));
	if (!clients)
		return fail_errno(why, ENOMEM, "cannot stop the guests");
	for (size_t i = 0; i < targets.count; i++) {
		clients[i] = (struct client)CLIENT_NONE;
		rc = stop_press(targets.names[i], &clients[i], why);
		/* gone meanwhile, and nobody named it: as wished */
		if (rc < 0 && (call->operand_count > 0 || rc != -ENOENT)) {
			say(why);
			status = STATUS_ERROR;
		}
	}
	for (size_t i = 0; i < targets.count; i++) {
		rc = clients[i].pidfd < 0 ? 0 : stop_wait(&clients[i], deadline_ns, why);
		if (rc < 0) {
			say(why);
			status = STATUS_ERROR;
		}
		client_close(&clients[i]);
	}
	return status;
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
