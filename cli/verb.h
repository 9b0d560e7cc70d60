/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb.h - one verb of the samepage command; each file of this folder named after
 * a verb defines one, and main.c lists them
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <stdbool.h>

#include "base/fail.h"
#include "cli/option.h"

/* Exit statuses; samepage-run(1) explains them. */
enum {
	STATUS_POWERED_OFF = 0,
	STATUS_ERROR = 1,
	STATUS_USAGE = 2,
	STATUS_REBOOTED = 3,
	STATUS_PANICKED = 4,
	STATUS_TRIPLE_FAULT = 5,
	STATUS_ENDED = 6,
};

/* A verb as it was called. */
struct call {
	void *settings; /* the verb's, filled from its options */
	char **operands;
	int operand_count;
	uint64_t given; /* rows of the options that were, a bit for each */
};

/* What the operands are, for those who complete them. */
enum verb_operands {
	OPERANDS_OTHER,
	OPERANDS_GUESTS, /* names of running guests */
	OPERANDS_LOGS,	 /* the same, and of those that have left a log */
	OPERANDS_GUEST_AND_FILE,
	OPERANDS_FILES,
	OPERANDS_VERBS,
};

struct verb {
	const char *name;
	const char *purpose;	      /* one line, no full stop */
	const char *synopsis;	      /* behind "samepage NAME " */
	const char *example;	      /* command lines, each with '\n' */
	const struct option *options; /* ends with an empty row */
	const void *defaults;	      /* what the settings are before the options */
	size_t settings_size;
	enum verb_operands operands;
	int min_operands, max_operands; /* max -1: any number */
	bool is_internal;		/* not in the list of verbs */

	/* What single options can't tell; -errno is a usage error. NULL: nothing. */
	int (*check)(const struct call *call, struct fail *why);
	/* An exit status, or -errno and the sentence. */
	int (*exec)(const struct call *call, struct fail *why);
};

extern const struct verb verb_balloon;
extern const struct verb verb_broker;
extern const struct verb verb_complete;
extern const struct verb verb_console;
extern const struct verb verb_doctor;
extern const struct verb verb_down;
extern const struct verb verb_dump_ram;
extern const struct verb verb_explain;
extern const struct verb verb_help;
extern const struct verb verb_kill;
extern const struct verb verb_logs;
extern const struct verb verb_metrics;
extern const struct verb verb_pause;
extern const struct verb verb_ps;
extern const struct verb verb_report;
extern const struct verb verb_resume;
extern const struct verb verb_run;
extern const struct verb verb_stats;
extern const struct verb verb_stop;
extern const struct verb verb_top;
extern const struct verb verb_up;
extern const struct verb verb_version;

/* All of them, in the order of the help; ends with NULL. */
extern const struct verb *const verbs[];

const struct verb *verb_find(const char *name); /* NULL: no such verb */
void verb_print_help(const struct verb *verb);
void verbs_print(void);

#endif
