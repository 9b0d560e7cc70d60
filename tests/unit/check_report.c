/* SPDX-License-Identifier: Apache-2.0 */
/* check_report.c - guests and ledgers brought together, and the promise of the JSON keys */
#include "tests/unit/suite.h"

#include <jansson.h>

#include "cli/report.h"

#define PAGE 4096

static struct control_report guest(const char *name, const char *domain, uint32_t pid)
{
	struct control_report report = {
		.pid = pid,
		.state = CONTROL_STATE_RUNNING,
		.ram_bytes = UINT64_C(64) << 20,
		.zero_bytes = 10 * PAGE,
		.huge_bytes = UINT64_C(4) << 20,
		.overhead_bytes = 1000,
		.dedup_cpu_ns = 1500000000,
		.guest_stats = { .age_ns = 500000000, .known = 1 << 4 | 1 << 6 },
		.network_count = 2,
		.networks = { { .bytes_in = 7 }, { .frames_out = 8, .dropped_out = 9 } },
		.disk_count = 1,
		.disks = { { .written_bytes = 4096, .errors = 3 } },
	};

	strcpy(report.name, name);
	strcpy(report.domain, domain);
	return report;
}

/* Two guests of one frame each, 100 frames held in common, and one that holds 7 twice itself. */
static struct broker_report *broker(void)
{
	struct broker_report *report = calloc(1, sizeof(*report) + 2 * sizeof(report->guests[0]));

	strcpy(report->domain, "web");
	report->frames = 107;
	report->store_bytes = 107 * PAGE;
	report->shared_mappings = 214;
	report->max_sharers = 3;
	report->overhead_bytes = 5000;
	report->cpu_ns = 250000000;
	report->guest_count = 2;
	report->guests[0].pid = 11;
	report->guests[0].held_pages = 100;
	report->guests[0].cost_bytes = 50 * PAGE;
	report->guests[1].pid = 12;
	report->guests[1].held_pages = 114;
	report->guests[1].cost_bytes = 57 * PAGE;
	return report;
}

static struct report *report;
static struct fail why;

static void set_up(void)
{
	struct control_report guests[] = {
		guest("a", "web", 11),
		guest("b", "web", 12),
		guest("c", "alone", 13),
	};
	struct broker_report *brokers[] = { broker() };

	ck_assert_int_eq(report_build(guests, ARRAY_SIZE(guests), brokers, ARRAY_SIZE(brokers),
				      &report, &why),
			 0);
	free(brokers[0]);
}

static void tear_down(void)
{
	report_free(report);
}

START_TEST(reclaimed_is_what_is_held_less_its_cost_and_the_zero_pages)
{
	ck_assert_int_eq(report->guests[0].reclaimed_bytes, (100 - 50 + 10) * PAGE);
	ck_assert_int_eq(report->guests[1].reclaimed_bytes, (114 - 57 + 10) * PAGE);
	ck_assert_int_eq(report->guests[2].reclaimed_bytes, 10 * PAGE);
}
END_TEST

START_TEST(a_domain_sums_up_its_guests)
{
	const struct report_domain *web = &report->domains[0];

	ck_assert_uint_eq(report->domain_count, 2);
	ck_assert_str_eq(web->name, "web");
	ck_assert_uint_eq(web->guests, 2);
	/* the law of the ledger: mappings less frames, and the zero pages */
	ck_assert_int_eq(web->reclaimed_bytes, (214 - 107 + 20) * PAGE);
	ck_assert_uint_eq(web->overhead_bytes, 5000 + 2 * 1000);
	ck_assert_int_eq(report->reclaimed_bytes, (214 - 107 + 30) * PAGE);
	ck_assert_uint_eq(report->overhead_bytes, 5000 + 3 * 1000);
}
END_TEST

START_TEST(a_domain_without_broker_is_listed)
{
	ck_assert_str_eq(report->domains[1].name, "alone");
	ck_assert_uint_eq(report->domains[1].guests, 1);
	ck_assert_uint_eq(report->domains[1].frames, 0);
}
END_TEST

START_TEST(a_guest_of_another_domain_gets_nothing_from_this_ledger)
{
	struct control_report stranger = guest("z", "other", 11);
	struct broker_report *brokers[] = { broker() };
	struct report *strange;

	ck_assert_int_eq(report_build(&stranger, 1, brokers, 1, &strange, &why), 0);
	ck_assert_int_eq(strange->guests[0].reclaimed_bytes, 10 * PAGE);
	report_free(strange);
	free(brokers[0]);
}
END_TEST

static json_t *printed_json(void)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	json_t *json;

	ck_assert_int_eq(report_print_json(report, to, &why), 0);
	fclose(to);
	ck_assert_ptr_eq(strchr(text, '\n'), text + size - 1);
	json = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(json);
	free(text);
	return json;
}

static void assert_keys(json_t *object, const char *expected)
{
	char keys[1024] = "";
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		strcat(keys, key);
		strcat(keys, json_is_string(value)    ? ":s "
			     : json_is_integer(value) ? ":i "
			     : json_is_real(value)    ? ":r "
			     : json_is_boolean(value) ? ":b "
			     : json_is_array(value)   ? ":a "
						      : ":o ");
	}
	ck_assert_str_eq(keys, expected);
}

