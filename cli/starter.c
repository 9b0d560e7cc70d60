/* SPDX-License-Identifier: Apache-2.0 */
/* starter.c - the process that starts one guest of a file, and how that went */
#include "cli/starter.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "cli/client.h"
#include "cli/definition_text.h"
#include "cli/fleet.h"
#include "cli/guest_plan.h"
#include "cli/unit.h"
#include "cli/verb.h"

/* A name for each process that ends like this: systemctl has numbers of its own. */
enum { EXIT_RUNS = 100, EXIT_CHANGED = 101 };

/* One write for a line: others write at the same time. */
static int say(const struct fleet_member *member, const char *text)
{
	fprintf(stderr, "samepage: %s: %s\n", member->name, text);
	return STATUS_ERROR;
}

/* Whether it is as the file says now. -ENOENT: it is gone. */
static int running_compare(struct client *client, const struct fleet_member *member,
			   const struct guest_config *config, struct fail *why)
{
	AUTO_FREE char *text = NULL;
	char names[256], sentence[512];
	int rc = definition_text_ask(client, &text, why);

	/* it was about to end; a guest of an older samepage hangs up because it does not understand
	 */
	if (rc == -ECONNRESET && client_wait_end(client, CLIENT_END_MS) == 0)
		return -ENOENT;
	if (rc < 0)
		return rc;
	definition_text_compare(text, config->definition, names, sizeof(names));
	if (!*names)
		return EXIT_RUNS;
	snprintf(sentence, sizeof(sentence),
		 "runs as it was defined before (what differs: %s): take it down and up again",
		 names);
	say(member, sentence);
	return EXIT_CHANGED;
}

static int guest_start(const struct starter *starter, const struct fleet_member *member,
		       const struct guest_config *config, struct fail *why)
{
	const char *name = member->name;
	struct guest_config own = *config;

	if (!starter->by_unit)
		return fleet_run(&own, 1, true, why);
	/* systemd finishes what it has begun; who interrupts us waits for that */
	signal(SIGINT, SIG_IGN);
	return unit_become("start", &name, 1, why);
}

static int guest_bring_up(const struct starter *starter, const struct fleet_member *member,
			  struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	struct guest_plan *plan;
	int rc = guest_plan_create(member->definition, member->index, starter->file->domain, true,
				   &plan, why);

	if (rc < 0)
		return rc;
	rc = client_connect(member->name, &client, why);
	if (rc == 0)
		rc = running_compare(&client, member, guest_plan_config(plan), why);
	if (rc == -ENOENT)
		rc = guest_start(starter, member, guest_plan_config(plan), why);
	guest_plan_free(plan);
	return rc;
}

int starter_fork(const struct starter *starter, const struct fleet_member *member, pid_t *ret_pid,
		 struct fail *why)
{
	struct fail sentence;
	pid_t pid;
	int rc;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return fail_errno(why, errno, "cannot start a process for guest '%s'",
				  member->name);
	if (pid > 0) {
		*ret_pid = pid;
		return 0;
	}
	sigprocmask(SIG_SETMASK, &starter->signals, NULL);
	rc = guest_bring_up(starter, member, &sentence);
	exit(rc < 0 ? say(member, sentence.text) : rc);
}

enum starter_outcome starter_outcome(int status)
{
	if (!WIFEXITED(status))
		return STARTER_STOPPED;
	switch (WEXITSTATUS(status)) {
	case 0:
		return STARTER_STARTED;
	case EXIT_RUNS:
		return STARTER_RUNS;
	case EXIT_CHANGED:
		return STARTER_CHANGED;
	case STATUS_ENDED:
		return STARTER_STOPPED;
	default:
		return STARTER_FAILED;
	}
}
