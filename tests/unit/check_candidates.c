/* SPDX-License-Identifier: Apache-2.0 */
/* check_candidates.c - what a shell is offered at the end of a command line */
#include "tests/unit/suite.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/rundir.h"
#include "base/sock.h"
#include "cli/candidates.h"
#include "cli/verb.h"
#include "tests/unit/scratch.h"
#include "vmm/control.h"

/* ----------------------------------------------- a command of our own */

static const struct option boil_options[] = {
	{ "all", NULL, "all of them", OPTION_FLAG, 0, 0, 0, 0 },
	{ "domain", "DOMAIN", "these", OPTION_TEXT, 0, 0, 0, 0 },
	{ "heat", "low|high|gas=NUMBER[,...]|FILE", "how hot\nand more", OPTION_TEXT, 0, 0, 0, 0 },
	{ "into", "DIR", "where to", OPTION_TEXT, 0, 0, 0, 0 },
	{ "egg", "COLOUR", "one more", OPTION_TEXTS, 0, 0, 0, 0 },
	{ "every", "[SECONDS]", "again", OPTION_SECONDS, 0, 0, 0, 0 },
	{ 0 },
};
static const struct option bake_options[] = {
	{ "domain", "DOMAIN", "the one to join", OPTION_NAME, 0, 0, 0, 0 },
	{ 0 },
};
static const struct option no_options[] = { { 0 } };

static const struct verb boil = { .name = "boil",
				  .purpose = "make hot",
				  .options = boil_options,
				  .operands = OPERANDS_GUESTS,
				  .max_operands = -1 };
static const struct verb bake = { .name = "bake", .purpose = "make dry", .options = bake_options };
static const struct verb smell = {
	.name = "smell", .options = no_options, .operands = OPERANDS_LOGS, .max_operands = -1
};
static const struct verb help = {
	.name = "help", .options = no_options, .operands = OPERANDS_VERBS, .max_operands = 1
};
static const struct verb wrap = { .name = "wrap",
				  .options = no_options,
				  .operands = OPERANDS_GUEST_AND_FILE,
				  .max_operands = 2 };
static const struct verb hidden = { .name = "beat",
				    .options = no_options,
				    .operands = OPERANDS_FILES,
				    .max_operands = 1,
				    .is_internal = true };

const struct verb *const verbs[] = { &boil, &bake, &smell, &help, &wrap, &hidden, NULL };

const struct verb *verb_find(const char *name)
{
	for (const struct verb *const *verb = verbs; *verb; verb++)
		if (strcmp((*verb)->name, name) == 0)
			return *verb;
	return NULL;
}

/* ------------------------------------------------------------ the tests */

static struct fail why;
static char *text; /* what was printed last */
static struct control *controls[2];

static void leave(enum rundir_kind kind, const char *name, const char *suffix)
{
	char path[RUNDIR_PATH_MAX];
	int fd;

	ck_assert_int_eq(rundir_path(kind, name, suffix, path, &why), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

/* Guests ann and bob run, cid has left a log, dan nothing but a socket that nobody serves. */
static void set_up(void)
{
	char path[RUNDIR_PATH_MAX];
	int fd;

	scratch_make();
	ck_assert_int_eq(rundir_create(&why), 0);
	ck_assert_int_eq(control_claim("ann", &controls[0], &why), 0);
	ck_assert_int_eq(control_claim("bob", &controls[1], &why), 0);
	leave(RUNDIR_GUESTS, "bob", ".log");
	leave(RUNDIR_GUESTS, "cid", ".log");
	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, "dan", ".sock", path, &why), 0);
	ck_assert_int_eq(sock_listen(path, &fd), 0);
	close(fd);
	leave(RUNDIR_DOMAINS, "shop", ".sock");
	leave(RUNDIR_DOMAINS, "@solo.1", ".sock");
}

static void tear_down(void)
{
	control_free(controls[0]);
	control_free(controls[1]);
	free(text);
	scratch_remove();
}

/* line: words between single blanks; a blank at the end means an empty last word. */
static const char *print(const char *line)
{
	char copy[128], *words[16], *rest = copy;
	size_t size;
	FILE *to;
	int count = 0;

	free(text);
	to = open_memstream(&text, &size);
	strcpy(copy, line);
	while (rest)
		words[count++] = strsep(&rest, " ");
	candidates_print(words, count, to);
	fclose(to);
	return text;
}

/* The candidates alone, each with a blank behind it. */
static void expect(const char *line, const char *candidates)
{
	char got[512] = "";
	const char *at = print(line);

	while (*at) {
		strncat(got, at, strcspn(at, "\t\n"));
		strcat(got, " ");
		at = strchr(at, '\n') + 1;
	}
	ck_assert_msg(strcmp(got, candidates) == 0, "'%s': '%s' instead of '%s'", line, got,
		      candidates);
}

START_TEST(verbs_are_completed)
{
	expect("", "boil bake smell help wrap ");
	expect("b", "boil bake ");
	expect("boil", "boil ");
	expect("x", "");
	expect("help b", "boil bake ");
	expect("help boil ", "");
	expect("nothing ", "");
}
END_TEST

START_TEST(a_meaning_stands_behind_a_tab)
{
	ck_assert_str_eq(print("ba"), "bake\tmake dry\n");
	ck_assert_str_eq(print("boil --he"), "--heat\thow hot\n--help\tshow this text\n");
}
END_TEST

START_TEST(options_are_completed_but_not_twice)
{
	expect("bake -", "--domain --help ");
	expect("boil --a", "--all ");
	expect("boil --all --a", "");
	expect("boil --egg red --eg", "--egg ");
	expect("boil --into x --in", "");
	expect("boil --into=x --in", "");
	expect("boil -- --a", "");
}
END_TEST

START_TEST(values_are_what_their_name_says)
{
	expect("boil --heat ", "low high gas= :files ");
	expect("boil --heat g", "gas= :files ");
	expect("boil --heat=h", "--heat=high :files ");
	expect("boil --into ", ":dirs ");
	expect("boil --egg ", "");
	expect("boil --nothing=", "");
}
END_TEST

START_TEST(domains_are_those_that_can_be_meant)
{
	expect("boil --domain ", "@solo.1 shop ");
	expect("boil --domain=@", "--domain=@solo.1 ");
	expect("bake --domain ", "shop ");
}
END_TEST

START_TEST(guests_are_those_that_run)
{
	expect("boil ", "ann bob ");
	expect("boil b", "bob ");
	expect("boil ann ", "bob ");
	expect("boil --every ", "ann bob ");
	expect("boil --heat high ", "ann bob ");
	expect("boil --all ", "");
	expect("boil --domain shop ", "");
}
END_TEST

START_TEST(logs_are_those_of_ended_guests_too)
{
	expect("smell ", "ann bob cid ");
	expect("smell cid ", "ann bob ");
}
END_TEST

START_TEST(files_are_left_to_the_shell)
{
	expect("wrap ", "ann bob ");
	expect("wrap ann ", ":files ");
	expect("wrap ann x ", "");
	expect("beat ", ":files ");
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &verbs_are_completed },
	{ "core", &a_meaning_stands_behind_a_tab },
	{ "core", &options_are_completed_but_not_twice },
	{ "core", &values_are_what_their_name_says },
	{ "core", &domains_are_those_that_can_be_meant },
	{ "core", &guests_are_those_that_run },
	{ "core", &logs_are_those_of_ended_guests_too },
	{ "core", &files_are_left_to_the_shell },
};

SUITE_MAIN_AROUND("candidates", tests, set_up, tear_down)
