/* SPDX-License-Identifier: Apache-2.0 */
/* check_store.c - frames keep their bytes, give memory back, and only the broker writes */
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/store.h"
#include "dedup/digest.h"

static struct store store;
static uint8_t page[PAGE_BYTES];

static void open_store(void)
{
	struct fail why;

	ck_assert_int_eq(store_init(&store, "test", &why), 0);
	ck_assert_uint_gt(store.frames, 100);
}

static void fill_frame(uint32_t frame, int value)
{
	memset(page, value, sizeof(page));
	ck_assert_int_eq(store_write(&store, frame, page), 0);
}

static int read_frame(uint32_t frame)
{
	ck_assert_int_eq(pread(store.read_only_fd, page, PAGE_BYTES, (off_t)frame * PAGE_BYTES),
			 PAGE_BYTES);
	return page[PAGE_BYTES - 1];
}

START_TEST(a_frame_keeps_its_bytes)
{
	open_store();
	fill_frame(0, 1);
	fill_frame(99, 2);
	fill_frame(store.frames - 1, 3);
	ck_assert_int_eq(read_frame(0), 1);
	ck_assert_int_eq(read_frame(99), 2);
	ck_assert_int_eq(read_frame(store.frames - 1), 3);
	ck_assert_int_eq(read_frame(50), 0);
	store_done(&store);
}
END_TEST

START_TEST(a_punched_frame_gives_its_memory_back)
{
	open_store();
	ck_assert_uint_eq(store_bytes(&store), 0);
	fill_frame(0, 1);
	fill_frame(1, 2);
	ck_assert_uint_eq(store_bytes(&store), 2 * PAGE_BYTES);
	store_punch(&store, 0);
	ck_assert_uint_eq(store_bytes(&store), PAGE_BYTES);
	ck_assert_int_eq(read_frame(0), 0);
	ck_assert_int_eq(read_frame(1), 2);
	fill_frame(0, 9);
	ck_assert_int_eq(read_frame(0), 9);
	store_done(&store);
}
END_TEST

START_TEST(private_mappings_are_all_that_a_guest_can_make)
{
	uint8_t *mapping;

	open_store();
	fill_frame(0, 1);
	mapping =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, store.read_only_fd, 0);
	ck_assert_ptr_ne(mapping, MAP_FAILED);
	mapping[PAGE_BYTES - 1] = 7; /* into a copy */
	ck_assert_int_eq(read_frame(0), 1);
	ck_assert_ptr_eq(
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, store.read_only_fd, 0),
		MAP_FAILED);
	ck_assert_int_eq(errno, EACCES);
	mapping = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, store.read_only_fd, 0);
	ck_assert_ptr_ne(mapping, MAP_FAILED);
	ck_assert_int_eq(mprotect(mapping, PAGE_BYTES, PROT_READ | PROT_WRITE), -1);
	store_done(&store);
}
END_TEST

START_TEST(the_guests_descriptor_changes_nothing)
{
	int fd;

	open_store();
	fd = store.read_only_fd;
	fill_frame(0, 1);
	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE_BYTES),
			 -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(read_frame(0), 1);
	store_done(&store);
}
END_TEST

START_TEST(the_guests_descriptor_can_not_be_opened_anew_for_writing)
{
	char path[64];

	if (geteuid() == 0 && seteuid(65534) < 0) /* root may open anything */
		return;
	open_store();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", store.read_only_fd);
	ck_assert_int_eq(open(path, O_RDWR | O_CLOEXEC), -1);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(seteuid(getuid()), 0);
	store_done(&store);
}
END_TEST

START_TEST(the_size_is_sealed)
{
	open_store();
	ck_assert_int_eq(ftruncate(store.fd, 0), -1);
	ck_assert_int_eq(ftruncate(store.fd, (off_t)store.frames * PAGE_BYTES * 2), -1);
	ck_assert_int_eq(fcntl(store.fd, F_ADD_SEALS, F_SEAL_WRITE), -1); /* could not be punched */
	store_done(&store);
}
END_TEST

START_TEST(a_frame_behind_the_end_is_an_error)
{
	open_store();
	ck_assert_int_lt(store_write(&store, store.frames, page), 0);
	store_punch(&store, store.frames);
	store_done(&store);
	store_done(&store); /* twice is once */
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_frame_keeps_its_bytes },
	{ "core", &a_punched_frame_gives_its_memory_back },
	{ "core", &private_mappings_are_all_that_a_guest_can_make },
	{ "misuse", &the_guests_descriptor_changes_nothing },
	{ "misuse", &the_guests_descriptor_can_not_be_opened_anew_for_writing },
	{ "limits", &the_size_is_sealed },
	{ "limits", &a_frame_behind_the_end_is_an_error },
};

SUITE_MAIN("store", tests)
