/* SPDX-License-Identifier: Apache-2.0 */
/* broker.c - samepage broker: serve one domain; guests start it, people need not */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "broker/broker.h"
#include "cli/verb.h"

struct broker_settings {
	uint64_t listen_fd;
};

static const struct option options[] = {
	{ .name = "listen-fd",
	  .value = "FD",
	  .text = "descriptor of the domain's listening socket",
	  .kind = OPTION_NUMBER,
	  .field = offsetof(struct broker_settings, listen_fd),
	  .low = 3,
	  .high = 1023 },
	{ 0 },
};

static const struct broker_settings defaults = { .listen_fd = 0 };

/* A private domain's name starts with '@', which no user can type as --domain. */
static int broker_check(const struct call *call, struct fail *why)
{
	const struct broker_settings *settings = call->settings;
	const char *domain = call->operands[0];

	if (!name_is_valid(domain[0] == '@' ? domain + 1 : domain))
		return fail_set(why, EINVAL, "'%s' cannot name a domain", domain);
	if (settings->listen_fd == 0)
		return fail_set(why, EINVAL,
				"a broker is started by the first guest of its domain: use "
				"samepage run --domain %s",
				domain);
	return 0;
}

static int broker_exec(const struct call *call, struct fail *why)
{
	const struct broker_settings *settings = call->settings;
	pid_t pid = fork();

	/* who started it waits for this first half only, and has no child afterwards */
	if (pid < 0)
		return fail_errno(why, errno, "cannot start the broker");
	if (pid > 0)
		_exit(0);
	log_set_name("broker");
	return broker_main(call->operands[0], (int)settings->listen_fd, why);
}

const struct verb verb_broker = {
	.name = "broker",
	.purpose = "serve one domain (started by its first guest)",
	.synopsis = "--listen-fd FD DOMAIN",
	.example = "  samepage run --domain web ...   (starts it where it is needed)\n",
	.options = options,
	.defaults = &defaults,
	.settings_size = sizeof(struct broker_settings),
	.min_operands = 1,
	.max_operands = 1,
	.is_internal = true,
	.check = broker_check,
	.exec = broker_exec,
};
