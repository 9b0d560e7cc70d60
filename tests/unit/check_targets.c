/* SPDX-License-Identifier: Apache-2.0 */
/* check_targets.c - what was typed becomes the guests that were meant, or a sentence */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "base/log.h"
#include "base/rundir.h"
#include "base/sock.h"
#include "cli/client.h"
#include "cli/targets.h"
#include "tests/unit/scratch.h"
#include "vmm/control.h"

/* Three guests that live in one thread of ours; sorted by name. */
static struct stand_in {
	const char *name, *domain;
	struct control *control;
	_Atomic int pauses;
	_Atomic bool is_silent;
} guests[] = {
	{ "blue", "shop" },
	{ "green", "web" },
	{ "red", "web" },
};

static struct loop *loop;
static struct loop_source *quit;
static pthread_t thread;
static struct fail why;
static struct target_choice choice;
static char *operands[8];

static int do_report(void *context, struct control_report *ret_report, struct fail *sentence)
{
	const struct stand_in *guest = context;

	if (guest->is_silent)
		return fail_set(sentence, EIO, "guest '%s' can't tell", guest->name);
	*ret_report = (struct control_report){ .pid = 100 + (uint32_t)(guest - guests),
					       .state = CONTROL_STATE_RUNNING,
					       .ram_bytes = 8192,
					       .zero_bytes = 4096 };
	strcpy(ret_report->name, guest->name);
	strcpy(ret_report->domain, guest->domain);
	return 0;
}

static int do_pause(void *context, struct fail *sentence)
{
	struct stand_in *guest = context;

	guest->pauses++;
	return 0;
}

static const struct control_ops ops = { .report = do_report, .pause = do_pause };

static void on_quit(void *context)
{
	loop_quit(loop, 0);
}

static void *loop_main(void *context)
{
	ck_assert_int_eq(loop_run(loop), 0);
	return NULL;
}

static void set_up(void)
{
	scratch_make();
	ck_assert_int_eq(rundir_create(&why), 0);
	ck_assert_int_eq(loop_create(&loop), 0);
	ck_assert_int_eq(loop_add_wake(loop, on_quit, NULL, &quit), 0);
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		ck_assert_int_eq(control_claim(guests[i].name, &guests[i].control, &why), 0);
		ck_assert_int_eq(control_serve(guests[i].control, loop, &ops, &guests[i], &why), 0);
	}
	ck_assert_int_eq(pthread_create(&thread, NULL, loop_main, NULL), 0);
}

static void tear_down(void)
{
	loop_wake(quit);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++)
		control_free(guests[i].control);
	loop_free(loop);
	scratch_remove();
}

/* A call as it was typed; the names are separated by blanks. */
static struct call typed(const char *names, bool all, const char *domain)
{
	static char text[128];
	struct call call = { .settings = &choice, .operands = operands };

	choice = (struct target_choice){ .all = all, .domain = domain };
	strcpy(text, names);
	for (char *name = strtok(text, " "); name; name = strtok(NULL, " "))
		operands[call.operand_count++] = name;
	return call;
}

/* The names that a call resolves to, with blanks behind. */
static const char *resolved(struct call call)
{
	static char text[128];
	struct targets targets;

	ck_assert_msg(targets_resolve(&call, &targets, &why) == 0, "%s", why.text);
	text[0] = '\0';
	for (size_t i = 0; i < targets.count; i++) {
		strcat(text, targets.names[i]);
		strcat(text, " ");
	}
	targets_done(&targets);
	return text;
}

static void leave_stale_socket(const char *name)
{
	char path[RUNDIR_PATH_MAX];
	int fd;

	ck_assert_int_eq(rundir_path(RUNDIR_GUESTS, name, ".sock", path, &why), 0);
	ck_assert_int_eq(sock_listen(path, &fd), 0);
	close(fd);
}

START_TEST(names_are_sorted_and_each_is_there_once)
{
	ck_assert_str_eq(resolved(typed("red", false, NULL)), "red ");
	ck_assert_str_eq(resolved(typed("red blue red nobody blue", false, NULL)),
			 "blue nobody red ");
}
END_TEST

