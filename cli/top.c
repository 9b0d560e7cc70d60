/* SPDX-License-Identifier: Apache-2.0 */
/* top.c - samepage top: guests and domains live, and what sharing does right now */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/targets.h"
#include "cli/top_live.h"
#include "cli/top_sample.h"

struct settings {
	struct target_choice targets;
	const char *sort;
	uint64_t interval_seconds;
	bool by_domain;
	bool no_color;
	bool batch;
	uint64_t frames; /* 0: without end */
};

static const struct settings defaults = { .sort = "name", .interval_seconds = 2 };

static const struct option options[] = {
	{ "sort", "COLUMN", "by which column, e.g. name, shared, merges, cpu", OPTION_TEXT,
	  offsetof(struct settings, sort), 0, 0, 0 },
	{ "by-domain", NULL, "a row for each domain instead of each guest", OPTION_FLAG,
	  offsetof(struct settings, by_domain), 0, 0, 0 },
	{ "interval", "SECONDS", "how long from one look to the next; the default is 2",
	  OPTION_NUMBER, offsetof(struct settings, interval_seconds), 1, 86400, 0 },
	{ "no-color", NULL, "no colours; so does NO_COLOR in the environment", OPTION_FLAG,
	  offsetof(struct settings, no_color), 0, 0, 0 },
	{ "batch", NULL, "print plain text, to a file or a pipe", OPTION_FLAG,
	  offsetof(struct settings, batch), 0, 0, 0 },
	{ "frames", "NUMBER", "with --batch: end after so many", OPTION_NUMBER,
	  offsetof(struct settings, frames), 1, 1000000000, 0 },
	TARGETS_OPTIONS,
	{ 0 },
};

static enum top_kind kind_of(const struct settings *settings)
{
	return settings->by_domain ? TOP_OF_DOMAINS : TOP_OF_GUESTS;
}

static int refuse_column(const char *word, enum top_kind kind, struct fail *why)
{
	char words[256] = "";

	for (unsigned int i = 0; i < TOP_COLUMNS; i++) {
		if (!top_columns[i].is_in[kind])
			continue;
		strcat(words, *words ? ", " : "");
		strcat(words, top_columns[i].word);
	}
	return fail_set(why, EINVAL, "--sort '%s' is none of %s", word, words);
}

static int top_check(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	enum top_column column;

	if (settings->frames > 0 && !settings->batch)
		return fail_set(why, EINVAL, "--frames needs --batch");
	if (settings->targets.domain && strlen(settings->targets.domain) >= WIRE_TEXT_SIZE)
		return fail_set(why, EINVAL, "--domain '%s' is longer than any name",
				settings->targets.domain);
	if (top_column_find(settings->sort, kind_of(settings), &column) < 0)
		return refuse_column(settings->sort, kind_of(settings), why);
	return targets_check_optional(call, why);
}

/* top_check() has seen that the column is there. The other kind of rows goes by its names. */
static struct top_view view_make(const struct call *call)
{
	const struct settings *settings = call->settings;
	struct top_view view = { .interval_seconds = settings->interval_seconds,
				 .has_names = call->operand_count > 0,
				 .choice.kind = kind_of(settings) };
	enum top_column column = TOP_NAME;

	if (top_column_find(settings->sort, view.choice.kind, &column) == 0)
		view.choice.sort[view.choice.kind] = column;
	if (settings->targets.domain)
		strcpy(view.choice.domain, settings->targets.domain);
	return view;
}

static int batch_take(const struct call *call, struct top_model *model, struct top_view *view,
		      struct fail *why)
{
	struct top_sample sample;
	int rc = top_sample_take(&sample, why);

	if (rc < 0)
		return rc;
	targets_keep(call, sample.report);
	rc = top_model_take(model, sample.report, sample.at_ns, why);
	top_sample_done(&sample);
	top_view_set_clock(view);
	return rc;
}

/* Until the interval is over, counted from the start of the last look. */
static void batch_wait(uint64_t start_ns, uint64_t seconds)
{
	uint64_t due_ns = start_ns + seconds * NS_PER_SEC;
	struct timespec due = { .tv_sec = (time_t)(due_ns / NS_PER_SEC),
				.tv_nsec = (long)(due_ns % NS_PER_SEC) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		;
}

/* The first look is not printed: it has no rates. Ends also where nobody reads any more. */
static int batch_print(const struct call *call, struct top_model *model, struct top_view *view,
		       uint64_t frames, struct fail *why)
{
	uint64_t start_ns = now_ns();
	int rc = batch_take(call, model, view, why);

	for (uint64_t frame = 0; rc == 0 && (frames == 0 || frame < frames); frame++) {
		batch_wait(start_ns, view->interval_seconds);
		start_ns = now_ns();
		rc = batch_take(call, model, view, why);
		if (rc == 0 && frame > 0)
			putchar('\n');
		if (rc == 0)
			rc = top_picture_print(model, view, stdout, why);
		if (fflush(stdout) != 0)
			return 0; /* main() says that standard output failed */
	}
	return rc;
}

static int top_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	struct top_view view = view_make(call);
	const char *no_color = getenv("NO_COLOR");
	/* the domain is the view's: a key chooses another one */
	struct target_choice any_domain = { 0 };
	struct call named = { .settings = &any_domain,
			      .operands = call->operands,
			      .operand_count = call->operand_count };
	struct top_model *model;
	int rc;

	if (!settings->batch)
		return top_live_run(&named, &view, !settings->no_color && !(no_color && *no_color),
				    why);
	rc = top_model_create(&model, why);
	if (rc < 0)
		return rc;
	rc = batch_print(&named, model, &view, settings->frames, why);
	top_model_free(model);
	return rc;
}

const struct verb verb_top = {
	.name = "top",
	.purpose = "show guests and domains live, and what sharing does right now",
	.synopsis = "[OPTIONS] [" TARGETS_SYNOPSIS "]",
	.example = "  samepage top\n"
		   "  samepage top --sort merges --domain web\n"
		   "  samepage top web-1 web-2\n"
		   "  samepage top --batch --frames 5 --interval 1 > log\n",
	.options = options,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_GUESTS,
	.max_operands = -1,
	.check = top_check,
	.exec = top_exec,
};
