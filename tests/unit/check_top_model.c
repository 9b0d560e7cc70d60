/* SPDX-License-Identifier: Apache-2.0 */
/* check_top_model.c - rates from reports, who is shown, and in which order */
#include "tests/unit/suite.h"

#include <math.h>

#include "base/clock.h"
#include "cli/top_model.h"

#define MIB (UINT64_C(1) << 20)

static struct top_model *model;
static struct report report;
static struct report_guest guests[8];
static struct report_domain domains[4];
static struct report_silent silent[4];
static struct top_choice choice;
static const struct top_row *const *rows;
static size_t row_count;
static struct top_row sum;
static struct fail why;

static struct report_guest *add_guest(const char *name, const char *domain, uint32_t pid)
{
	struct report_guest *guest = &guests[report.guest_count++];

	*guest = (struct report_guest){ .figures = { .pid = pid,
						     .state = CONTROL_STATE_RUNNING,
						     .uptime_ns = 10 * NS_PER_SEC,
						     .ram_bytes = 64 * MIB } };
	strcpy(guest->figures.name, name);
	strcpy(guest->figures.domain, domain);
	return guest;
}

static struct report_domain *add_domain(const char *name)
{
	struct report_domain *domain = &domains[report.domain_count++];

	*domain = (struct report_domain){ 0 };
	strcpy(domain->name, name);
	return domain;
}

static void add_silent(const char *name, bool is_broker, const char *sentence)
{
	struct report_silent *entry = &silent[report.silent_count++];

	*entry = (struct report_silent){ .is_broker = is_broker };
	strcpy(entry->name, name);
	strcpy(entry->why.text, sentence);
}

static void take(uint64_t at_seconds)
{
	ck_assert_int_eq(top_model_take(model, &report, at_seconds * NS_PER_SEC, &why), 0);
	rows = top_model_rows(model, &choice, &row_count, &sum);
}

static void show(enum top_kind kind, enum top_column sort, bool reversed)
{
	choice.kind = kind;
	choice.sort[kind] = sort;
	choice.is_reversed = reversed;
	rows = top_model_rows(model, &choice, &row_count, &sum);
}

static void assert_order(const char *expected)
{
	char order[256] = "";

	for (size_t i = 0; i < row_count; i++) {
		strcat(order, rows[i]->name);
		strcat(order, " ");
	}
	ck_assert_str_eq(order, expected);
}

/* Of row i. */
static void assert_value(size_t i, enum top_column column, double expected)
{
	ck_assert_uint_lt(i, row_count);
	ck_assert_msg(fabs(rows[i]->values[column] - expected) < 1e-9, "%s of %s is %f, not %f",
		      top_columns[column].title, rows[i]->name, rows[i]->values[column], expected);
}

static void assert_unknown(size_t i, enum top_column column)
{
	ck_assert_uint_lt(i, row_count);
	ck_assert_msg(isnan(rows[i]->values[column]), "%s of %s is %f", top_columns[column].title,
		      rows[i]->name, rows[i]->values[column]);
}

static void set_up(void)
{
	report = (struct report){ .guests = guests, .domains = domains, .silent = silent };
	choice = (struct top_choice){ .kind = TOP_OF_GUESTS };
	ck_assert_int_eq(top_model_create(&model, &why), 0);
}

static void tear_down(void)
{
	top_model_free(model);
}

static void grow(struct report_guest *guest, uint64_t seconds, uint64_t merges, uint64_t breaks,
		 uint64_t cpu_ns)
{
	guest->figures.uptime_ns += seconds * NS_PER_SEC;
	guest->figures.merges_total += merges;
	guest->figures.breaks_total += breaks;
	guest->figures.dedup_cpu_ns += cpu_ns;
}

START_TEST(rates_are_unknown_at_first_and_then_what_counters_grew_by)
{
	struct report_guest *guest = add_guest("a", "web", 1);

	grow(guest, 0, 1000, 10, NS_PER_SEC);
	take(100);
	assert_unknown(0, TOP_MERGES);
	assert_unknown(0, TOP_BREAKS);
	assert_unknown(0, TOP_CPU);
	grow(guest, 4, 1000, 2, NS_PER_SEC);
	take(102); /* the guest's clock counts */
	assert_value(0, TOP_MERGES, 250);
	assert_value(0, TOP_BREAKS, 0.5);
	assert_value(0, TOP_CPU, 25);
	grow(guest, 2, 0, 0, 0);
	take(104);
	assert_value(0, TOP_MERGES, 0);
	assert_value(0, TOP_CPU, 0);
}
END_TEST