START_TEST(all_are_those_that_run)
{
	leave_stale_socket("dead");
	ck_assert_str_eq(resolved(typed("", true, NULL)), "blue green red ");
}
END_TEST

START_TEST(a_domain_is_its_guests)
{
	ck_assert_str_eq(resolved(typed("", false, "web")), "green red ");
	ck_assert_str_eq(resolved(typed("", false, "shop")), "blue ");
}
END_TEST

START_TEST(a_domain_without_guests_is_a_sentence)
{
	struct call call = typed("", false, "nowhere");
	struct targets targets;

	ck_assert_int_eq(targets_resolve(&call, &targets, &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "no guest runs in domain 'nowhere'"));
}
END_TEST

START_TEST(what_contradicts_itself_is_refused)
{
	static const struct {
		const char *names, *domain;
		bool all;
		const char *word;
	} wrong[] = {
		{ "red", NULL, true, "'red' and --all" },
		{ "red", "web", false, "'red' and --domain" },
		{ "", "web", true, "--all and --domain" },
	};
	struct call call;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		call = typed(wrong[i].names, wrong[i].all, wrong[i].domain);
		ck_assert_int_eq(targets_check(&call, &why), -EINVAL);
		ck_assert_msg(strstr(why.text, wrong[i].word), "%s", why.text);
		ck_assert_int_eq(targets_check_optional(&call, &why), -EINVAL);
	}
	call = typed("", false, NULL);
	ck_assert_int_eq(targets_check(&call, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "which guests?"));
	ck_assert_int_eq(targets_check_optional(&call, &why), 0);
}
END_TEST

START_TEST(what_is_clear_is_accepted)
{
	struct call call = typed("red green", false, NULL);

	ck_assert_int_eq(targets_check(&call, &why), 0);
	call = typed("", true, NULL);
	ck_assert_int_eq(targets_check(&call, &why), 0);
	call = typed("", false, "web");
	ck_assert_int_eq(targets_check(&call, &why), 0);
}
END_TEST

static int pause_one(const char *name, const struct call *call, struct fail *sentence)
{
	return target_request(name, CONTROL_PAUSE, sentence);
}

START_TEST(one_that_fails_does_not_spare_the_others)
{
	struct call call = typed("blue nobody red", false, NULL);

	ck_assert_int_eq(targets_each(&call, pause_one, &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "'nobody'"));
	ck_assert_int_eq(guests[0].pauses, 1);
	ck_assert_int_eq(guests[1].pauses, 0);
	ck_assert_int_eq(guests[2].pauses, 1);
}
END_TEST

static int find_it_gone(const char *name, const struct call *call, struct fail *sentence)
{
	return strcmp(name, "green") == 0 ? client_no_such_guest(name, sentence) : 0;
}

START_TEST(who_was_not_named_may_have_gone)
{
	struct call call = typed("", true, NULL);

	ck_assert_int_eq(targets_each(&call, find_it_gone, &why), 0);
	call = typed("green", false, NULL);
	ck_assert_int_eq(targets_each(&call, find_it_gone, &why), -ENOENT);
}
END_TEST

START_TEST(reports_are_picked_in_their_order)
{
	struct call call = typed("red blue", false, NULL);
	struct client_roll roll;

	ck_assert_int_eq(targets_roll_call(&call, &roll, &why), 0);
	ck_assert_uint_eq(roll.count, 2);
	ck_assert_str_eq(roll.reports[0].name, "blue");
	ck_assert_str_eq(roll.reports[1].name, "red");
	client_roll_done(&roll);
	call = typed("red nobody", false, NULL);
	ck_assert_int_eq(targets_roll_call(&call, &roll, &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "'nobody'"));
}
END_TEST

START_TEST(a_report_has_whole_domains_of_the_chosen_guests)
{
	struct call call = typed("red", false, NULL);
	struct report *report;

	ck_assert_int_eq(targets_report(&call, &report, &why), 0);
	ck_assert_uint_eq(report->guest_count, 1);
	ck_assert_str_eq(report->guests[0].figures.name, "red");
	ck_assert_uint_eq(report->domain_count, 1);
	ck_assert_str_eq(report->domains[0].name, "web");
	ck_assert_uint_eq(report->domains[0].guests, 2);
	ck_assert_int_eq(report->domains[0].reclaimed_bytes, 2 * 4096);
	ck_assert_int_eq(report->reclaimed_bytes, 4096);
	report_free(report);
}
END_TEST

