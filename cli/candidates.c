/* SPDX-License-Identifier: Apache-2.0 */
/* candidates.c - what could stand at the end of a command line, for shells that complete it */
#include "cli/candidates.h"

#include <ctype.h>
#include <string.h>

#include "base/rundir.h"
#include "cli/client.h"
#include "cli/verb.h"

/* The word to complete, and where its candidates go. */
struct completion {
	char *const *words; /* behind the verb */
	int count;	    /* without the last */
	const char *last;
	const char *kept; /* what of the last word stands before the value in it: "--a=" */
	size_t kept_length;
	const struct verb *verb;
	int operand_count;
	bool options_ended; /* by "--" */
	FILE *to;
};

/* meaning: its first line is used; NULL is fine. */
static void offer(const struct completion *completion, const char *word, size_t length,
		  const char *meaning)
{
	const char *typed = completion->last + completion->kept_length;
	size_t typed_length = strlen(typed);

	if (typed_length > length || strncmp(word, typed, typed_length) != 0)
		return;
	fprintf(completion->to, "%.*s%.*s", (int)completion->kept_length, completion->kept,
		(int)length, word);
	if (meaning)
		fprintf(completion->to, "\t%.*s", (int)strcspn(meaning, "\n"), meaning);
	putc('\n', completion->to);
}

static void offer_word(const struct completion *completion, const char *word, const char *meaning)
{
	offer(completion, word, strlen(word), meaning);
}

/* ------------------------------------------------------- what the host knows */

static bool was_typed(const struct completion *completion, const char *word)
{
	for (int i = 0; i < completion->count; i++)
		if (strcmp(completion->words[i], word) == 0)
			return true;
	return false;
}

/* A socket alone tells nothing: its guest may be gone. */
static bool guest_runs(const char *name)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	struct fail why;

	return client_connect(name, &client, &why) == 0;
}