START_TEST(a_guest_that_was_restarted_under_its_name_begins_anew)
{
	struct report_guest *guest = add_guest("a", "web", 1);

	grow(guest, 0, 1000, 0, 0);
	take(100);
	/* more of everything, but by another process */
	grow(guest, 2, 500, 0, 0);
	guest->figures.pid = 2;
	take(102);
	assert_unknown(0, TOP_MERGES);
	grow(guest, 2, 500, 0, 0);
	take(104);
	assert_value(0, TOP_MERGES, 250);
	/* the number of a process comes back */
	guest->figures.uptime_ns = NS_PER_SEC;
	guest->figures.merges_total = 5000;
	take(106);
	assert_unknown(0, TOP_MERGES);
}
END_TEST

START_TEST(a_counter_that_went_back_gives_no_rate)
{
	static const enum top_column columns[] = { TOP_MERGES, TOP_BREAKS, TOP_CPU };
	struct report_guest *guest = add_guest("a", "web", 1);

	grow(guest, 0, 1000, 1000, 1000);
	take(100);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		grow(guest, 2, 10, 10, 10);
		take(102);
		ck_assert(!isnan(rows[0]->values[columns[i]]));
		guest->figures.merges_total -= i == 0;
		guest->figures.breaks_total -= i == 1;
		guest->figures.dedup_cpu_ns -= i == 2;
		guest->figures.uptime_ns += NS_PER_SEC;
		take(103);
		assert_unknown(0, columns[i]);
	}
}
END_TEST

START_TEST(a_guest_appears_and_goes)
{
	struct report_guest *first = add_guest("b", "web", 1);

	rows = top_model_rows(model, &choice, &row_count, &sum);
	ck_assert(row_count == 0 && isnan(sum.values[TOP_RAM]));
	take(100);
	assert_order("b ");
	ck_assert(isnan(sum.values[TOP_MERGES]));
	add_guest("a", "web", 2);
	grow(first, 2, 20, 0, 0);
	take(102);
	assert_order("a b ");
	assert_unknown(0, TOP_MERGES);
	assert_value(1, TOP_MERGES, 10);
	report.guest_count = 1; /* a went */
	take(104);
	assert_order("b ");
	report.guest_count = 0;
	take(106);
	ck_assert_uint_eq(row_count, 0);
	ck_assert(sum.values[TOP_RAM] == 0 && sum.values[TOP_MERGES] == 0);
}
END_TEST

START_TEST(a_silent_guest_keeps_its_figures_and_its_place_in_time)
{
	struct report_guest *guest = add_guest("a", "web", 1);

	guest->figures.shared_bytes = 7 * MIB;
	add_domain("web");
	take(100);
	report.guest_count = 0;
	add_silent("a", false, "guest 'a' does not answer");
	add_silent("never-seen", false, "guest 'never-seen' does not answer");
	for (int i = 0; i < 3; i++) {
		take(102);
		assert_order("a never-seen ");
		ck_assert_str_eq(rows[0]->state, "silent");
		ck_assert_str_eq(rows[0]->domain, "web");
		assert_value(0, TOP_SHARED, (double)(7 * MIB));
		assert_unknown(0, TOP_MERGES);
		assert_unknown(1, TOP_SHARED);
		ck_assert(sum.values[TOP_SHARED] > 0);
	}
	ck_assert_str_eq(top_model_complaint(model), "guest 'a' does not answer");
	report.silent_count = 0;
	report.guest_count = 1;
	grow(guest, 10, 100, 0, 0);
	take(110);
	ck_assert_str_eq(rows[0]->state, "running");
	assert_value(0, TOP_MERGES, 10);
	ck_assert_ptr_null(top_model_complaint(model));
}
END_TEST

