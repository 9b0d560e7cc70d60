/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explanation_json.c - the explanation for programs
 *
 * The keys are a promise, as those of the report are: see samepage-explain(1).
 */
#include <errno.h>
#include <jansson.h>

#include "cli/explanation.h"

static int set_pages(json_t *object, const char *key, uint64_t pages)
{
	return json_object_set_new(object, key, json_integer((json_int_t)pages * PAGE_BYTES));
}

static int set_parts(json_t *object, const struct explanation *explanation,
		     const struct explanation_part *parts, size_t count)
{
	int failed = 0;

	for (size_t i = 0; i < count; i++)
		failed |=
			set_pages(object, parts[i].key, explanation_pages(explanation, &parts[i]));
	return failed;
}

/* NULL where memory runs out, here and below. */
static json_t *neighbours_json(const struct explanation *explanation)
{
	json_t *array = json_array();
	int failed = 0;

	for (size_t i = 0; i < explanation->neighbour_count; i++) {
		const struct neighbour *neighbour = &explanation->neighbours[i];
		json_t *object = json_pack("{ss}", "name", neighbour->name);

		failed |= set_pages(object, "common_bytes", neighbour->common);
		failed |= json_array_append_new(array, object);
	}
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *twins_json(const struct explanation *explanation)
{
	json_t *object = json_object();
	int failed = 0;

	failed |= set_pages(object, "sample_bytes", explanation->twins.sample);
	failed |= set_pages(object, "compared_bytes", explanation->twins.compared);
	failed |= set_pages(object, "comparable_bytes", explanation->comparable);
	failed |= set_parts(object, explanation, twins_parts, ARRAY_SIZE(twins_parts));
	failed |= set_pages(object, "near_bytes", twins_near(&explanation->twins));
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

int explanation_print_json(const struct explanation *explanation, FILE *to, struct fail *why)
{
	json_t *whole =
		json_pack("{ss ss}", "name", explanation->name, "domain", explanation->domain);
	int failed = set_pages(whole, "ram_bytes", explanation->pages);

	failed |= set_parts(whole, explanation, explanation_parts, ARRAY_SIZE(explanation_parts));
	failed |= json_object_set_new(whole, "neighbours", neighbours_json(explanation));
	failed |= json_object_set_new(whole, "twins", twins_json(explanation));
	if (!failed)
		failed = json_dumpf(whole, to, JSON_COMPACT);
	json_decref(whole);
	if (failed)
		return fail_set(why, EIO, "cannot write the explanation");
	putc('\n', to);
	return 0;
}
