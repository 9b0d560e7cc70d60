/* SPDX-License-Identifier: Apache-2.0 */
/* check_explanation.c - what guests say of their pages, brought together */
#include "tests/unit/suite.h"

#include <jansson.h>

#include "cli/comparison.h"
#include "cli/explanation.h"

#define PAGES 16

static struct fail why;

/* census_entry() in constants */
#define SHARED(frame) (KIND(CENSUS_SHARED) | (frame))
#define KIND(kind)    ((uint32_t)(kind) << CENSUS_FRAME_BITS)

/* Frames 10 and 11 with b, 11 with c as well; 12 twice, 13 once and with nobody. */
static uint32_t entries_a[PAGES] = {
	SHARED(10),	     SHARED(10),
	SHARED(11),	     SHARED(12),
	SHARED(12),	     SHARED(13),
	KIND(CENSUS_ZERO),   KIND(CENSUS_ZERO),
	KIND(CENSUS_UNUSED), KIND(CENSUS_UNIQUE),
	KIND(CENSUS_UNIQUE), KIND(CENSUS_CHANGING),
	KIND(CENSUS_UNIQUE), KIND(CENSUS_RETURNED),
	KIND(CENSUS_PINNED), KIND(CENSUS_HUGE),
};
static uint32_t entries_b[] = { SHARED(11), SHARED(10), SHARED(99), KIND(CENSUS_UNIQUE) };
static uint32_t entries_c[] = { SHARED(11), SHARED(11) };
/* the same numbers, of another store */
static uint32_t entries_d[] = { SHARED(12), SHARED(13) };

static const struct census a = { "a", 7, PAGES, entries_a };
static const struct census others[] = {
	{ "c", 7, 2, entries_c },
	{ "b", 7, 4, entries_b },
	{ "d", 8, 2, entries_d },
};
static struct explanation *explanation;

static void set_up(void)
{
	ck_assert_int_eq(explanation_build(&a, "web", others, 3, &explanation, &why), 0);
}

static void tear_down(void)
{
	explanation_free(explanation);
}

START_TEST(all_parts_add_up_to_the_whole)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < EXPLANATION_PARTS; i++)
		sum += explanation_pages(explanation, &explanation_parts[i]);
	ck_assert_uint_eq(sum, PAGES);
	ck_assert_uint_eq(explanation->pages, PAGES);
}
END_TEST

START_TEST(a_shared_page_is_between_within_or_alone)
{
	ck_assert_uint_eq(explanation->between, 3);
	ck_assert_uint_eq(explanation->within, 2);
	ck_assert_uint_eq(explanation->alone, 1);
	ck_assert_uint_eq(explanation->kinds[CENSUS_SHARED], 6);
	ck_assert_uint_eq(explanation->kinds[CENSUS_UNIQUE], 3);
}
END_TEST

START_TEST(who_shares_most_comes_first)
{
	ck_assert_uint_eq(explanation->neighbour_count, 3);
	ck_assert_str_eq(explanation->neighbours[0].name, "b");
	ck_assert_uint_eq(explanation->neighbours[0].common, 3);
	ck_assert_str_eq(explanation->neighbours[1].name, "c");
	ck_assert_uint_eq(explanation->neighbours[1].common, 1);
}
END_TEST

START_TEST(frames_of_another_store_are_other_frames)
{
	ck_assert_str_eq(explanation->neighbours[2].name, "d");
	ck_assert_uint_eq(explanation->neighbours[2].common, 0);
}
END_TEST

START_TEST(a_guest_without_neighbours_shares_within_alone)
{
	explanation_free(explanation);
	ck_assert_int_eq(explanation_build(&a, "web", NULL, 0, &explanation, &why), 0);
	ck_assert_uint_eq(explanation->between, 0);
	ck_assert_uint_eq(explanation->within, 4);
	ck_assert_uint_eq(explanation->alone, 2);
}
END_TEST

START_TEST(the_highest_frame_of_all_has_room)
{
	uint32_t entry = SHARED(PAGE_FRAME_MAX);
	const struct census one = { "one", 7, 1, &entry }, other = { "two", 7, 1, &entry };

	explanation_free(explanation);
	ck_assert_int_eq(explanation_build(&one, "web", &other, 1, &explanation, &why), 0);
	ck_assert_uint_eq(explanation->between, 1);
}
END_TEST

START_TEST(the_sample_stands_for_all_unique_pages)
{
	ck_assert_uint_eq(explanation_estimate(explanation, 5), 0); /* nothing was compared */
	explanation->kinds[CENSUS_UNIQUE] = 1000;
	explanation->twins.sample = 100;
	ck_assert_uint_eq(explanation_estimate(explanation, 0), 0);
	ck_assert_uint_eq(explanation_estimate(explanation, 25), 250);
	ck_assert_uint_eq(explanation_estimate(explanation, 100), 1000);
}
END_TEST

