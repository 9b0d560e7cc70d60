/* SPDX-License-Identifier: Apache-2.0 */
/* checkup.c - what can be wrong with a host, each with the line that mends it */
#include "cli/checkup.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_OK] = "ok",
		[VERDICT_WARN] = "warn",
		[VERDICT_BAD] = "bad",
	};

	return names[verdict];
}

void finding_set(struct finding *finding, enum verdict verdict, const char *format, ...)
{
	va_list args;

	finding->verdict = verdict;
	finding->mend[0] = '\0';
	va_start(args, format);
	vsnprintf(finding->found, sizeof(finding->found), format, args);
	va_end(args);
}

void finding_mend(struct finding *finding, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(finding->mend, sizeof(finding->mend), format, args);
	va_end(args);
}

static void checkup_add(struct checkup *checkup, const struct host *host, const struct check *check)
{
	for (; check->name; check++) {
		assert(checkup->count < CHECKUP_MAX);
		checkup->results[checkup->count].name = check->name;
		check->look(host, &checkup->results[checkup->count].finding);
		checkup->count++;
	}
}

void checkup_make(const struct host *host, struct checkup *ret_checkup)
{
	ret_checkup->count = 0;
	checkup_add(ret_checkup, host, checks_of_devices);
	checkup_add(ret_checkup, host, checks_of_memory);
	checkup_add(ret_checkup, host, checks_of_files);
}

enum verdict checkup_worst(const struct checkup *checkup)
{
	enum verdict worst = VERDICT_OK;

	for (size_t i = 0; i < checkup->count; i++)
		if (checkup->results[i].finding.verdict > worst)
			worst = checkup->results[i].finding.verdict;
	return worst;
}

static json_t *results_json(const struct checkup *checkup)
{
	json_t *array = json_array();
	int failed = 0;

	for (size_t i = 0; i < checkup->count; i++) {
		const struct finding *finding = &checkup->results[i].finding;

		/* names out of files of the host need not be UTF-8: those are left out */
		json_t *found = json_string(finding->found), *mend = json_string(finding->mend);

		failed |= json_array_append_new(
			array,
			json_pack("{ss ss so* so*}", "name", checkup->results[i].name, "verdict",
				  verdict_name(finding->verdict), "found", found, "mend", mend));
	}
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

int checkup_print_json(const struct checkup *checkup, FILE *to, struct fail *why)
{
	json_t *whole = json_pack("{so sb}", "checks", results_json(checkup), "usable",
				  checkup_worst(checkup) != VERDICT_BAD);
	int failed = !whole || json_dumpf(whole, to, JSON_COMPACT) < 0;

	json_decref(whole);
	if (failed)
		return fail_set(why, EIO, "cannot write what was found");
	putc('\n', to);
	return 0;
}

void checkup_print_text(const struct checkup *checkup, FILE *to)
{
	static const char *const sums[] = {
		[VERDICT_OK] = "Guests can run and share their memory.",
		[VERDICT_WARN] =
			"Guests can run and share their memory; see what is marked 'warn'.",
		[VERDICT_BAD] = "Guests can't run, or can't share: mend what is marked 'bad'.",
	};

	for (size_t i = 0; i < checkup->count; i++) {
		const struct finding *finding = &checkup->results[i].finding;

		fprintf(to, "%-4s  %-14s  %s\n", verdict_name(finding->verdict),
			checkup->results[i].name, finding->found);
		if (finding->mend[0])
			fprintf(to, "%22smend: %s\n", "", finding->mend);
	}
	fprintf(to, "\n%s\n", sums[checkup_worst(checkup)]);
}
