/* SPDX-License-Identifier: Apache-2.0 */
/* member.c - the process of one guest of a fleet, or of one alone, seen from inside */
#include "cli/member.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "base/log_file.h"
#include "base/notify.h"
#include "base/parse.h"
#include "base/rundir.h"
#include "cli/guest_log.h"
#include "cli/verb.h"

/* What start hands to the guest's callback. */
struct member {
	struct member_start *start;
	const char *name;
};

/*
 * Lets go of the caller's terminal. What a detached guest has to say from now on goes to
 * a file, unless the journal listens already. It stays in its directory: kernels are read
 * again at each reboot, by the paths as they were given.
 */
static int member_detach(const char *name, struct fail *why)
{
	AUTO_CLOSE int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
		return fail_errno(why, errno, "cannot detach guest '%s': cannot use /dev/null",
				  name);
	return log_is_to_journal() ? 0 : guest_log_open(name, why);
}

/* For who looks into the log to learn why a guest is gone. */
static void say_end(int status)
{
	static const char *const ends[] = {
		[STATUS_POWERED_OFF] = "powered off",
		[STATUS_REBOOTED] = "rebooted, and is not to run again",
		[STATUS_ENDED] = "ended from outside",
	};

	if (status == STATUS_PANICKED)
		log_warn("the guest's kernel panicked, which ends the guest");
	else if (status == STATUS_TRIPLE_FAULT)
		log_warn("the guest's processor shut down after a triple fault, which ends the "
			 "guest");
	else if (status >= 0 && (size_t)status < ARRAY_SIZE(ends) && ends[status])
		log_info("the guest has %s", ends[status]);
}

/* Fails only where the fleet's process is gone, which then ends this one too. */
static void start_say(struct member_start *start, const char *bytes, size_t length)
{
	if (write(start->start_fd, bytes, length) < 0)
		log_debug("nobody waits for the start");
}

static int on_started(void *context, struct fail *why)
{
	struct member *member = context;
	struct member_start *start = member->start;
	int rc = start->detach ? member_detach(member->name, why) : 0;

	if (rc < 0)
		return rc;
	start_say(start, "", 1);
	auto_close(&start->start_fd);
	start->start_fd = -1;
	return 0;
}

/* In the journal the lines of all guests stand together, and are found by their guest's name. */
int member_run_alone(struct guest_config *config, struct fail *why)
{
	static char name[NAME_MAX_LENGTH + 1]; /* the last words come when the guest is gone */
	int status;

	if (!log_is_to_journal())
		return guest_run(config, why);
	snprintf(name, sizeof(name), "%s", config->machine.name);
	log_set_name(name);
	status = guest_run(config, why);
	if (status >= 0)
		say_end(status);
	return status;
}

void member_main(struct guest_config *config, struct member_start *start)
{
	struct member member = { .start = start, .name = config->machine.name };
	struct fail why = { "" };
	int status;

	log_set_name(member.name);
	notify_forget(); /* the service is who looks after all of them */
	signal(SIGPIPE, SIG_IGN);
	if (start->detach) {
		setsid();
	} else {
		/* no guest outlives the command that it belongs to */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != start->fleet_pid)
			exit(STATUS_ENDED);
	}
	config->on_started = on_started;
	config->context = &member;
	status = guest_run(config, &why);
	if (status < 0) {
		if (start->start_fd >= 0)
			start_say(start, why.text, strlen(why.text));
		else
			log_error("%s", why.text);
		status = STATUS_ERROR;
	} else {
		say_end(status);
	}
	log_finish();
	log_file_drop_empty();
	exit(status);
}