/* Three guests, of which each column has an order of its own. */
static void take_three(void)
{
	static const char *const names[] = { "a", "b", "c" };

	for (unsigned int i = 0; i < 3; i++) {
		struct report_guest *guest = add_guest(names[i], i == 1 ? "x" : "y", i + 1);
		struct control_report *figures = &guest->figures;

		figures->state = i == 1 ? CONTROL_STATE_PAUSED : CONTROL_STATE_RUNNING;
		figures->ram_bytes = (i == 0 ? 3 : i) * 64 * MIB;
		figures->populated_bytes = (i + 1) * MIB;
		figures->shared_bytes = (3 - i) * MIB;
		figures->zero_bytes = (i == 1 ? 9 : i) * MIB;
		figures->returned_bytes = (i == 1 ? 0 : i + 1) * MIB;
		figures->pss_bytes = (4 + i) * MIB;
		figures->overhead_bytes = (4 - i) * MIB;
		guest->reclaimed_bytes = i == 2 ? -1 : (int64_t)i;
	}
	take(100);
	grow(&guests[0], 2, 2, 6, 4);
	grow(&guests[1], 2, 4, 2, 4);
	grow(&guests[2], 2, 6, 4, 8);
	take(102);
}

static const struct {
	enum top_column column;
	const char *order;
	const char *reversed;
} guest_orders[] = {
	{ TOP_NAME, "a b c ", "c b a " },     { TOP_DOMAIN, "b a c ", "a c b " },
	{ TOP_STATE, "b a c ", "a c b " },    { TOP_RAM, "a c b ", "b c a " },
	{ TOP_MEMORY, "b c a ", "a c b " },   { TOP_PRIVATE, "c b a ", "a b c " },
	{ TOP_SHARED, "a b c ", "c b a " },   { TOP_ZERO, "b c a ", "a c b " },
	{ TOP_RETURNED, "c a b ", "b a c " }, { TOP_RECLAIMED, "b a c ", "c a b " },
	{ TOP_PSS, "c b a ", "a b c " },      { TOP_MERGES, "c b a ", "a b c " },
	{ TOP_BREAKS, "a c b ", "b c a " },   { TOP_CPU, "c a b ", "a b c " },
	{ TOP_OVERHEAD, "a b c ", "c b a " },
};

START_TEST(guests_are_sorted_by_each_column)
{
	unsigned int sorted = 0, there = 0;

	take_three();
	for (size_t i = 0; i < ARRAY_SIZE(guest_orders); i++) {
		show(TOP_OF_GUESTS, guest_orders[i].column, false);
		assert_order(guest_orders[i].order);
		show(TOP_OF_GUESTS, guest_orders[i].column, true);
		assert_order(guest_orders[i].reversed);
		sorted++;
	}
	for (unsigned int i = 0; i < TOP_COLUMNS; i++)
		there += top_columns[i].is_in[TOP_OF_GUESTS];
	ck_assert_uint_eq(sorted, there); /* none is forgotten */
}
END_TEST

/* Three domains, of one, two and three guests. */
static void take_domains(void)
{
	static const char *const names[] = { "x", "y", "z" };
	unsigned int pid = 0;

	for (unsigned int i = 0; i < 3; i++) {
		struct report_domain *domain = add_domain(names[i]);

		domain->frames = i == 0 ? 9 : i;
		domain->store_bytes = i == 1 ? 9 : i;
		domain->overhead_bytes = 50 - i;
		for (unsigned int j = 0; j <= i; j++) {
			char name[8] = { names[i][0], (char)('0' + j) };

			add_guest(name, names[i], ++pid)->figures.populated_bytes = i == 0 ? 5 : 1;
		}
	}
	take(100);
	for (unsigned int i = 0; i < 3; i++)
		domains[i].broker_cpu_ns += (i == 1 ? 3 : 2 - i) * NS_PER_SEC / 10;
	grow(&guests[0], 2, 4, 0, NS_PER_SEC);
	grow(&guests[1], 2, 6, 8, NS_PER_SEC);
	grow(&guests[2], 2, 6, 8, NS_PER_SEC);
	take(102);
}

static const struct {
	enum top_column column;
	const char *order;
} domain_orders[] = {
	{ TOP_NAME, "x y z " },	      { TOP_GUESTS, "z y x " },	 { TOP_RAM, "z y x " },
	{ TOP_MEMORY, "x y z " },     { TOP_PRIVATE, "x z y " }, { TOP_FRAMES, "x z y " },
	{ TOP_STORE, "y z x " },      { TOP_MERGES, "y x z " },	 { TOP_BREAKS, "y x z " },
	{ TOP_BROKER_CPU, "y x z " }, { TOP_CPU, "y x z " },	 { TOP_OVERHEAD, "x y z " },
};

