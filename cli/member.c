/* SPDX-License-Identifier: Apache-2.0 */
/* member.c - the process of one guest of a fleet, seen from inside */
#include "cli/member.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "base/notify.h"
#include "base/rundir.h"
#include "cli/verb.h"

/* What start hands to the guest's callback. */
struct member {
	struct member_start *start;
	const char *name;
};

/*
 * Lets go of the caller's terminal. What a detached guest has to say from now on
 * goes to RUNDIR/guests/NAME.log.
 */
/* It stays in its directory: kernels are read again at each reboot, by the paths as they were
 * given. */
static int member_detach(const char *name, struct fail *why)
{
	char path[RUNDIR_PATH_MAX];
	AUTO_CLOSE int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	AUTO_CLOSE int log_fd = -1;
	int rc = rundir_path(RUNDIR_GUESTS, name, ".log", path, why);

	if (rc < 0)
		return rc;
	log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (null_fd < 0 || log_fd < 0)
		return fail_errno(why, errno, "cannot detach guest '%s': cannot open %s", name,
				  null_fd < 0 ? "/dev/null" : path);
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
	    dup2(log_fd, STDERR_FILENO) < 0)
		return fail_errno(why, errno, "cannot detach guest '%s'", name);
	return 0;
}

/* An empty log says nothing: don't leave it. */
static void member_drop_log(const char *name)
{
	char path[RUNDIR_PATH_MAX];
	struct fail why;

	if (lseek(STDERR_FILENO, 0, SEEK_END) == 0 &&
	    rundir_path(RUNDIR_GUESTS, name, ".log", path, &why) == 0)
		unlink(path);
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
	}
	if (start->detach && start->start_fd < 0)
		member_drop_log(member.name);
	exit(status);
}
