/* SPDX-License-Identifier: Apache-2.0 */
/* check_bus.c - who answers at an address, for any address and any size */
#include "devices/bus.h"

#include "tests/unit/suite.h"

struct probe {
	unsigned int reads;
	unsigned int writes;
	uint64_t offset;
	uint64_t value;
	unsigned int size;
};

static uint64_t probe_read(void *context, uint64_t offset, unsigned int size)
{
	struct probe *probe = context;

	probe->reads++;
	probe->offset = offset;
	probe->size = size;
	return 0x1122334455667788;
}

static void probe_write(void *context, uint64_t offset, uint64_t value, unsigned int size)
{
	struct probe *probe = context;

	probe->writes++;
	probe->offset = offset;
	probe->value = value;
	probe->size = size;
}

static const struct bus_ops ops = { .read = probe_read, .write = probe_write };
static struct bus bus;
static struct probe probe;

static int add(uint64_t start, uint64_t length, unsigned int width)
{
	struct bus_region region = { start, length, width, &ops, &probe };

	return bus_add(&bus, &region);
}

static uint64_t read_at(uint64_t address, unsigned int size)
{
	uint64_t value = 0;

	bus_access(&bus, address, false, &value, size);
	return value;
}

static void start(void)
{
	bus_init(&bus);
	memset(&probe, 0, sizeof(probe));
}

START_TEST(a_region_gets_its_offset_and_value)
{
	uint32_t value = 0xcafef00d;

	start();
	ck_assert_int_eq(add(0x500, 8, 4), 0);
	bus_access(&bus, 0x504, true, &value, 4);
	ck_assert_uint_eq(probe.offset, 4);
	ck_assert_uint_eq(probe.value, 0xcafef00d);
	ck_assert_uint_eq(read_at(0x500, 2), 0x7788);
	ck_assert_uint_eq(probe.size, 2);
}
END_TEST

START_TEST(nothing_reads_as_ones_and_swallows_writes)
{
	uint64_t value = 5;

	start();
	ck_assert_uint_eq(read_at(0x80, 1), 0xff);
	ck_assert_uint_eq(read_at(0x80, 4), 0xffffffff);
	ck_assert_uint_eq(read_at(UINT64_MAX, 8), UINT64_MAX);
	bus_access(&bus, 0x80, true, &value, 8);
	ck_assert_uint_eq(probe.writes, 0);
}
END_TEST

START_TEST(a_wide_access_reaches_a_narrow_device_in_parts)
{
	start();
	ck_assert_int_eq(add(0x3f8, 8, 1), 0);
	ck_assert_uint_eq(read_at(0x3f8, 4), 0x88888888);
	ck_assert_uint_eq(probe.reads, 4);
	ck_assert_uint_eq(probe.size, 1);
}
END_TEST

START_TEST(odd_sizes_are_cut_into_powers_of_two)
{
	start();
	ck_assert_int_eq(add(0x1000, 16, 8), 0);
	ck_assert_uint_eq(read_at(0x1000, 7), 0x88778855667788);
	ck_assert_uint_eq(probe.reads, 3);
}
END_TEST

START_TEST(an_access_across_an_end_is_shared)
{
	start();
	ck_assert_int_eq(add(0x10, 2, 4), 0);
	ck_assert_uint_eq(read_at(0x0f, 4), 0xff7788ff);
	ck_assert_uint_eq(read_at(0x11, 2), 0xff88);
	ck_assert_int_eq(add(UINT64_MAX, 1, 1), 0);
	ck_assert_uint_eq(read_at(UINT64_MAX, 2), 0xff88);
}
END_TEST

START_TEST(overlaps_are_refused)
{
	start();
	ck_assert_int_eq(add(0x100, 0x10, 1), 0);
	ck_assert_int_eq(add(0x120, 0x10, 1), 0);
	ck_assert_int_eq(add(0x100, 1, 1), -EEXIST);
	ck_assert_int_eq(add(0x10f, 1, 1), -EEXIST);
	ck_assert_int_eq(add(0x0ff, 2, 1), -EEXIST);
	ck_assert_int_eq(add(0x110, 0x11, 1), -EEXIST);
	ck_assert_int_eq(add(0, 0x1000, 1), -EEXIST);
	ck_assert_int_eq(add(0x110, 0x10, 1), 0);
	ck_assert_uint_eq(bus.count, 3);
}
END_TEST

START_TEST(impossible_regions_are_refused)
{
	start();
	ck_assert_int_eq(add(0x100, 0, 1), -EINVAL);
	ck_assert_int_eq(add(UINT64_MAX, 2, 1), -EINVAL);
	ck_assert_int_eq(add(0x100, 4, 0), -EINVAL);
	ck_assert_int_eq(add(0x100, 4, 3), -EINVAL);
	ck_assert_int_eq(add(0x100, 4, 16), -EINVAL);
	for (uint64_t i = 0; i < BUS_MAX_REGIONS; i++)
		ck_assert_int_eq(add(i * 8, 8, 1), 0);
	ck_assert_int_eq(add(0x10000, 8, 1), -ENOSPC);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_region_gets_its_offset_and_value },
	{ "core", &nothing_reads_as_ones_and_swallows_writes },
	{ "core", &a_wide_access_reaches_a_narrow_device_in_parts },
	{ "limits", &odd_sizes_are_cut_into_powers_of_two },
	{ "limits", &an_access_across_an_end_is_shared },
	{ "misuse", &overlaps_are_refused },
	{ "misuse", &impossible_regions_are_refused },
};
SUITE_MAIN("bus", tests)
