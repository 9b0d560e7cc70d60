/* SPDX-License-Identifier: Apache-2.0 */
/* check_top_picture.c - what stands where, on screens of all sizes and on paper */
#include "tests/unit/suite.h"

#include <stdarg.h>

#include "cli/top_picture.h"

#define MIB (UINT64_C(1) << 20)

static struct top_model *model;
static struct report report;
static struct report_guest guests[64];
static struct report_domain domain = { .name = "web", .overhead_bytes = 3 * MIB };
static struct top_view view;
static char *text;
static struct fail why;

static void add_guest(const char *name)
{
	struct report_guest *guest = &guests[report.guest_count++];

	guest->figures = (struct control_report){ .domain = "web",
						  .pid = (uint32_t)report.guest_count,
						  .state = CONTROL_STATE_RUNNING,
						  .ram_bytes = 64 * MIB,
						  .populated_bytes = 16 * MIB,
						  .shared_bytes = 24 * MIB,
						  .zero_bytes = 8 * MIB,
						  .returned_bytes = 4 * MIB };
	guest->reclaimed_bytes = (int64_t)(12 * MIB);
	strcpy(guest->figures.name, name);
}

static void add_fleet(unsigned int count)
{
	for (unsigned int i = 1; i <= count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "fleet-%u", i);
		add_guest(name);
	}
}

static void print_canvas(const struct canvas *canvas)
{
	size_t size;
	FILE *to;

	free(text);
	to = open_memstream(&text, &size);
	canvas_print(canvas, to);
	fclose(to);
}

static void draw(unsigned int width, unsigned int height)
{
	struct canvas *canvas;

	ck_assert_int_eq(top_model_take(model, &report, 1, &why), 0);
	ck_assert_int_eq(canvas_create(width, height, &canvas, &why), 0);
	top_picture_draw(canvas, model, &view);
	print_canvas(canvas);
	canvas_free(canvas);
}

static void assert_shows(const char *words)
{
	ck_assert_msg(strstr(text, words) != NULL, "no '%s' in:\n%.2000s", words, text);
}

static void assert_lacks(const char *words)
{
	ck_assert_msg(strstr(text, words) == NULL, "'%s' in:\n%.2000s", words, text);
}

static void set_up(void)
{
	report = (struct report){ .guests = guests, .domains = &domain, .domain_count = 1 };
	view = (struct top_view){ .interval_seconds = 2, .clock = "12:34:56" };
	ck_assert_int_eq(top_model_create(&model, &why), 0);
}

static void tear_down(void)
{
	top_model_free(model);
	free(text);
	text = NULL;
}

START_TEST(at_80_by_24_all_that_matters_is_there)
{
	add_guest("a");
	add_guest("b");
	draw(80, 24);
	assert_shows(
		"samepage top  12:34:56  2 guests in 1 domain, by name, every 2 s\n"
		"memory   128.0 MiB: 32.0 private, 48.0 shared, 16.0 zero, 8.0 returned\n"
		"sharing  24.0 MiB reclaimed, - merges/s, - breaks/s\n"
		"cost     3.0 MiB overhead, CPU -% in guests' processes, -% in brokers\n"
		"bars     # private  = shared  0 zero  - returned  . never touched; sizes in MiB\n"
		"\n"
		"NAME     STATE    MEMORY              RECLAIMED MERGES/s BREAKS/s  CPU% OVERHEAD\n"
		"a        running  #####=======00-....      12.0        -        -     -      0.0\n"
		"b        running  #####=======00-....      12.0        -        -     -      0.0\n"
		"\n");
	assert_shows("\nq quit  ? help");
}
END_TEST

START_TEST(the_column_of_the_order_is_always_shown)
{
	add_guest("a");
	for (unsigned int i = 0; i < TOP_COLUMNS; i++) {
		char head[32];

		if (!top_columns[i].is_in[TOP_OF_GUESTS])
			continue;
		view.choice.sort[TOP_OF_GUESTS] = i;
		draw(40, 24);
		snprintf(head, sizeof(head), "%s", top_columns[i].title);
		assert_shows(head);
		assert_shows("\nNAME ");
	}
}
END_TEST

START_TEST(a_wide_screen_has_all_columns)
{
	add_guest("a");
	draw(200, 24);
	for (unsigned int i = 0; i < TOP_COLUMNS; i++)
		if (top_columns[i].is_in[TOP_OF_GUESTS])
			assert_shows(top_columns[i].title);
	view.choice.kind = TOP_OF_DOMAINS;
	draw(200, 24);
	for (unsigned int i = 0; i < TOP_COLUMNS; i++)
		if (top_columns[i].is_in[TOP_OF_DOMAINS])
			assert_shows(top_columns[i].title);
}
END_TEST

START_TEST(long_names_keep_both_ends)
{
	add_guest("a-name-that-is-much-too-long-1");
	add_guest("a-name-that-is-much-too-long-2");
	draw(80, 24);
	assert_shows("\na-name-t~ng-1 running ");
	assert_shows("\na-name-t~ng-2 running ");
	assert_shows("BREAKS/s"); /* they cost no column */
}
END_TEST

