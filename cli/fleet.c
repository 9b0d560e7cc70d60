/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet.c - one command, many guests: a process for each, and one that looks after them
 *
 * This is the process that looks after them; member.c is theirs. A member is
 * STARTING until its start pipe has told how it went, and ENDED when it was waited
 * for. The first sentence that arrives fails the whole fleet, and the others are
 * ended: N guests with one broken kernel give one sentence, not N.
 */
#include "cli/fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "cli/end_signals.h"
#include "cli/member.h"
#include "cli/prefix.h"
#include "cli/verb.h"
#include "vmm/control.h"

#define KILL_AFTER_NS (10 * NS_PER_SEC) /* for members that ignore the request to end */

struct fleet;

struct member_watch {
	struct fleet *fleet;
	struct guest_config *config;
	pid_t pid; /* 0: not forked */
	int pidfd;
	int start_fd;	/* read end of the start pipe, -1 once it has told */
	int console_fd; /* read end of the console's pipe, or -1 */
	struct loop_source *exit_source, *start_source, *console_source;
	struct prefix prefix;
	bool is_running; /* the start pipe said so */
	bool has_ended;
	int status;
	struct fail sentence;
	size_t sentence_length;
};

struct fleet {
	struct loop *loop;
	struct loop_source *kill_timer, *signals[END_SIGNALS];
	struct member_watch *members;
	size_t count, starting, alive;
	bool detach;
	bool is_ending; /* members were told to end */
	uint64_t ending_since_ns;
	bool was_stopped; /* by a signal, or because nobody reads our output any more */
	bool failed;	  /* with the sentence of the first member that could not start */
	struct fail why;
};

static void fleet_signal(struct fleet *fleet, int number)
{
	for (size_t i = 0; i < fleet->count; i++) {
		struct member_watch *member = &fleet->members[i];

		/* not waited for yet, so the number is still its own */
		if (member->pid > 0 && !member->has_ended)
			kill(member->pid, number);
	}
}

static void fleet_end(struct fleet *fleet)
{
	notify_send("STOPPING=1\nSTATUS=The guests are being ended.");
	fleet_signal(fleet, SIGTERM);
	fleet->is_ending = true;
	fleet->ending_since_ns = now_ns();
	loop_arm(fleet->kill_timer, KILL_AFTER_NS);
}

static void on_kill_timer(void *context)
{
	fleet_signal(context, SIGKILL);
}

/*
 * Some senders signal both the process and its group: what comes right behind the
 * first signal is the same wish. Later, it is from somebody who has lost patience.
 */
static void on_signal(void *context, int number)
{
	struct fleet *fleet = context;

	/* all are on their own already: the signal comes too late for them */
	if (fleet->detach && fleet->starting == 0 && !fleet->is_ending)
		return;
	fleet->was_stopped = true;
	if (!fleet->is_ending)
		fleet_end(fleet);
	else if (now_ns() - fleet->ending_since_ns > NS_PER_SEC)
		fleet_signal(fleet, SIGKILL);
}

static void fleet_fail(struct fleet *fleet, const struct member_watch *member)
{
	if (fleet->is_ending)
		return;
	fleet->failed = true;
	fleet->why = member->sentence;
	if (member->sentence_length == 0)
		fail_set(&fleet->why, EIO, "guest '%s' ended before it could start",
			 member->config->machine.name);
	fleet_end(fleet);
}

static void fleet_started(struct fleet *fleet)
{
	if (fleet->detach)
		loop_quit(fleet->loop, 0);
	else
		notify_send("READY=1\nMAINPID=%d\nSTATUS=%zu guests run.", (int)getpid(),
			    fleet->count);
}

/* The start pipe says nothing more: the member runs, or will never. */
static void member_start_done(struct member_watch *member)
{
	struct fleet *fleet = member->fleet;

	loop_remove(member->start_source);
	auto_close(&member->start_fd);
	member->start_fd = -1;
	fleet->starting--;
	if (!member->is_running)
		fleet_fail(fleet, member);
	else if (fleet->starting == 0 && !fleet->is_ending)
		fleet_started(fleet);
}

