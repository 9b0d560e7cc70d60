/* SPDX-License-Identifier: Apache-2.0 */
/* check_spare.c - spare memory takes the place of other memory, and leaves no seam */
#include "vmm/spare.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dedup/digest.h"
#include "tests/unit/suite.h"

#define PAGES 32u
#define BYTES ((size_t)PAGES * PAGE_BYTES)

static struct spare spare;
static unsigned char *ram;
static int file;

static void map_file(uint32_t page, uint32_t count)
{
	unsigned char *at = ram + page * PAGE_BYTES;

	ck_assert_ptr_eq(mmap(at, count * PAGE_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_FIXED, file, page * PAGE_BYTES),
			 at);
}

static void setup(void)
{
	unsigned char *room = mmap(NULL, BYTES + 2 * PAGE_BYTES, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(room, MAP_FAILED);
	ram = room + PAGE_BYTES;
	ck_assert_int_eq(mprotect(room, BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE), 0);
	ck_assert_int_eq(spare_create(&spare, ram, BYTES), 0);
	ck_assert_int_eq(mprotect(room, PAGE_BYTES, PROT_NONE), 0);
	ck_assert_int_eq(madvise(ram, BYTES, MADV_DONTDUMP), 0);
	ck_assert_int_eq(madvise(ram, BYTES, MADV_NOHUGEPAGE), 0);
	file = memfd_create("store", MFD_CLOEXEC);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(ftruncate(file, (off_t)BYTES), 0);
	for (uint32_t page = 0; page < PAGES; page++)
		ram[page * PAGE_BYTES] = (unsigned char)(1 + page);
}

static void finish(void)
{
	spare_free(&spare);
	spare_free(&spare); /* once more is no harm */
	munmap(ram - PAGE_BYTES, BYTES + 2 * PAGE_BYTES);
	close(file);
}

static int put(uint32_t page, uint32_t count, const unsigned char *bytes)
{
	return spare_put(&spare, ram, (uint64_t)page * PAGE_BYTES, (size_t)count * PAGE_BYTES,
			 bytes);
}

static uint32_t mappings(void)
{
	unsigned long from, to;
	uint32_t count = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps))
		count += sscanf(line, "%lx-%lx", &from, &to) == 2 && from >= (uintptr_t)ram &&
			 to <= (uintptr_t)ram + BYTES;
	fclose(maps);
	return count;
}

START_TEST(memory_that_is_put_joins_its_neighbours)
{
	static unsigned char bytes[4 * PAGE_BYTES];

	setup();
	for (uint32_t page = 10; page < 20; page += 2)
		map_file(page, 1);
	ck_assert_uint_eq(mappings(), 11);
	for (uint32_t page = 10; page < 20; page += 2) {
		bytes[0] = (unsigned char)(100 + page);
		ck_assert_int_eq(put(page, 1, bytes), 0);
	}
	ck_assert_uint_eq(mappings(), 1);
	for (uint32_t page = 0; page < PAGES; page++)
		ck_assert_uint_eq(ram[page * PAGE_BYTES],
				  page >= 10 && page < 20 && page % 2 == 0 ? 100 + page : 1 + page);
	finish();
}
END_TEST

START_TEST(nothing_reads_as_zero_and_joins_as_well)
{
	setup();
	map_file(4, 8);
	for (uint32_t page = 4; page < 12; page++) { /* first the middle, alone in the file */
		uint32_t other = 4 + (page * 3) % 8;

		ram[other * PAGE_BYTES] = 77;
		ck_assert_int_eq(put(other, 1, NULL), 0);
		ck_assert_uint_eq(ram[other * PAGE_BYTES], 0);
		ram[other * PAGE_BYTES] = 78; /* it is touched before its neighbours are there */
	}
	ck_assert_uint_eq(mappings(), 1);
	finish();
}
END_TEST

START_TEST(what_was_put_is_there_no_more)
{
	static unsigned char bytes[2 * PAGE_BYTES];

	setup();
	memset(bytes, 9, sizeof(bytes));
	ck_assert_int_eq(put(5, 2, bytes), 0);
	ck_assert_uint_eq(ram[6 * PAGE_BYTES], 9);
	ck_assert_int_eq(put(5, 2, NULL), 0);
	ck_assert_uint_eq(ram[6 * PAGE_BYTES], 0);
	finish();
}
END_TEST

/* With less address space than there is the kernel maps nothing; it says so too late to mremap().
 */
START_TEST(a_failure_leaves_all_as_it_was)
{
	const struct rlimit nothing = { .rlim_cur = 4096, .rlim_max = RLIM_INFINITY };
	static unsigned char bytes[2 * PAGE_BYTES];
	struct rlimit before;
	int filled, empty;

	setup();
	map_file(8, 4);
	ram[9 * PAGE_BYTES] = 99;
	memset(bytes, 9, sizeof(bytes));
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &nothing), 0);
	filled = put(9, 2, bytes);
	empty = put(9, 2, NULL);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
	ck_assert_int_eq(filled, -ENOMEM);
	ck_assert_int_eq(empty, -ENOMEM);
	ck_assert_uint_eq(ram[9 * PAGE_BYTES], 99);
	ck_assert_uint_eq(mappings(), 3);
	ck_assert_int_eq(put(9, 2, NULL), 0); /* and of the bytes nothing is left */
	ck_assert_uint_eq(ram[9 * PAGE_BYTES], 0);
	ck_assert_uint_eq(ram[10 * PAGE_BYTES], 0);
	finish();
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &memory_that_is_put_joins_its_neighbours },
	{ "core", &nothing_reads_as_zero_and_joins_as_well },
	{ "core", &what_was_put_is_there_no_more },
	{ "faults", &a_failure_leaves_all_as_it_was },
};

SUITE_MAIN("spare", tests)