static void assert_keys(json_t *object, const char *expected)
{
	char keys[512] = "";
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		strcat(keys, key);
		strcat(keys, " ");
	}
	ck_assert_str_eq(keys, expected);
}

static json_t *printed_json(void)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	json_t *json;

	ck_assert_int_eq(explanation_print_json(explanation, to, &why), 0);
	fclose(to);
	ck_assert_ptr_eq(strchr(text, '\n'), text + size - 1);
	json = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(json);
	free(text);
	return json;
}

static json_int_t integer(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

START_TEST(json_has_exactly_the_promised_keys)
{
	json_t *json = printed_json(), *neighbour;

	assert_keys(json, "name domain ram_bytes shared_between_bytes shared_within_bytes "
			  "shared_alone_bytes zero_bytes returned_bytes unused_bytes unique_bytes "
			  "changing_bytes huge_bytes pinned_bytes neighbours twins ");
	neighbour = json_array_get(json_object_get(json, "neighbours"), 0);
	assert_keys(neighbour, "name common_bytes ");
	assert_keys(json_object_get(json, "twins"),
		    "sample_bytes compared_bytes comparable_bytes equal_bytes "
		    "kernel_addresses_bytes program_addresses_bytes other_differences_bytes "
		    "near_bytes ");
	ck_assert_int_eq(integer(json, "ram_bytes"), PAGES * 4096);
	ck_assert_int_eq(integer(json, "shared_between_bytes"), 3 * 4096);
	ck_assert_int_eq(integer(neighbour, "common_bytes"), 3 * 4096);
	json_decref(json);
}
END_TEST

START_TEST(near_bytes_are_those_of_all_causes)
{
	json_t *json, *twins;

	explanation->twins = (struct twins_count){
		.sample = 100,
		.compared = 50,
		.equal = 4,
		.near = { [TWIN_KERNEL] = 5, [TWIN_PROGRAM] = 6, [TWIN_OTHER] = 7 },
	};
	json = printed_json();
	twins = json_object_get(json, "twins");
	ck_assert_int_eq(integer(twins, "near_bytes"), 18 * 4096);
	ck_assert_int_eq(integer(twins, "equal_bytes"), 4 * 4096);
	ck_assert_int_eq(integer(twins, "program_addresses_bytes"), 6 * 4096);
	json_decref(json);
}
END_TEST

static char *printed_table(void)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	ck_assert_int_eq(explanation_print_table(explanation, to, &why), 0);
	fclose(to);
	return text;
}

START_TEST(the_table_says_what_the_figures_rest_on)
{
	char *text = printed_table();

	ck_assert_ptr_nonnull(strstr(text, "\nshared between "));
	ck_assert_ptr_nonnull(strstr(text, "\nb "));
	ck_assert_ptr_null(strstr(text, "were compared"));
	free(text);
	explanation->kinds[CENSUS_UNIQUE] = 512;
	explanation->comparable = 1024;
	explanation->twins = (struct twins_count){ .sample = 256, .compared = 1024 };
	explanation->twins.near[TWIN_KERNEL] = 128;
	text = printed_table();
	ck_assert_ptr_nonnull(strstr(text, "Of 2.0 MiB unique, 1.0 MiB were compared with 4.0 of "
					   "4.0 MiB that neighbours have.\n1.0 MiB differ"));
	free(text);
	explanation->comparable = 2048;
	text = printed_table();
	ck_assert_ptr_nonnull(strstr(text, "\nAt least 1.0 MiB differ"));
	free(text);
}
END_TEST

START_TEST(numbers_are_thinned_evenly)
{
	uint32_t numbers[] = { 1, 2, 3, 5, 8, 13, 21, 34 };

	ck_assert_uint_eq(numbers_thin(numbers, 8, 9), 8);
	ck_assert_uint_eq(numbers_thin(numbers, 8, 8), 8);
	ck_assert_uint_eq(numbers[7], 34);
	ck_assert_uint_eq(numbers_thin(numbers, 8, 3), 3);
	ck_assert_uint_eq(numbers[0], 1);
	ck_assert_uint_eq(numbers[1], 3);
	ck_assert_uint_eq(numbers[2], 13);
	ck_assert_uint_eq(numbers_thin(numbers, 3, 0), 0);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &all_parts_add_up_to_the_whole },
	{ "core", &a_shared_page_is_between_within_or_alone },
	{ "core", &who_shares_most_comes_first },
	{ "core", &frames_of_another_store_are_other_frames },
	{ "core", &a_guest_without_neighbours_shares_within_alone },
	{ "core", &the_sample_stands_for_all_unique_pages },
	{ "core", &json_has_exactly_the_promised_keys },
	{ "core", &near_bytes_are_those_of_all_causes },
	{ "core", &the_table_says_what_the_figures_rest_on },
	{ "limits", &the_highest_frame_of_all_has_room },
	{ "limits", &numbers_are_thinned_evenly },
};

SUITE_MAIN_AROUND("explanation", tests, set_up, tear_down)