static void on_start(void *context, uint32_t events)
{
	struct member_watch *member = context;
	char *end = member->sentence.text + member->sentence_length;
	size_t room = sizeof(member->sentence.text) - 1 - member->sentence_length;
	ssize_t n = read(member->start_fd, end, room);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0 && *end != '\0') {
		member->sentence_length += (size_t)n;
		return;
	}
	member->is_running = n > 0;
	member_start_done(member);
}

static void member_console_close(struct member_watch *member)
{
	loop_remove(member->console_source);
	member->console_source = NULL;
	auto_close(&member->console_fd);
	member->console_fd = -1;
}

/* False: there is nothing more to read, or nobody to read it to. */
static bool member_console_copy(struct member_watch *member)
{
	struct fleet *fleet = member->fleet;
	char bytes[4096];
	ssize_t n = read(member->console_fd, bytes, sizeof(bytes));

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	if (prefix_write(&member->prefix, bytes, (size_t)n, STDOUT_FILENO) == 0)
		return true;
	fleet->was_stopped = true;
	if (!fleet->is_ending)
		fleet_end(fleet);
	return false;
}

static void on_console(void *context, uint32_t events)
{
	struct member_watch *member = context;

	if (!member_console_copy(member))
		member_console_close(member);
}

/* What the guest said last is still in the pipe when its process is gone. */
static void member_console_drain(struct member_watch *member)
{
	int pending = 0;

	while (member->console_fd >= 0 && ioctl(member->console_fd, FIONREAD, &pending) == 0 &&
	       pending > 0 && member_console_copy(member))
		;
	if (prefix_finish(&member->prefix, STDOUT_FILENO) < 0)
		log_debug("nobody reads the consoles any more");
	member_console_close(member);
}

static int member_status(const struct member_watch *member, int wait_status)
{
	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	control_sweep(member->config->machine.name); /* it could not do so itself */
	log_error("the process of guest '%s' was killed by signal %d", member->config->machine.name,
		  WTERMSIG(wait_status));
	return WTERMSIG(wait_status) == SIGKILL ? STATUS_ENDED : STATUS_ERROR;
}

static void on_member_exit(void *context, uint32_t events)
{
	struct member_watch *member = context;
	struct fleet *fleet = member->fleet;
	int wait_status;

	if (waitpid(member->pid, &wait_status, WNOHANG) != member->pid)
		return;
	member->has_ended = true;
	loop_remove(member->exit_source);
	auto_close(&member->pidfd);
	member->pidfd = -1;
	if (member->start_fd >= 0)
		on_start(member, 0); /* the last word may still be in the pipe */
	if (member->start_fd >= 0)
		member_start_done(member);
	member->status = member_status(member, wait_status);
	member_console_drain(member);
	if (--fleet->alive == 0)
		loop_quit(fleet->loop, 0);
}

/* ------------------------------------------------------------ the start */

/* The child's copies of what belongs to the looker-after. */
static void fleet_forget(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++) {
		struct member_watch *member = &fleet->members[i];

		auto_close(&member->pidfd);
		auto_close(&member->start_fd);
		auto_close(&member->console_fd);
	}
}

static int member_pipes(struct member_watch *member, int start[2], int console[2])
{
	if (pipe2(start, O_CLOEXEC) < 0)
		return -errno;
	member->start_fd = start[0];
	if (member->config->machine.console_out < 0)
		return 0;
	if (pipe2(console, O_CLOEXEC) < 0)
		return -errno;
	member->console_fd = console[0];
	return 0;
}

static int member_fork(struct member_watch *member, struct fail *why)
{
	struct guest_config *config = member->config;
	struct member_start start = { .fleet_pid = getpid(), .detach = member->fleet->detach };
	int start_pipe[2] = { -1, -1 }, console_pipe[2] = { -1, -1 };
	int rc = member_pipes(member, start_pipe, console_pipe);

	if (rc == 0) {
		fflush(NULL);
		member->pid = fork();
		rc = member->pid < 0 ? -errno : 0;
	}
	if (rc == 0 && member->pid == 0) {
		fleet_forget(member->fleet);
		start.start_fd = start_pipe[1];
		config->machine.console_in = -1;
		config->machine.console_out = console_pipe[1];
		member_main(config, &start);
	}
	auto_close(&start_pipe[1]);
	auto_close(&console_pipe[1]);
	if (rc == 0) {
		member->fleet->alive++;
		member->fleet->starting++;
		member->pidfd = (int)syscall(SYS_pidfd_open, member->pid, 0);
		rc = member->pidfd < 0 ? -errno : 0;
	} else {
		member->pid = 0;
	}
	if (rc < 0)
		return fail_errno(why, -rc, "cannot start a process for guest '%s'",
				  config->machine.name);
	return 0;
}