START_TEST(a_report_of_nothing_chosen_is_of_all)
{
	struct call call = typed("", false, NULL);
	struct report *report;

	ck_assert_int_eq(targets_report(&call, &report, &why), 0);
	ck_assert_uint_eq(report->guest_count, 3);
	ck_assert_uint_eq(report->domain_count, 2);
	ck_assert_int_eq(report->reclaimed_bytes, 3 * 4096);
	report_free(report);
	call = typed("nobody", false, NULL);
	ck_assert_int_eq(targets_report(&call, &report, &why), -ENOENT);
}
END_TEST

/* For who asks again and again: a guest may come back. */
START_TEST(what_is_kept_of_a_report_misses_nobody)
{
	struct call call = typed("red nobody", false, NULL);
	struct report *report;

	ck_assert_int_eq(report_collect(CLIENT_TIMEOUT_MS, &report, &why), 0);
	targets_keep(&call, report);
	ck_assert_uint_eq(report->guest_count, 1);
	ck_assert_str_eq(report->guests[0].figures.name, "red");
	ck_assert_uint_eq(report->domain_count, 1);
	ck_assert_int_eq(report->reclaimed_bytes, 4096);
	call = typed("", false, "nowhere");
	targets_keep(&call, report);
	ck_assert_uint_eq(report->guest_count, 0);
	ck_assert_uint_eq(report->domain_count, 0);
	ck_assert_int_eq(report->reclaimed_bytes, 0);
	report_free(report);
}
END_TEST

/* Which domain it is in nobody knows, so that it is missed in each. */
START_TEST(who_is_silent_is_missed_where_it_is_meant)
{
	static const struct {
		const char *names, *domain;
		uint64_t silent, left;
	} choices[] = {
		{ "", NULL, 1, 2 },
		{ "", "shop", 1, 1 },
		{ "blue", NULL, 0, 1 },
	};
	struct client_roll roll;
	struct call call;
	struct report *report;

	guests[2].is_silent = true;
	log_set_level(LOG_LEVEL_ERROR);
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		call = typed(choices[i].names, false, choices[i].domain);
		ck_assert_int_eq(targets_report(&call, &report, &why), 0);
		ck_assert_uint_eq(report->silent_guests, choices[i].silent);
		ck_assert_uint_eq(report->silent_count, choices[i].silent);
		ck_assert_uint_eq(report->guest_count, choices[i].left);
		report_free(report);
	}
	call = typed("blue red", false, NULL);
	ck_assert_int_eq(targets_report(&call, &report, &why), -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(why.text, "guest 'red'"));
	ck_assert_ptr_null(strstr(why.text, "no guest"));
	ck_assert_int_eq(targets_roll_call(&call, &roll, &why), -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(why.text, "guest 'red'"));
	call = typed("blue", false, NULL);
	ck_assert_int_eq(targets_roll_call(&call, &roll, &why), 0);
	ck_assert_uint_eq(roll.count, 1);
	client_roll_done(&roll);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &names_are_sorted_and_each_is_there_once },
	{ "core", &all_are_those_that_run },
	{ "core", &a_domain_is_its_guests },
	{ "core", &what_is_clear_is_accepted },
	{ "core", &one_that_fails_does_not_spare_the_others },
	{ "core", &who_was_not_named_may_have_gone },
	{ "core", &reports_are_picked_in_their_order },
	{ "core", &a_report_has_whole_domains_of_the_chosen_guests },
	{ "core", &a_report_of_nothing_chosen_is_of_all },
	{ "core", &what_is_kept_of_a_report_misses_nobody },
	{ "core", &who_is_silent_is_missed_where_it_is_meant },
	{ "misuse", &a_domain_without_guests_is_a_sentence },
	{ "misuse", &what_contradicts_itself_is_refused },
};

SUITE_MAIN_AROUND("targets", tests, set_up, tear_down)
