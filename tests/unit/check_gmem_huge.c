/* SPDX-License-Identifier: Apache-2.0 */
/* check_gmem_huge.c - huge pages below guest memory: where it lies, and when they are wanted */
#include "vmm/gmem_huge.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/gmem.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static uint64_t available_kib; /* that the host says it has; 0: the truth */

/* In the C library's place. */
FILE *fopen(const char *path, const char *mode)
{
	FILE *(*real)(const char *, const char *) =
		(FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen");
	char text[64];
	FILE *file;

	if (available_kib == 0 || strcmp(path, "/proc/meminfo") != 0)
		return real(path, mode);
	snprintf(text, sizeof(text), "MemAvailable: %llu kB\n", (unsigned long long)available_kib);
	file = fmemopen(NULL, sizeof(text), "w+");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	rewind(file);
	return file;
}

static struct gmem *make(uint64_t bytes)
{
	struct gmem *gmem;
	struct fail why;

	ck_assert_int_eq(gmem_create(bytes, &gmem, &why), 0);
	return gmem;
}

/* What the kernel was told of the mapping that is all of RAM: 'h', 'n', or 0 for neither. */
static int advice(const struct gmem *gmem)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long long first, end, base = (uintptr_t)gmem_base(gmem);
	bool is_ram = false;
	char line[512];
	int found = 0;

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx-%llx ", &first, &end) == 2)
			is_ram = first == base && end == base + gmem_bytes(gmem);
		if (is_ram && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, " hg") ? 'h' : strstr(line, " nh") ? 'n' : 0;
	}
	fclose(file);
	return found;
}

START_TEST(ram_and_its_regions_begin_where_a_huge_page_can)
{
	static const uint64_t sizes[] = { MIB, 2 * MIB, 7 * MIB + 4096, 3 * GIB + MIB };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct gmem *gmem = make(sizes[i]);
		struct gmem_region regions[GMEM_MAX_REGIONS];

		for (size_t j = 0; j < gmem_regions(gmem, regions); j++) {
			ck_assert_uint_eq(regions[j].gpa % GMEM_HUGE_SIZE, 0);
			ck_assert_uint_eq(((uintptr_t)gmem_base(gmem) + regions[j].offset) %
						  GMEM_HUGE_SIZE,
					  0);
		}
		gmem_free(gmem);
	}
}
END_TEST

/* Whether the kernel can write there. */
static bool is_writable(unsigned char *address)
{
	int fds[2];
	bool can;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "", 1), 1);
	can = read(fds[0], address, 1) == 1;
	close(fds[0]);
	close(fds[1]);
	return can;
}

START_TEST(what_lies_beside_ram_belongs_to_nobody)
{
	struct gmem *gmem = make(3 * MIB);
	unsigned char *base = gmem_base(gmem);

	ck_assert(is_writable(base) && is_writable(base + 3 * MIB - 1));
	ck_assert(!is_writable(base - 1));
	ck_assert(!is_writable(base + 3 * MIB));
	gmem_free(gmem);
}
END_TEST

START_TEST(huge_pages_are_for_as_long_as_they_are_wanted)
{
	static const struct {
		enum gmem_hugepages hugepages;
		int booting, booted;
	} cases[] = {
		{ GMEM_HUGEPAGES_OFF, 'n', 'n' },
		{ GMEM_HUGEPAGES_THP, 'h', 'h' },
		{ GMEM_HUGEPAGES_AUTO, 'h', 'n' },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gmem *gmem = make(4 * MIB);

		if (advice(gmem) == 0) { /* a kernel without huge pages */
			gmem_free(gmem);
			return;
		}
		ck_assert_int_eq(advice(gmem), 'n');
		gmem_set_hugepages(gmem, cases[i].hugepages);
		for (int boot = 0; boot < 2; boot++) {
			gmem_huge_begin(gmem);
			ck_assert_int_eq(advice(gmem), cases[i].booting);
			gmem_huge_end(gmem);
			ck_assert_int_eq(advice(gmem), cases[i].booted);
		}
		gmem_free(gmem);
	}
}
END_TEST

/* None is there at first, and none is needed: the kernel can make some at any time. */
START_TEST(huge_pages_that_last_can_come_at_any_time)
{
	struct gmem *gmem = make(4 * MIB);

	ck_assert(!gmem_huge_is_used(gmem));
	gmem_set_hugepages(gmem, GMEM_HUGEPAGES_THP);
	gmem_huge_begin(gmem);
	ck_assert(gmem_huge_is_used(gmem) || advice(gmem) != 'h');
	gmem_huge_end(gmem);
	ck_assert(gmem_huge_is_used(gmem) || advice(gmem) != 'h');
	gmem_free(gmem);
}
END_TEST

/* 16 TiB are more than any host that runs this has to give. */
START_TEST(a_guest_that_the_host_could_not_hold_boots_on_small_pages)
{
	struct gmem *gmem = make(16 * 1024 * GIB);

	gmem_set_hugepages(gmem, GMEM_HUGEPAGES_AUTO);
	gmem_huge_begin(gmem);
	ck_assert_int_ne(advice(gmem), 'h');
	gmem_free(gmem);
}
END_TEST

/* A guest of 64 MiB on a host that has 32 left. */
START_TEST(what_a_guest_gives_back_is_room_for_its_next_boot)
{
	struct gmem *gmem = make(64 * MIB);
	bool knows_huge_pages = advice(gmem) != 0;

	gmem_set_hugepages(gmem, GMEM_HUGEPAGES_AUTO);
	available_kib = 32 * 1024;
	gmem_huge_begin(gmem);
	ck_assert_int_ne(advice(gmem), 'h');
	memset(gmem_base(gmem), 1, 48 * MIB);
	gmem_huge_begin(gmem);
	ck_assert(advice(gmem) == 'h' || !knows_huge_pages);
	gmem_free(gmem);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &ram_and_its_regions_begin_where_a_huge_page_can },
	{ "core", &huge_pages_are_for_as_long_as_they_are_wanted },
	{ "core", &huge_pages_that_last_can_come_at_any_time },
	{ "core", &what_a_guest_gives_back_is_room_for_its_next_boot },
	{ "limits", &what_lies_beside_ram_belongs_to_nobody },
	{ "limits", &a_guest_that_the_host_could_not_hold_boots_on_small_pages },
};
SUITE_MAIN("gmem_huge", tests)
