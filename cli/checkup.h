/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup.h - what can be wrong with a host, each with the line that mends it
 *
 * A check is a row of a table: it looks at the host and says what it found. BAD is what
 * keeps guests from running, or from sharing; WARN costs something, or keeps an option
 * from working.
 */
#ifndef CLI_CHECKUP_H
#define CLI_CHECKUP_H

#include <stdio.h>

#include "cli/host.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_BAD };

const char *verdict_name(enum verdict verdict); /* "ok", "warn", "bad" */

struct finding {
	enum verdict verdict;
	char found[384]; /* no full stop */
	char mend[384];	 /* a line for a shell, as root; "": there is none */
};

struct check {
	const char *name;
	void (*look)(const struct host *host, struct finding *ret_finding);
};

/* In the order in which they are shown; end with an empty row. */
extern const struct check checks_of_devices[]; /* processor, KVM and other devices */
extern const struct check checks_of_memory[];
extern const struct check checks_of_files[]; /* programs, directories */

#define CHECKUP_MAX 32

struct checkup {
	size_t count;
	struct {
		const char *name;
		struct finding finding;
	} results[CHECKUP_MAX];
};

/* Looks at everything. */
void checkup_make(const struct host *host, struct checkup *ret_checkup);

enum verdict checkup_worst(const struct checkup *checkup);

/* One line of JSON. */
CHECKED int checkup_print_json(const struct checkup *checkup, FILE *to, struct fail *why);
/* For people. */
void checkup_print_text(const struct checkup *checkup, FILE *to);

/* For checks: what was found, and how it is mended (NULL: it need not be). */
void finding_set(struct finding *finding, enum verdict verdict, const char *format, ...)
	PRINTF(3, 4);
void finding_mend(struct finding *finding, const char *format, ...) PRINTF(2, 3);

#endif