/* logs: those that have left a log, and do not run; otherwise those that run. */
static void offer_guests(const struct completion *completion, bool logs)
{
	char **names;
	size_t count;
	struct fail why;

	if (rundir_names_with(RUNDIR_GUESTS, logs ? ".log" : ".sock", &names, &count, &why) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (!was_typed(completion, names[i]) && guest_runs(names[i]) != logs)
			offer_word(completion, names[i], NULL);
	rundir_names_free(names, count);
}

/* private ones: of single commands; they can't be joined. */
static void offer_domains(const struct completion *completion, bool with_private)
{
	char **names;
	size_t count;
	struct fail why;

	if (rundir_names(RUNDIR_DOMAINS, &names, &count, &why) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (with_private || names[i][0] != '@')
			offer_word(completion, names[i], NULL);
	rundir_names_free(names, count);
}

/* ------------------------------------------------------------------ values */

static bool begins_with(const char *text, size_t length, const char *word)
{
	return length >= strlen(word) && strncmp(text, word, strlen(word)) == 0;
}

static void offer_alternative(const struct completion *completion, const struct option *option,
			      const char *text, size_t length)
{
	size_t literal = 0;

	while (literal < length && !isupper((unsigned char)text[literal]) && text[literal] != '[')
		literal++;
	if (literal > 0)
		offer(completion, text, literal, NULL);
	else if (begins_with(text, length, "FILE"))
		fprintf(completion->to, "%s\n", CANDIDATES_FILES);
	else if (begins_with(text, length, "DIR"))
		fprintf(completion->to, "%s\n", CANDIDATES_DIRS);
	else if (begins_with(text, length, "DOMAIN"))
		offer_domains(completion, option->kind != OPTION_NAME);
}

static void offer_values(const struct completion *completion, const struct option *option)
{
	for (const char *text = option->value; text; text = strchr(text, '|')) {
		text += *text == '|';
		offer_alternative(completion, option, text, strcspn(text, "|"));
	}
}

/* ----------------------------------------------------------------- options */

/* word: from its dashes on. NULL: no option of this verb. */
static const struct option *option_of(const struct verb *verb, const char *word)
{
	size_t length = strcspn(word, "=");

	for (const struct option *option = verb->options; option->name; option++)
		if (strncmp(word, "--", 2) == 0 && strlen(option->name) == length - 2 &&
		    strncmp(option->name, word + 2, length - 2) == 0)
			return option;
	return NULL;
}

/* Whether the next word is this one's value, for good or (seconds) perhaps. */
static bool takes_next(const struct option *option, const char *word)
{
	return option && option->kind != OPTION_FLAG && option->kind != OPTION_SECONDS &&
	       !strchr(word, '=');
}

static bool option_was_typed(const struct completion *completion, const struct option *wanted)
{
	for (int i = 0; i < completion->count; i++)
		if (option_of(completion->verb, completion->words[i]) == wanted)
			return wanted->kind != OPTION_TEXTS;
	return false;
}

static void offer_options(const struct completion *completion)
{
	char word[64];

	for (const struct option *option = completion->verb->options; option->name; option++) {
		snprintf(word, sizeof(word), "--%s", option->name);
		if (!option_was_typed(completion, option))
			offer_word(completion, word, option->text);
	}
	offer_word(completion, "--help", "show this text");
}

/* ---------------------------------------------------------------- operands */

static void offer_verbs(const struct completion *completion)
{
	for (const struct verb *const *verb = verbs; *verb; verb++)
		if (!(*verb)->is_internal)
			offer_word(completion, (*verb)->name, (*verb)->purpose);
}

/* Where guests are meant by an option, there are no names. */
static bool are_meant_by_option(const struct completion *completion)
{
	for (int i = 0; i < completion->count; i++) {
		const struct option *option = option_of(completion->verb, completion->words[i]);

		if (option &&
		    (strcmp(option->name, "all") == 0 || strcmp(option->name, "domain") == 0))
			return true;
	}
	return false;
}

static void offer_operands(const struct completion *completion)
{
	const struct verb *verb = completion->verb;

	if (verb->max_operands >= 0 && completion->operand_count >= verb->max_operands)
		return;
	switch (verb->operands) {
	case OPERANDS_OTHER:
		break;
	case OPERANDS_VERBS:
		offer_verbs(completion);
		break;
	case OPERANDS_FILES:
		fprintf(completion->to, "%s\n", CANDIDATES_FILES);
		break;
	case OPERANDS_GUEST_AND_FILE:
		if (completion->operand_count > 0)
			fprintf(completion->to, "%s\n", CANDIDATES_FILES);
		else
			offer_guests(completion, false);
		break;
	case OPERANDS_GUESTS:
		if (!are_meant_by_option(completion))
			offer_guests(completion, false);
		break;
	case OPERANDS_LOGS:
		if (are_meant_by_option(completion))
			break;
		offer_guests(completion, false);
		offer_guests(completion, true);
		break;
	}
}

/* --------------------------------------------------------------- the command */

/* Goes through what stands before the last word. The option whose value that is, or NULL. */
static const struct option *completion_read(struct completion *completion)
{
	const struct option *pending = NULL;

	for (int i = 0; i < completion->count; i++) {
		const char *word = completion->words[i];
		const struct option *option = option_of(completion->verb, word);

		if (pending)
			pending = NULL;
		else if (completion->options_ended || word[0] != '-')
			completion->operand_count++;
		else if (strcmp(word, "--") == 0)
			completion->options_ended = true;
		else if (takes_next(option, word))
			pending = option;
	}
	return pending;
}

static void words_complete(struct completion *completion)
{
	const struct option *option = completion_read(completion);
	const char *equals = strchr(completion->last, '=');

	if (option) {
		offer_values(completion, option);
		return;
	}
	if (completion->last[0] != '-' || completion->options_ended) {
		offer_operands(completion);
		return;
	}
	option = equals ? option_of(completion->verb, completion->last) : NULL;
	if (!equals) {
		offer_options(completion);
	} else if (option) {
		completion->kept = completion->last;
		completion->kept_length = (size_t)(equals + 1 - completion->last);
		offer_values(completion, option);
	}
}

void candidates_print(char *const *words, int count, FILE *to)
{
	struct completion completion = { .last = words[count - 1], .kept = "", .to = to };

	if (count == 1) {
		offer_verbs(&completion);
		return;
	}
	completion.words = words + 1;
	completion.count = count - 2;
	completion.verb = verb_find(words[0]);
	if (completion.verb)
		words_complete(&completion);
}
