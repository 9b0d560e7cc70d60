/* SPDX-License-Identifier: Apache-2.0 */
/* check_report_page.c - the page is whole, asks for nothing, and believes no name */
#include "tests/unit/suite.h"

#include <stdio.h>

#include "cli/report_json.h"
#include "cli/report_page.h"
#include "tests/unit/sample_report.h"

static struct report *report;
static struct memory_map *map;
static struct fail why;

static const size_t map_guests[] = { 0, 1 };
static struct history guest_histories[2] = {
	{ .count = 2,
	  .points = { { UINT64_C(2000000000), { 1, 2, 3, 4 } },
		      { UINT64_C(2500000000), { 5, 6, 7, 8 } } } },
};
static struct history domain_histories[2] = {
	{ .count = 1, .points = { { UINT64_C(1900000000), { 4096, 8192 } } } },
};

static void set_up(void)
{
	struct census censuses[2] = { { .store = 1, .pages = 64 }, { .store = 1, .pages = 64 } };

	for (size_t i = 0; i < 2; i++) {
		censuses[i].entries = calloc(64, sizeof(uint32_t));
		censuses[i].entries[20 * i] = census_entry(CENSUS_SHARED, 5);
	}
	report = sample_report();
	ck_assert_int_eq(memory_map_build(censuses, 2, &map, &why), 0);
	for (size_t i = 0; i < 2; i++)
		census_done(&censuses[i]);
}

static void tear_down(void)
{
	memory_map_free(map);
	report_free(report);
}

static struct report_page page(void)
{
	return (struct report_page){
		.report = report,
		.guest_histories = guest_histories,
		.domain_histories = domain_histories,
		.map = map,
		.map_guests = map_guests,
		.made_ns = UINT64_C(3000000000),
		.made = 1700000000,
	};
}

/* The caller frees it. */
static char *printed(void)
{
	struct report_page shown = page();
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	ck_assert_int_eq(report_page_print(&shown, to, &why), 0);
	fclose(to);
	return text;
}

static unsigned int count_of(const char *text, const char *what)
{
	unsigned int count = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		count++;
	return count;
}

START_TEST(every_mark_of_the_template_is_filled)
{
	char *text = printed();

	ck_assert_ptr_null(strstr(text, "@{"));
	ck_assert_ptr_nonnull(strstr(text, "</html>"));
	ck_assert_ptr_nonnull(strstr(text, "prefers-color-scheme: dark"));
	ck_assert_ptr_nonnull(strstr(text, "page-data"));
	free(text);
}
END_TEST

START_TEST(tables_have_the_exact_figures)
{
	char *text = printed();

	ck_assert_ptr_nonnull(strstr(text, "data-figure=\"guest web-1 ram_bytes\" "
					   "data-value=\"67108864\">64.0 MiB</td>"));
	ck_assert_ptr_nonnull(strstr(text, "data-figure=\"guest web-1 dedup_cpu_seconds\" "
					   "data-value=\"0.123456789\">0.12 s</td>"));
	ck_assert_ptr_nonnull(strstr(text, "data-figure=\"network web-1 1 frames_out\" "
					   "data-value=\"8\""));
	ck_assert_ptr_nonnull(strstr(text, "data-figure=\"disk web-1 0 written_bytes\" "
					   "data-value=\"8192\""));
	ck_assert_ptr_nonnull(strstr(text, "data-figure=\"statistic web-1 unused\" "
					   "data-value=\"4096\""));
	ck_assert_ptr_nonnull(strstr(text, "data-figure=\"total all silent_guests\" "
					   "data-value=\"3\""));
	free(text);
}
END_TEST

/* A name can close no element, begin no comment and leave no attribute. */
START_TEST(names_stay_names)
{
	char *text = printed();

	ck_assert_uint_eq(count_of(text, "</script>"), 2); /* the data's and the script's */
	ck_assert_ptr_null(strstr(text, "<!--"));
	ck_assert_ptr_null(strstr(text, "<b>"));
	ck_assert_ptr_nonnull(strstr(text, "&#60;/script&#62;&#60;!--&#34;\\&#60;b&#62;"));
	ck_assert_ptr_nonnull(
		strstr(text, "\\u003c/script\\u003e\\u003c!--\\\"\\\\\\u003cb\\u003e"));
	ck_assert_ptr_nonnull(strstr(text, "a\\\"b\\\\c\\u0026'd"));
	free(text);
}
END_TEST

