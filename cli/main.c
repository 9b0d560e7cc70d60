/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the samepage command: finds the verb, and says once why it gave up */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/verb.h"

const struct verb *const verbs[] = {
	&verb_run,  &verb_up,	   &verb_down,	  &verb_ps,	  &verb_console,  &verb_stats,
	&verb_top,  &verb_report,  &verb_metrics, &verb_explain,  &verb_logs,	  &verb_stop,
	&verb_kill, &verb_pause,   &verb_resume,  &verb_balloon,  &verb_dump_ram, &verb_doctor,
	&verb_help, &verb_version, &verb_broker,  &verb_complete, NULL,
};

const struct verb *verb_find(const char *name)
{
	for (const struct verb *const *verb = verbs; *verb; verb++)
		if (strcmp((*verb)->name, name) == 0)
			return *verb;
	return NULL;
}

void verbs_print(void)
{
	printf("usage: samepage VERB [--help] ...\n\n"
	       "Runs virtual machines that share the memory pages they have in common.\n\n");
	for (const struct verb *const *verb = verbs; *verb; verb++)
		if (!(*verb)->is_internal)
			printf("  %-10s %s\n", (*verb)->name, (*verb)->purpose);
	printf("\nman samepage tells more, man samepage-VERB all of a verb.\n");
}

void verb_print_help(const struct verb *verb)
{
	printf("usage: samepage %s%s%s\n\n%s\n\noptions:\n", verb->name, *verb->synopsis ? " " : "",
	       verb->synopsis, verb->purpose);
	options_print(verb->options, stdout);
	printf("\nexample:\n%s", verb->example);
	if (!verb->is_internal)
		printf("\nmanual:\n  man samepage-%s\n", verb->name);
}

static int say(const struct fail *why)
{
	log_answer("%s", why->text);
	return STATUS_ERROR;
}

static int usage_error(const struct verb *verb, const struct fail *why)
{
	log_answer("%s (samepage %s --help tells more)", why->text, verb->name);
	return STATUS_USAGE;
}

static int operands_check(const struct verb *verb, char **operands, int count, struct fail *why)
{
	if (count < verb->min_operands)
		return fail_set(why, EINVAL, "%s needs %s", verb->name, verb->synopsis);
	if (verb->max_operands >= 0 && count > verb->max_operands)
		return fail_set(why, EINVAL,
				"%s does not take so many arguments: %s is one too many",
				verb->name, operands[verb->max_operands]);
	return 0;
}

/* argv: what follows the verb. */
static int verb_call(const struct verb *verb, int argc, char **argv)
{
	AUTO_FREE void *settings = calloc(1, verb->settings_size + 1);
	struct call call = { .settings = settings, .operands = argv };
	struct fail why = { "" };
	int rc;

	if (!settings) {
		fail_errno(&why, ENOMEM, "cannot start");
		return say(&why);
	}
	if (verb->defaults)
		memcpy(settings, verb->defaults, verb->settings_size);
	rc = options_parse(verb->options, argc, argv, settings, &call.operand_count, &call.given,
			   &why);
	if (rc == OPTIONS_HELP) {
		verb_print_help(verb);
		return 0;
	}
	if (rc == 0)
		rc = operands_check(verb, argv, call.operand_count, &why);
	if (rc == 0 && verb->check)
		rc = verb->check(&call, &why);
	if (rc < 0)
		return usage_error(verb, &why);
	rc = verb->exec(&call, &why);
	return rc < 0 ? say(&why) : rc;
}

static int command(int argc, char **argv)
{
	const struct verb *verb;
	const char *word = argc > 1 ? argv[1] : "help";

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		word = "help";
	if (strcmp(word, "--version") == 0)
		word = "version";
	verb = verb_find(word);
	if (!verb) {
		log_answer("there is no verb '%s' (samepage help lists them)", word);
		return STATUS_USAGE;
	}
	return verb_call(verb, argc > 2 ? argc - 2 : 0, argv + (argc > 2 ? 2 : argc));
}

static void debug_from_environment(void)
{
	const char *text = getenv("SAMEPAGE_DEBUG");
	unsigned int parts = 0;

	if (text && log_parts_parse(text, &parts) < 0)
		log_warn("SAMEPAGE_DEBUG is '%s', which is not a list of parts like 'dedup,disk', "
			 "nor 'all'",
			 text);
	log_set_debug(parts);
}

int main(int argc, char **argv)
{
	int status;

	/* who ignores it hands that on, and waiting for a child would fail */
	signal(SIGCHLD, SIG_DFL);
	debug_from_environment();
	status = command(argc, argv);
	/* a full disk must not look like success to a script */
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) {
		struct fail why;

		fail_errno(&why, errno, "cannot write to standard output");
		return say(&why);
	}
	return status;
}