START_TEST(the_ninth_of_a_fleet_comes_before_the_tenth)
{
	add_guest("web-10", "web", 1);
	add_guest("web-9", "web", 2);
	take(100);
	assert_order("web-9 web-10 ");
	show(TOP_OF_GUESTS, TOP_RAM, false); /* all are equal */
	assert_order("web-9 web-10 ");
}
END_TEST

START_TEST(domains_are_sorted_by_their_columns)
{
	take_domains();
	for (size_t i = 0; i < ARRAY_SIZE(domain_orders); i++) {
		show(TOP_OF_DOMAINS, domain_orders[i].column, false);
		assert_order(domain_orders[i].order);
	}
}
END_TEST

START_TEST(a_domain_is_the_sum_of_its_guests_and_the_broker)
{
	take_domains();
	show(TOP_OF_DOMAINS, TOP_NAME, false);
	assert_value(1, TOP_GUESTS, 2);
	assert_value(1, TOP_RAM, (double)(128 * MIB));
	assert_value(1, TOP_MERGES, 6);
	assert_value(1, TOP_CPU, 100);
	assert_value(1, TOP_BROKER_CPU, 15);
	assert_value(1, TOP_OVERHEAD, 49); /* the report has added the guests' already */
	assert_unknown(2, TOP_MERGES);	   /* its guests' clocks stood still */
	ck_assert(sum.values[TOP_GUESTS] == 6 && sum.values[TOP_OVERHEAD] == 50 + 49 + 48);
	ck_assert(sum.values[TOP_MERGES] == 8);
}
END_TEST

START_TEST(of_one_domain_all_is_counted_and_nothing_else)
{
	size_t guest_count, domain_count;

	take_domains();
	strcpy(choice.domain, "y");
	show(TOP_OF_GUESTS, TOP_NAME, false);
	assert_order("y0 y1 ");
	ck_assert(sum.values[TOP_GUESTS] == 2 && sum.values[TOP_OVERHEAD] == 49);
	top_model_count(model, &choice, &guest_count, &domain_count);
	ck_assert_uint_eq(guest_count, 2);
	ck_assert_uint_eq(domain_count, 1);
	show(TOP_OF_DOMAINS, TOP_NAME, false);
	assert_order("y ");
	strcpy(choice.domain, "nobody");
	show(TOP_OF_GUESTS, TOP_NAME, false);
	assert_order("");
	ck_assert_str_eq(top_model_next_domain(model, ""), "x");
	ck_assert_str_eq(top_model_next_domain(model, "y"), "z");
	ck_assert_str_eq(top_model_next_domain(model, "nobody"), "x");
	ck_assert_str_eq(top_model_next_domain(model, "z"), "");
}
END_TEST

START_TEST(a_silent_or_new_broker_has_no_figures)
{
	take_domains();
	add_silent("x", true, "the broker does not answer");
	domains[1].broker_cpu_ns = 1;
	take(104);
	show(TOP_OF_DOMAINS, TOP_NAME, false);
	assert_order("x y z ");
	assert_unknown(0, TOP_FRAMES);
	assert_unknown(0, TOP_BROKER_CPU);
	assert_unknown(1, TOP_BROKER_CPU);
	assert_value(1, TOP_FRAMES, 1);
	ck_assert_str_eq(top_model_complaint(model), "the broker does not answer");
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &rates_are_unknown_at_first_and_then_what_counters_grew_by },
	{ "core", &a_guest_appears_and_goes },
	{ "core", &guests_are_sorted_by_each_column },
	{ "core", &the_ninth_of_a_fleet_comes_before_the_tenth },
	{ "core", &domains_are_sorted_by_their_columns },
	{ "core", &a_domain_is_the_sum_of_its_guests_and_the_broker },
	{ "core", &of_one_domain_all_is_counted_and_nothing_else },
	{ "faults", &a_guest_that_was_restarted_under_its_name_begins_anew },
	{ "faults", &a_counter_that_went_back_gives_no_rate },
	{ "faults", &a_silent_guest_keeps_its_figures_and_its_place_in_time },
	{ "faults", &a_silent_or_new_broker_has_no_figures },
};

SUITE_MAIN_AROUND("top_model", tests, set_up, tear_down)