START_TEST(the_data_is_what_stats_say_with_curve_and_map)
{
	char *text = printed(), *begin, *end;
	json_t *embedded, *expected = report_json(report), *points, *sets;

	begin = strstr(text, "id=\"page-data\">");
	begin += strlen("id=\"page-data\">");
	end = strstr(begin, "</script>");
	*end = '\0';
	embedded = json_loads(begin, 0, NULL);
	ck_assert_ptr_nonnull(embedded);
	ck_assert(json_equal(json_object_get(embedded, "report"), expected));
	points = json_object_get(
		json_array_get(json_object_get(json_object_get(embedded, "history"), "guests"), 0),
		"points");
	ck_assert_uint_eq(json_array_size(points), 3); /* and that of the report */
	ck_assert_int_eq(json_integer_value(json_array_get(json_array_get(points, 0), 0)), 100);
	ck_assert_int_eq(json_integer_value(json_array_get(json_array_get(points, 2), 0)), 1100);
	ck_assert_int_eq(json_integer_value(json_array_get(json_array_get(points, 2), 3)), 40960);
	sets = json_object_get(json_object_get(embedded, "map"), "sets");
	ck_assert_uint_eq(json_array_size(json_object_get(sets, "cell")), 3);
	ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(sets, "cell"), 2)), 5);
	json_decref(expected);
	json_decref(embedded);
	free(text);
}
END_TEST

/* Nothing but the data: icon has an address, and names of formats are none. */
START_TEST(there_is_no_address_to_ask)
{
	char *text = printed();

	ck_assert_uint_eq(count_of(text, "href="), count_of(text, "href=\"data:,\""));
	ck_assert_uint_eq(count_of(text, "src="), 0);
	ck_assert_uint_eq(count_of(text, "url("), 0);
	ck_assert_uint_eq(count_of(text, "@import"), 0);
	ck_assert_uint_eq(count_of(text, "https:"), 0);
	ck_assert_uint_eq(count_of(text, "http:"), 2); /* SVG's and HTML's namespaces */
	ck_assert_uint_eq(count_of(text, "http://www.w3.org/"), 2);
	ck_assert_ptr_nonnull(strstr(text, "default-src 'none'"));
	free(text);
}
END_TEST

static void nonce_of(const char *text, char ret_nonce[33])
{
	const char *at = strstr(text, "script-src 'nonce-");

	ck_assert_ptr_nonnull(at);
	memcpy(ret_nonce, at + strlen("script-src 'nonce-"), 32);
	ret_nonce[32] = '\0';
	ck_assert_uint_eq(strspn(ret_nonce, "0123456789abcdef"), 32);
}

START_TEST(each_page_has_a_nonce_of_its_own)
{
	char *first = printed(), *second = printed(), a[33], b[33];

	nonce_of(first, a);
	nonce_of(second, b);
	ck_assert_str_ne(a, b);
	ck_assert_uint_eq(count_of(first, a), 4); /* twice in the policy, style and script */
	free(first);
	free(second);
}
END_TEST

START_TEST(a_page_of_nobody_is_whole)
{
	struct report_page shown = { .map = map };
	struct report *nobody;
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	memory_map_free(map);
	ck_assert_int_eq(memory_map_build(NULL, 0, &map, &why), 0);
	shown.map = map;
	ck_assert_int_eq(report_build(NULL, 0, NULL, 0, &nobody, &why), 0);
	shown.report = nobody;
	ck_assert_int_eq(report_page_print(&shown, to, &why), 0);
	fclose(to);
	ck_assert_ptr_nonnull(strstr(text, "data-figure=\"total all reclaimed_bytes\""));
	ck_assert_ptr_nonnull(strstr(text, "</html>"));
	free(text);
	report_free(nobody);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &every_mark_of_the_template_is_filled },
	{ "core", &tables_have_the_exact_figures },
	{ "core", &the_data_is_what_stats_say_with_curve_and_map },
	{ "core", &there_is_no_address_to_ask },
	{ "core", &each_page_has_a_nonce_of_its_own },
	{ "limits", &a_page_of_nobody_is_whole },
	{ "misuse", &names_stay_names },
};

SUITE_MAIN_AROUND("report_page", tests, set_up, tear_down)
