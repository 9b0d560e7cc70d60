/* SPDX-License-Identifier: Apache-2.0 */
/* broker.c - samepage broker: serve one domain; guests start it, people need not */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/log_file.h"
#include "base/notify.h"
#include "base/parse.h"
#include "base/rundir.h"
#include "broker/broker.h"
#include "broker/handover.h"
#include "cli/verb.h"

struct broker_settings {
	uint64_t listen_fd; /* 0: not given */
	uint64_t start_fd;  /* the same */
	enum log_level log_level;
};

static const struct option options[] = {
	{ .name = "listen-fd",
	  .value = "FD",
	  .text = "descriptor of the domain's listening socket",
	  .kind = OPTION_NUMBER,
	  .field = offsetof(struct broker_settings, listen_fd),
	  .low = 3,
	  .high = 1023 },
	{ .name = "start-fd",
	  .value = "FD",
	  .text = "descriptor of a connection by which a guest hands over domain and socket",
	  .kind = OPTION_NUMBER,
	  .field = offsetof(struct broker_settings, start_fd),
	  .low = 3,
	  .high = 1023 },
	{ .name = "log-level",
	  .value = "error|warn|info|debug",
	  .text = "how much is said (default warn)",
	  .kind = OPTION_LEVEL,
	  .field = offsetof(struct broker_settings, log_level) },
	{ 0 },
};

static const struct broker_settings defaults = { .log_level = LOG_LEVEL_WARN };

/* A private domain's name starts with '@', which no user can type as --domain. */
static int broker_check(const struct call *call, struct fail *why)
{
	const struct broker_settings *settings = call->settings;
	const char *domain = call->operands[0];

	if (settings->start_fd)
		return call->operand_count == 0 && !settings->listen_fd
			       ? 0
			       : fail_set(why, EINVAL,
					  "--start-fd brings domain and socket: leave both out");
	if (call->operand_count == 0)
		return fail_set(why, EINVAL, "broker needs %s", verb_broker.synopsis);
	if (!name_is_valid(domain[0] == '@' ? domain + 1 : domain))
		return fail_set(why, EINVAL, "'%s' cannot name a domain", domain);
	if (settings->listen_fd == 0)
		return fail_set(why, EINVAL,
				"a broker is started by the first guest of its domain: use "
				"samepage run --domain %s",
				domain);
	return 0;
}

/* Keeps nobody's directory busy, and has room for many guests: two descriptors each. */
static void broker_settle_in(void)
{
	struct rlimit limit;

	if (chdir("/") < 0)
		log_warn("cannot change to /: %s", strerror(errno));
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("cannot raise the limit of open files: %s", strerror(errno));
}

/* In place of the file that it was started with, which would grow without end. */
static void broker_open_log(const char *domain)
{
	char path[RUNDIR_PATH_MAX], old_path[RUNDIR_PATH_MAX];
	struct fail why;

	if (log_is_to_journal() || rundir_path(RUNDIR_DOMAINS, domain, ".log", path, &why) < 0 ||
	    rundir_path(RUNDIR_DOMAINS, domain, ".old", old_path, &why) < 0)
		return;
	if (log_file_open(path, old_path) < 0)
		log_warn("cannot open %s: %s", path, strerror(errno));
}

/* The service manager's child stays who it is; the guest's is nobody's child. */
static int broker_of_guest(const struct call *call, struct fail *why)
{
	const struct broker_settings *settings = call->settings;
	pid_t pid = fork();

	/* who started it waits for this first half only, and has no child afterwards */
	if (pid < 0)
		return fail_errno(why, errno, "cannot start the broker");
	if (pid > 0)
		_exit(0);
	broker_open_log(call->operands[0]);
	broker_settle_in();
	return broker_main(call->operands[0], (int)settings->listen_fd, why);
}

static int broker_of_service(int start_fd, struct fail *why)
{
	char domain[WIRE_TEXT_SIZE];
	int listen_fd, rc = handover_receive(start_fd, domain, &listen_fd, why);

	close(start_fd);
	if (rc < 0)
		return rc;
	notify_send("STATUS=Serves domain %s.", domain);
	broker_settle_in();
	return broker_main(domain, listen_fd, why);
}

static int broker_exec(const struct call *call, struct fail *why)
{
	const struct broker_settings *settings = call->settings;

	log_set_name("broker");
	log_set_level(settings->log_level);
	return settings->start_fd ? broker_of_service((int)settings->start_fd, why)
				  : broker_of_guest(call, why);
}

const struct verb verb_broker = {
	.name = "broker",
	.purpose = "serve one domain (started by its first guest)",
	.synopsis = "--listen-fd FD DOMAIN|--start-fd FD",
	.example = "  samepage run --domain web ...   (starts it where it is needed)\n",
	.options = options,
	.defaults = &defaults,
	.settings_size = sizeof(struct broker_settings),
	.max_operands = 1,
	.is_internal = true,
	.check = broker_check,
	.exec = broker_exec,
};
