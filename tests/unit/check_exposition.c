/* SPDX-License-Identifier: Apache-2.0 */
/* check_exposition.c - what Prometheus reads: whole, escaped, each metric in one place */
#include "tests/unit/suite.h"

#include <stdio.h>

#include "cli/exposition.h"
#include "cli/figure.h"
#include "config.h"
#include "tests/unit/sample_report.h"

static struct report *report;
static char *text;
static struct fail why;

static void set_up(void)
{
	size_t size;
	FILE *to = open_memstream(&text, &size);

	report = sample_report();
	ck_assert_int_eq(exposition_print(report, 2500000, to, &why), 0);
	fclose(to);
}

static void tear_down(void)
{
	free(text);
	report_free(report);
}

static bool has_line(const char *line)
{
	const char *at = strstr(text, line);
	size_t length = strlen(line);

	return at && (at == text || at[-1] == '\n') && at[length] == '\n';
}

START_TEST(a_figure_is_told_with_help_and_type)
{
	ck_assert(has_line("# HELP samepage_guest_ram_bytes Memory that the guest sees."));
	ck_assert(has_line("# TYPE samepage_guest_ram_bytes gauge"));
	ck_assert(has_line("samepage_guest_ram_bytes{guest=\"web-1\",domain=\"shop\"} 67108864"));
	ck_assert(has_line("# TYPE samepage_guest_merges_total counter"));
	ck_assert(has_line("samepage_guest_merges_total{guest=\"web-1\",domain=\"shop\"} 17"));
}
END_TEST

START_TEST(times_are_in_seconds)
{
	ck_assert(
		has_line("samepage_guest_dedup_cpu_seconds_total{guest=\"web-1\",domain=\"shop\"} "
			 "0.123456789"));
	ck_assert(has_line("samepage_guest_uptime_seconds{guest=\"web-1\",domain=\"shop\"} "
			   "1.500000000"));
	ck_assert(has_line("samepage_report_duration_seconds 0.002500"));
}
END_TEST

START_TEST(labels_are_escaped)
{
	ck_assert(has_line("samepage_guest_ram_bytes{guest=\"</script><!--\\\"\\\\<b>\","
			   "domain=\"a\\\"b\\\\c&'d\"} 1099511627776"));
}
END_TEST

START_TEST(devices_are_told_apart_by_their_number)
{
	ck_assert(has_line("samepage_guest_network_received_bytes_total{guest=\"web-1\","
			   "domain=\"shop\",network=\"0\"} 7"));
	ck_assert(has_line("samepage_guest_network_sent_frames_total{guest=\"web-1\","
			   "domain=\"shop\",network=\"1\"} 8"));
	ck_assert(has_line("samepage_guest_disk_written_bytes_total{guest=\"web-1\","
			   "domain=\"shop\",disk=\"0\"} 8192"));
}
END_TEST

START_TEST(only_statistics_that_the_guest_tells_are_there)
{
	ck_assert(has_line("samepage_guest_statistics_unused_bytes{guest=\"web-1\","
			   "domain=\"shop\"} 4096"));
	ck_assert(has_line("samepage_guest_statistics_age_seconds{guest=\"web-1\","
			   "domain=\"shop\"} 0.500000000"));
	ck_assert(has_line("# TYPE samepage_guest_statistics_usable_bytes gauge"));
	ck_assert_ptr_null(strstr(text, "\nsamepage_guest_statistics_usable_bytes{"));
}
END_TEST

START_TEST(exactly_one_state_is_1)
{
	ck_assert(has_line(
		"samepage_guest_state{guest=\"web-1\",domain=\"shop\",state=\"running\"} 1"));
	ck_assert(has_line(
		"samepage_guest_state{guest=\"web-1\",domain=\"shop\",state=\"crashed\"} 0"));
	ck_assert(has_line(
		"samepage_guest_state{guest=\"web-1\",domain=\"shop\",state=\"paused\"} 0"));
	ck_assert(has_line(
		"samepage_guest_state{guest=\"web-1\",domain=\"shop\",state=\"shutdown\"} 0"));
}
END_TEST

START_TEST(who_did_not_answer_is_counted)
{
	ck_assert(has_line("samepage_silent_guests 3"));
	ck_assert(has_line("samepage_build_info{version=\"" PACKAGE_VERSION "\"} 1"));
}
END_TEST

/* The figures of a set are all there, and each stands in one place. */
static void expect_all(const struct figure_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		char type[128];
		const char *at;

		snprintf(type, sizeof(type), "# TYPE %s%s ", set->prefix, set->figures[i].metric);
		at = strstr(text, type);
		ck_assert_msg(at != NULL, "%s is missing", type);
		ck_assert_ptr_null(strstr(at + 1, type));
	}
}

START_TEST(no_figure_is_missing_and_none_comes_twice)
{
	expect_all(&guest_figures);
	expect_all(&statistic_figures);
	expect_all(&network_figures);
	expect_all(&disk_figures);
	expect_all(&domain_figures);
	expect_all(&total_figures);
}
END_TEST

/* Prometheus' conventions, as far as a table can break them. */
static void expect_conventional(const struct figure_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct figure *figure = &set->figures[i];
		const char *total = strstr(figure->metric, "_total");
		bool is_total = total && total[6] == '\0';

		ck_assert_msg(is_total == (figure->course == FIGURE_COUNTER), "%s", figure->metric);
		if (figure->kind == FIGURE_TIME)
			ck_assert_ptr_nonnull(strstr(figure->metric, "_seconds"));
		if (figure->kind == FIGURE_BYTES || figure->kind == FIGURE_BALANCE)
			ck_assert_ptr_nonnull(strstr(figure->metric, "_bytes"));
		ck_assert_int_ne(figure->help[strlen(figure->help) - 1], '.');
	}
}

START_TEST(names_tell_unit_and_kind)
{
	expect_conventional(&guest_figures);
	expect_conventional(&statistic_figures);
	expect_conventional(&network_figures);
	expect_conventional(&disk_figures);
	expect_conventional(&domain_figures);
	expect_conventional(&total_figures);
}
END_TEST

START_TEST(each_statistic_has_the_key_that_the_guest_knows_it_by)
{
	for (size_t i = 0; i < statistic_figures.count; i++)
		ck_assert_str_eq(statistic_figures.figures[i].key,
				 control_guest_stat_name((unsigned int)i));
	ck_assert_uint_eq(statistic_figures.count, CONTROL_GUEST_STATS);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_figure_is_told_with_help_and_type },
	{ "core", &times_are_in_seconds },
	{ "core", &devices_are_told_apart_by_their_number },
	{ "core", &only_statistics_that_the_guest_tells_are_there },
	{ "core", &exactly_one_state_is_1 },
	{ "core", &who_did_not_answer_is_counted },
	{ "core", &no_figure_is_missing_and_none_comes_twice },
	{ "core", &names_tell_unit_and_kind },
	{ "core", &each_statistic_has_the_key_that_the_guest_knows_it_by },
	{ "misuse", &labels_are_escaped },
};

SUITE_MAIN_AROUND("exposition", tests, set_up, tear_down)
