/* SPDX-License-Identifier: Apache-2.0 */
/* check_pressure.c - the host is short of memory while somebody waits for it, not afterwards */
#include "tests/unit/suite.h"

#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/scratch.h"
#include "vmm/pressure.h"

static char path[256];

static void tell(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void tell_total(unsigned long long total_us)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "some avg10=0.00 avg60=0.00 avg300=0.00 total=%llu\n"
		 "full avg10=0.00 avg60=0.00 avg300=0.00 total=999999999\n",
		 total_us);
	tell(text);
}

static void set_up(struct pressure *pressure)
{
	scratch_make();
	snprintf(path, sizeof(path), "%s/memory", scratch_path);
	tell_total(1000000);
	pressure_open(pressure, path);
	tell_total(1000000); /* the trigger is written to a file here */
}

START_TEST(waiting_for_memory_counts_while_it_lasts)
{
	struct pressure pressure;

	set_up(&pressure);
	ck_assert(!pressure_is_high(&pressure, 1 * NS_PER_SEC)); /* all that was before */
	ck_assert(!pressure_is_high(&pressure, 2 * NS_PER_SEC));
	tell_total(1000000 + 9999);
	ck_assert(!pressure_is_high(&pressure, 3 * NS_PER_SEC));
	tell_total(1000000 + 9999 + 10001);
	ck_assert(pressure_is_high(&pressure, 4 * NS_PER_SEC));
	ck_assert(!pressure_is_high(&pressure, 5 * NS_PER_SEC));
	pressure_close(&pressure);
	scratch_remove();
}
END_TEST

START_TEST(a_kernel_that_does_not_tell_is_never_short)
{
	static const char *const texts[] = { "", "full avg10=0.00 total=5\n", "some avg10=1\n" };
	struct pressure pressure;

	set_up(&pressure);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		pressure_close(&pressure);
		tell(texts[i]);
		pressure_open(&pressure, path);
		tell_total(UINT64_MAX / 2);
		ck_assert(!pressure_is_high(&pressure, NS_PER_SEC));
		ck_assert(!pressure_is_high(&pressure, 2 * NS_PER_SEC));
	}
	pressure_open(&pressure, "/nonexistent");
	ck_assert(!pressure_is_high(&pressure, NS_PER_SEC));
	pressure_close(&pressure);
	scratch_remove();
}
END_TEST

START_TEST(the_kernel_is_told_when_to_tell)
{
	struct pressure pressure;
	char text[64] = "";
	FILE *file;

	set_up(&pressure);
	pressure_close(&pressure);
	pressure_open(&pressure, path);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 0);
	fclose(file);
	ck_assert_str_eq(text, "some 20000 2000000"); /* one hundredth of two seconds */
	ck_assert_int_ge(pressure.trigger_fd, 0);
	ck_assert(pressure_has_risen(&pressure, POLLPRI));
	ck_assert_int_ge(pressure.trigger_fd, 0);
	/* as where the trigger is taken away: poll() returns at once from then on */
	ck_assert(!pressure_has_risen(&pressure, POLLPRI | POLLERR));
	ck_assert_int_lt(pressure.trigger_fd, 0);
	pressure_close(&pressure);
	scratch_remove();
}
END_TEST

/* Where there is a kernel that has it: a trigger that it does not take would say all the time. */
START_TEST(the_hosts_own_trigger_is_one)
{
	struct pressure pressure;
	struct pollfd fd = { .events = POLLPRI };

	pressure_open(&pressure, PRESSURE_OF_MEMORY);
	fd.fd = pressure.trigger_fd;
	ck_assert_int_ge(poll(&fd, 1, 0), 0);
	ck_assert_int_eq(fd.revents & POLLERR, 0);
	ck_assert_int_ge(poll(&fd, 1, 0), 0); /* said once in two seconds */
	ck_assert_int_eq(fd.revents, 0);
	pressure_close(&pressure);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &waiting_for_memory_counts_while_it_lasts },
	{ "core", &the_kernel_is_told_when_to_tell },
	{ "core", &the_hosts_own_trigger_is_one },
	{ "faults", &a_kernel_that_does_not_tell_is_never_short },
};

SUITE_MAIN("pressure", tests)
