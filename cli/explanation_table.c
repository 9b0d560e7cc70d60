/* SPDX-License-Identifier: Apache-2.0 */
/* explanation_table.c - the explanation for people */
#include "cli/explanation.h"
#include "cli/table.h"

#define NEIGHBOURS_SHOWN 8u

static const struct table_column part_columns[] = {
	{ "WHERE IT IS", TABLE_LEFT },
	{ "SIZE", TABLE_RIGHT },
	{ "PART", TABLE_RIGHT },
	{ "WHAT THAT MEANS", TABLE_LEFT },
};

static const struct table_column neighbour_columns[] = {
	{ "NEIGHBOUR", TABLE_LEFT },
	{ "IN COMMON", TABLE_RIGHT },
	{ "PART", TABLE_RIGHT },
};

static const struct table_column twin_columns[] = {
	{ "DIFFERS IN", TABLE_LEFT },
	{ "OF UNIQUE", TABLE_RIGHT },
	{ "PART", TABLE_RIGHT },
	{ "WHAT THAT MEANS", TABLE_LEFT },
};

static double mib(uint64_t pages)
{
	return (double)pages * PAGE_BYTES / (double)(1 << 20);
}

static void cells_size(struct table *table, uint64_t pages, uint64_t of_pages)
{
	table_mib(table, (int64_t)(pages * PAGE_BYTES));
	table_format(table, "%.1f %%", of_pages ? 100.0 * (double)pages / (double)of_pages : 0.0);
}

static int parts_print(const struct explanation *explanation, FILE *to, struct fail *why)
{
	struct table *table;
	int rc = table_create(part_columns, ARRAY_SIZE(part_columns), &table, why);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(explanation_parts); i++) {
		const struct explanation_part *part = &explanation_parts[i];

		table_text(table, part->title);
		cells_size(table, explanation_pages(explanation, part), explanation->pages);
		table_text(table, part->meaning);
	}
	table_print(table, to);
	table_free(table);
	return 0;
}

static int neighbours_print(const struct explanation *explanation, FILE *to, struct fail *why)
{
	size_t count = explanation->neighbour_count;
	struct table *table;
	int rc = table_create(neighbour_columns, ARRAY_SIZE(neighbour_columns), &table, why);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count && i < NEIGHBOURS_SHOWN; i++) {
		table_text(table, explanation->neighbours[i].name);
		cells_size(table, explanation->neighbours[i].common, explanation->pages);
	}
	table_print(table, to);
	table_free(table);
	if (count > NEIGHBOURS_SHOWN)
		fprintf(to, "and %zu more that share less with it\n", count - NEIGHBOURS_SHOWN);
	return 0;
}

static void twin_row(struct table *table, const struct explanation *explanation, const char *title,
		     uint64_t of_sample, const char *meaning)
{
	table_text(table, title);
	cells_size(table, explanation_estimate(explanation, of_sample),
		   explanation->kinds[CENSUS_UNIQUE]);
	table_text(table, meaning);
}

static int twins_print(const struct explanation *explanation, FILE *to, struct fail *why)
{
	uint64_t left = explanation->twins.sample;
	struct table *table;
	int rc = table_create(twin_columns, ARRAY_SIZE(twin_columns), &table, why);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(twins_parts); i++) {
		uint64_t pages = explanation_pages(explanation, &twins_parts[i]);

		twin_row(table, explanation, twins_parts[i].title, pages, twins_parts[i].meaning);
		left -= pages;
	}
	twin_row(table, explanation, "more", left, "nobody has anything like it");
	table_print(table, to);
	table_free(table);
	return 0;
}

/* Says first what the figures rest on. */
static int comparison_print(const struct explanation *explanation, FILE *to, struct fail *why)
{
	const struct twins_count *twins = &explanation->twins;

	fprintf(to,
		"\nOf %.1f MiB unique, %.1f MiB were compared with %.1f of %.1f MiB that neighbours have.\n",
		mib(explanation->kinds[CENSUS_UNIQUE]), mib(twins->sample), mib(twins->compared),
		mib(explanation->comparable));
	fprintf(to, "%s%.1f MiB differ from a neighbour's page in at most %u words of 8 bytes.\n\n",
		twins->compared < explanation->comparable ? "At least " : "",
		mib(explanation_estimate(explanation, twins_near(twins))), TWIN_WORDS_MAX);
	return twins_print(explanation, to, why);
}

int explanation_print_table(const struct explanation *explanation, FILE *to, struct fail *why)
{
	int rc;

	fprintf(to, "%s: %.1f MiB, in domain %s\n\n", explanation->name, mib(explanation->pages),
		explanation->domain);
	rc = parts_print(explanation, to, why);
	if (rc < 0)
		return rc;
	if (explanation->neighbour_count == 0) {
		fprintf(to, "\nNo other guest of the domain shares its memory.\n");
		return 0;
	}
	putc('\n', to);
	rc = neighbours_print(explanation, to, why);
	if (rc == 0 && explanation->twins.sample > 0)
		rc = comparison_print(explanation, to, why);
	return rc;
}
