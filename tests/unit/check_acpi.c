/* SPDX-License-Identifier: Apache-2.0 */
/* check_acpi.c - firmware tables: every length, sum and address holds */
#include "vmm/acpi.h"

#include "vmm/platform.h"
#include "vmm/vm.h"

#include "tests/unit/suite.h"

#define GPA UINT64_C(0xe0000)

static unsigned char tables[ACPI_MAX_BYTES];
static size_t length;

static void build(unsigned int cpus, bool has_pci)
{
	const struct acpi_config config = { .cpus = cpus, .has_pci = has_pci };

	length = acpi_build(&config, GPA, tables);
}

static uint64_t number(const unsigned char *at, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static void sum_is_zero(const unsigned char *bytes, size_t count)
{
	unsigned char sum = 0;

	while (count-- > 0)
		sum = (unsigned char)(sum + *bytes++);
	ck_assert_uint_eq(sum, 0);
}

/* The table at that address, checked. */
static const unsigned char *table(uint64_t gpa, const char *signature)
{
	const unsigned char *start = tables + (gpa - GPA);

	ck_assert_uint_ge(gpa, GPA);
	ck_assert_uint_lt(gpa - GPA + 36, length);
	ck_assert_int_eq(memcmp(start, signature, 4), 0);
	ck_assert_uint_le(gpa - GPA + number(start + 4, 4), length);
	sum_is_zero(start, number(start + 4, 4));
	return start;
}

static const unsigned char *xsdt(void)
{
	return table(number(tables + 24, 8), "XSDT");
}

START_TEST(every_table_is_found_from_the_root)
{
	const unsigned char *fadt;

	build(2, false);
	ck_assert_int_eq(memcmp(tables, "RSD PTR ", 8), 0);
	sum_is_zero(tables, 20);
	sum_is_zero(tables, 36);
	ck_assert_uint_eq(number(xsdt() + 4, 4), 36 + 2 * 8);
	fadt = table(number(xsdt() + 36, 8), "FACP");
	table(number(xsdt() + 44, 8), "APIC");
	table(number(fadt + 140, 8), "DSDT");
}
END_TEST

START_TEST(the_guest_is_told_what_is_not_there)
{
	const unsigned char *fadt;

	build(1, false);
	fadt = table(number(xsdt() + 36, 8), "FACP");
	ck_assert_uint_eq(number(fadt + 4, 4), 276);
	ck_assert_uint_eq(number(fadt + 112, 4) >> 20 & 1, 1); /* hardware-reduced */
	ck_assert_uint_eq(number(fadt + 112, 4) >> 10 & 1, 1); /* reset register */
	ck_assert_uint_eq(number(fadt + 109, 2), 1 << 2);      /* no VGA; no 8042; an RTC */
	ck_assert_uint_eq(number(fadt + 116, 1), 1);	       /* the reset register is a port */
	ck_assert_uint_eq(number(fadt + 244, 1), 1);	       /* so is sleep control */
}
END_TEST

START_TEST(each_processor_is_listed_once)
{
	for (unsigned int cpus = 1; cpus <= VM_MAX_CPUS; cpus++) {
		const unsigned char *madt, *entry, *end;
		unsigned int found = 0, ioapics = 0;

		build(cpus, true);
		ck_assert_uint_le(length, ACPI_MAX_BYTES);
		madt = table(number(xsdt() + 44, 8), "APIC");
		end = madt + number(madt + 4, 4);
		for (entry = madt + 44; entry < end; entry += entry[1]) {
			ck_assert_uint_ge(entry[1], 6);
			if (entry[0] == 0)
				ck_assert_uint_eq(entry[3], found++);
			ioapics += entry[0] == 1;
		}
		ck_assert_ptr_eq(entry, end);
		ck_assert_uint_eq(found, cpus);
		ck_assert_uint_eq(ioapics, 1);
	}
}
END_TEST

START_TEST(pci_is_there_only_where_it_is_asked_for)
{
	const unsigned char *mcfg;

	build(1, true);
	ck_assert_uint_eq(number(xsdt() + 4, 4), 36 + 4 * 8);
	table(number(xsdt() + 52, 8), "SSDT");
	mcfg = table(number(xsdt() + 60, 8), "MCFG");
	ck_assert_uint_eq(number(mcfg + 4, 4), 60);
	ck_assert_uint_eq(number(mcfg + 44, 8), PLATFORM_ECAM_ADDRESS);
	ck_assert_uint_eq(number(mcfg + 54, 1), 0); /* the first and the only bus */
	ck_assert_uint_eq(number(mcfg + 55, 1), 0);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &every_table_is_found_from_the_root },
	{ "core", &the_guest_is_told_what_is_not_there },
	{ "core", &pci_is_there_only_where_it_is_asked_for },
	{ "limits", &each_processor_is_listed_once },
};
SUITE_MAIN("acpi", tests)