START_TEST(more_guests_than_lines_are_scrolled_through)
{
	add_fleet(40);
	ck_assert_uint_eq(top_picture_rows(24), 16);
	draw(80, 24);
	assert_shows("\nfleet-1 ");
	assert_shows("\nfleet-16 ");
	assert_lacks("\nfleet-17 ");
	assert_shows("  1-16 of 40\n");
	view.first = 16;
	draw(80, 24);
	assert_shows("\nfleet-17 ");
	assert_shows("  17-32 of 40\n");
	view.first = 1000;
	draw(80, 24);
	ck_assert_uint_eq(view.first, 24);
	assert_shows("\nfleet-40 ");
	assert_shows("  25-40 of 40\n");
	report.guest_count = 3; /* most of them went */
	draw(80, 24);
	ck_assert_uint_eq(view.first, 0);
	assert_lacks(" of 40");
}
END_TEST

START_TEST(no_screen_is_too_small)
{
	add_fleet(40);
	for (unsigned int width = 1; width < 90; width += 4) {
		for (unsigned int height = 1; height < 30; height++) {
			view.shows_help = (width + height) % 5 == 0;
			draw(width, height);
			for (const char *line = text; *line; line = strchr(line, '\n') + 1)
				ck_assert_uint_le(strcspn(line, "\n"), width);
		}
	}
}
END_TEST

START_TEST(who_is_shown_is_said)
{
	add_guest("a");
	strcpy(view.choice.domain, "web");
	view.choice.is_reversed = true;
	view.is_paused = true;
	draw(80, 24);
	assert_shows("domain web: 1 guest, by name reversed, every 2 s  PAUSED\n");
	strcpy(view.choice.domain, "nobody");
	draw(80, 24);
	assert_shows("\nno guest runs in domain 'nobody'\n");
	*view.choice.domain = '\0';
	report.guest_count = 0;
	draw(80, 24);
	assert_shows("\nno guest runs\n");
	view.has_names = true;
	draw(80, 24);
	assert_shows("\nno guest that was named runs\n");
}
END_TEST

START_TEST(help_fits_80_by_24)
{
	view.shows_help = true;
	draw(80, 24);
	assert_shows("any key: back");
	draw(200, 60);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		ck_assert_uint_le(strcspn(line, "\n"), 80);
}
END_TEST

START_TEST(paper_has_every_row_and_column)
{
	size_t size;
	FILE *to = open_memstream(&text, &size);

	add_fleet(40);
	ck_assert_int_eq(top_model_take(model, &report, 1, &why), 0);
	ck_assert_int_eq(top_picture_print(model, &view, to, &why), 0);
	fclose(to);
	assert_shows("\nfleet-40 ");
	assert_shows("OVERHEAD\n");
	assert_shows(" #####========00-.... ");
	assert_lacks("q quit");
	ck_assert_ptr_null(strchr(text, '\033'));
}
END_TEST

static void assert_bar(double ram, const double parts[TOP_PARTS], const char *expected)
{
	unsigned int ends[TOP_PARTS], start = 0;
	struct top_row row;
	char bar[11] = "..........";

	top_row_init(&row, "a");
	row.values[TOP_RAM] = ram;
	row.values[TOP_PRIVATE] = parts[0];
	row.values[TOP_SHARED] = parts[1];
	row.values[TOP_ZERO] = parts[2];
	row.values[TOP_RETURNED] = parts[3];
	top_row_bar(&row, 10, ends);
	for (unsigned int i = 0; i < TOP_PARTS; i++) {
		ck_assert_uint_ge(ends[i], start);
		ck_assert_uint_le(ends[i], 10);
		for (; start < ends[i]; start++)
			bar[start] = top_part_marks[i];
	}
	ck_assert_str_eq(bar, expected);
}

START_TEST(bars_add_up)
{
	assert_bar(100, (double[]){ 25, 25, 25, 25 }, "###==000--");
	assert_bar(100, (double[]){ 100, 0, 0, 0 }, "##########");
	assert_bar(100, (double[]){ 0, 0, 0, 0 }, "..........");
	assert_bar(100, (double[]){ 4, 4, 4, 4 }, "=-........");
	assert_bar(100, (double[]){ 90, 90, 90, 90 }, "#########="); /* told while it changes */
	assert_bar(0, (double[]){ 0, 0, 0, 0 }, "..........");
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &at_80_by_24_all_that_matters_is_there },
	{ "core", &the_column_of_the_order_is_always_shown },
	{ "core", &a_wide_screen_has_all_columns },
	{ "core", &more_guests_than_lines_are_scrolled_through },
	{ "core", &who_is_shown_is_said },
	{ "core", &help_fits_80_by_24 },
	{ "core", &paper_has_every_row_and_column },
	{ "core", &bars_add_up },
	{ "limits", &long_names_keep_both_ends },
	{ "limits", &no_screen_is_too_small },
};

SUITE_MAIN_AROUND("top_picture", tests, set_up, tear_down)