START_TEST(json_has_exactly_the_promised_keys)
{
	json_t *json = printed_json();

	assert_keys(json, "guests:a domains:a total:o ");
	assert_keys(
		json_array_get(json_object_get(json, "guests"), 0),
		"name:s domain:s pid:i state:s ram_bytes:i populated_bytes:i shared_bytes:i "
		"zero_bytes:i returned_bytes:i huge_bytes:i reclaimed_bytes:i pss_bytes:i breaks_total:i merges_total:i "
		"mappings:i mappings_limit:i declined_bytes:i old_store_bytes:i dedup_cpu_seconds:r passes:i "
		"balloon_target_bytes:i ballooned_bytes:i reported_bytes:i overhead_bytes:i "
		"cpus:i uptime_seconds:r writes_tracked:b "
		"guest_statistics:o networks:a disks:a ");
	assert_keys(json_object_get(json_array_get(json_object_get(json, "guests"), 0),
				    "guest_statistics"),
		    "age_seconds:r unused:i usable:i ");
	assert_keys(json_array_get(json_object_get(json, "domains"), 0),
		    "name:s guests:i frames:i store_bytes:i shared_mappings:i max_sharers:i "
		    "reclaimed_bytes:i "
		    "overhead_bytes:i broker_cpu_seconds:r ");
	assert_keys(json_object_get(json, "total"),
		    "reclaimed_bytes:i overhead_bytes:i silent_guests:i silent_brokers:i ");
	json_decref(json);
}
END_TEST

START_TEST(a_guest_that_says_nothing_has_no_statistics)
{
	json_t *json;

	report->guests[0].figures.guest_stats.age_ns = 0;
	json = printed_json();
	assert_keys(json_object_get(json_array_get(json_object_get(json, "guests"), 0),
				    "guest_statistics"),
		    "");
	json_decref(json);
}
END_TEST

START_TEST(each_network_has_its_counters)
{
	json_t *json = printed_json(), *networks, *last;

	networks = json_object_get(json_array_get(json_object_get(json, "guests"), 0), "networks");
	ck_assert_uint_eq(json_array_size(networks), 2);
	last = json_array_get(networks, 1);
	assert_keys(last, "frames_in:i bytes_in:i dropped_in:i frames_out:i bytes_out:i "
			  "dropped_out:i ");
	ck_assert_int_eq(json_integer_value(json_object_get(last, "frames_out")), 8);
	ck_assert_int_eq(json_integer_value(json_object_get(last, "dropped_out")), 9);
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_array_get(networks, 0), "bytes_in")), 7);
	json_decref(json);
}
END_TEST

START_TEST(each_disk_has_its_counters)
{
	json_t *json = printed_json(), *disks, *disk;

	disks = json_object_get(json_array_get(json_object_get(json, "guests"), 0), "disks");
	ck_assert_uint_eq(json_array_size(disks), 1);
	disk = json_array_get(disks, 0);
	assert_keys(disk, "reads:i read_bytes:i writes:i written_bytes:i flushes:i clears:i "
			  "cleared_bytes:i errors:i ");
	ck_assert_int_eq(json_integer_value(json_object_get(disk, "written_bytes")), 4096);
	ck_assert_int_eq(json_integer_value(json_object_get(disk, "errors")), 3);
	json_decref(json);
}
END_TEST

START_TEST(json_of_nobody_is_whole)
{
	json_t *json;

	report_free(report);
	ck_assert_int_eq(report_build(NULL, 0, NULL, 0, &report, &why), 0);
	json = printed_json();
	ck_assert_uint_eq(json_array_size(json_object_get(json, "guests")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json, "total"),
							    "reclaimed_bytes")),
			 0);
	json_decref(json);
}
END_TEST

START_TEST(the_table_shows_guests_their_sum_and_domains)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	ck_assert_int_eq(report_print_table(report, to, &why), 0);
	fclose(to);
	ck_assert_ptr_nonnull(strstr(text, "\na "));
	ck_assert_ptr_nonnull(strstr(text, "\ntotal "));
	ck_assert_ptr_nonnull(strstr(text, "192.0 MiB"));
	ck_assert_ptr_nonnull(strstr(text, "\n\nDOMAIN"));
	free(text);
}
END_TEST

START_TEST(a_guest_that_is_short_of_mappings_is_named)
{
	struct control_report *figures = &report->guests[0].figures;
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	ck_assert_int_eq(report_print_table(report, to, &why), 0);
	fflush(to);
	ck_assert_ptr_null(strstr(text, "lack of mappings"));
	figures->declined_bytes = UINT64_C(3) << 20;
	figures->mappings = 63480;
	figures->mappings_limit = 63482;
	ck_assert_int_eq(report_print_table(report, to, &why), 0);
	fclose(to);
	ck_assert_ptr_nonnull(strstr(text, "\na: 3 MiB stay unshared for lack of mappings "
					   "(63480 of 63482 are in use)"));
	free(text);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &reclaimed_is_what_is_held_less_its_cost_and_the_zero_pages },
	{ "core", &a_domain_sums_up_its_guests },
	{ "core", &a_domain_without_broker_is_listed },
	{ "core", &a_guest_of_another_domain_gets_nothing_from_this_ledger },
	{ "core", &json_has_exactly_the_promised_keys },
	{ "core", &a_guest_that_says_nothing_has_no_statistics },
	{ "core", &each_network_has_its_counters },
	{ "core", &each_disk_has_its_counters },
	{ "core", &json_of_nobody_is_whole },
	{ "core", &the_table_shows_guests_their_sum_and_domains },
	{ "core", &a_guest_that_is_short_of_mappings_is_named },
};

SUITE_MAIN_AROUND("report", tests, set_up, tear_down)