static int member_watch(struct member_watch *member)
{
	struct loop *loop = member->fleet->loop;
	int rc = loop_add_fd(loop, member->pidfd, EPOLLIN, on_member_exit, member,
			     &member->exit_source);

	if (rc == 0)
		rc = loop_add_fd(loop, member->start_fd, EPOLLIN, on_start, member,
				 &member->start_source);
	if (rc == 0 && member->console_fd >= 0)
		rc = loop_add_fd(loop, member->console_fd, EPOLLIN, on_console, member,
				 &member->console_source);
	return rc;
}

/* Only after the last fork: a child must not share the loop. */
static int fleet_watch(struct fleet *fleet, struct fail *why)
{
	int rc = loop_create(&fleet->loop);

	if (rc == 0)
		rc = loop_add_timer(fleet->loop, on_kill_timer, fleet, &fleet->kill_timer);
	if (rc == 0)
		rc = end_signals_listen(fleet->loop, on_signal, fleet, fleet->signals);
	for (size_t i = 0; rc == 0 && i < fleet->count; i++)
		rc = member_watch(&fleet->members[i]);
	return rc < 0 ? fail_errno(why, -rc, "cannot look after the guests") : 0;
}

/* Three descriptors for each of up to a thousand guests. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int fleet_start(struct fleet *fleet, struct guest_config *configs, struct fail *why)
{
	int rc = 0;

	for (size_t i = 0; i < fleet->count; i++)
		fleet->members[i] = (struct member_watch){ .fleet = fleet,
							   .config = &configs[i],
							   .prefix.name = configs[i].machine.name,
							   .pidfd = -1,
							   .start_fd = -1,
							   .console_fd = -1 };
	for (size_t i = 0; rc == 0 && i < fleet->count; i++)
		rc = member_fork(&fleet->members[i], why);
	return rc < 0 ? rc : fleet_watch(fleet, why);
}

/* Where the loop can't do it. */
static void fleet_abandon(struct fleet *fleet)
{
	fleet_signal(fleet, SIGKILL);
	for (size_t i = 0; i < fleet->count; i++) {
		struct member_watch *member = &fleet->members[i];

		if (member->pid > 0 && !member->has_ended)
			waitpid(member->pid, NULL, 0);
		control_sweep(member->config->machine.name);
	}
}

static int fleet_status(const struct fleet *fleet, struct fail *why)
{
	if (fleet->failed) {
		*why = fleet->why;
		return -EIO;
	}
	for (size_t i = 0; i < fleet->count; i++)
		if (fleet->members[i].status != 0)
			return fleet->members[i].status;
	return fleet->was_stopped && fleet->alive == 0 ? STATUS_ENDED : 0;
}

int fleet_run(struct guest_config *configs, size_t count, bool detach, struct fail *why)
{
	struct fleet fleet = { .count = count, .detach = detach };
	int rc;

	fleet.members = calloc(count, sizeof(*fleet.members));
	if (!fleet.members)
		return fail_errno(why, ENOMEM, "cannot start %zu guests", count);
	raise_descriptor_limit();
	end_signals_hold();
	signal(SIGPIPE, SIG_IGN);
	rc = fleet_start(&fleet, configs, why);
	if (rc == 0) {
		rc = loop_run(fleet.loop);
		if (rc < 0)
			fail_errno(why, -rc, "cannot look after the guests");
	}
	if (rc < 0)
		fleet_abandon(&fleet);
	else
		rc = fleet_status(&fleet, why);
	loop_free(fleet.loop);
	fleet_forget(&fleet);
	free(fleet.members);
	return rc;
}
