/* SPDX-License-Identifier: Apache-2.0 */
/* check_gmem.c - guest memory: bounds, the hole, images */
#include "vmm/gmem.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/unit/suite.h"
#include "vmm/gmem_pins.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct fail why;

static struct gmem *make(uint64_t bytes)
{
	struct gmem *gmem;

	ck_assert_int_eq(gmem_create(bytes, &gmem, &why), 0);
	return gmem;
}

static int image_file(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(what_is_written_is_read_back)
{
	struct gmem *gmem = make(4 * MIB);
	char text[6];

	ck_assert_int_eq(gmem_write(gmem, 0x1ffe, "hello", 6), 0);
	ck_assert_int_eq(gmem_read(gmem, 0x1ffe, text, 6), 0);
	ck_assert_str_eq(text, "hello");
	ck_assert_ptr_eq(gmem_span(gmem, 0x1ffe, 6), (char *)gmem_base(gmem) + 0x1ffe);
	gmem_free(gmem);
}
END_TEST

START_TEST(ram_beyond_the_hole_starts_at_4_gib)
{
	struct gmem *gmem = make(3 * GIB + MIB);
	struct gmem_region regions[GMEM_MAX_REGIONS];

	ck_assert_uint_eq(gmem_regions(gmem, regions), 2);
	ck_assert_uint_eq(regions[0].bytes, GMEM_HOLE_START);
	ck_assert_uint_eq(regions[1].gpa, GMEM_HOLE_END);
	ck_assert_uint_eq(regions[1].offset, GMEM_HOLE_START);
	ck_assert_uint_eq(regions[1].bytes, MIB);
	ck_assert_ptr_eq(gmem_span(gmem, GMEM_HOLE_END, 1),
			 (char *)gmem_base(gmem) + GMEM_HOLE_START);
	gmem_free(gmem);
}
END_TEST

START_TEST(ram_up_to_the_hole_is_one_region)
{
	struct gmem *gmem = make(3 * GIB);
	struct gmem_region regions[GMEM_MAX_REGIONS];

	ck_assert_uint_eq(gmem_regions(gmem, regions), 1);
	ck_assert_ptr_null(gmem_span(gmem, GMEM_HOLE_END, 1));
	gmem_free(gmem);
}
END_TEST

START_TEST(nothing_outside_ram_is_touched)
{
	struct gmem *gmem = make(3 * GIB + MIB);
	uint64_t end = GMEM_HOLE_END + MIB;
	char byte[16] = { 0 };

	ck_assert_ptr_nonnull(gmem_span(gmem, GMEM_HOLE_START - 8, 8));
	ck_assert_ptr_nonnull(gmem_span(gmem, end - 8, 8));
	ck_assert_int_eq(gmem_write(gmem, GMEM_HOLE_START - 8, byte, 9), -EFAULT);
	ck_assert_int_eq(gmem_read(gmem, GMEM_HOLE_START, byte, 1), -EFAULT);
	ck_assert_int_eq(gmem_read(gmem, GMEM_HOLE_END - 1, byte, 2), -EFAULT);
	ck_assert_int_eq(gmem_read(gmem, end - 8, byte, 9), -EFAULT);
	ck_assert_int_eq(gmem_read(gmem, end, byte, 1), -EFAULT);
	gmem_free(gmem);
}
END_TEST

START_TEST(sums_that_overflow_are_refused)
{
	struct gmem *gmem = make(4 * MIB);
	char byte[16] = { 0 };

	ck_assert_int_eq(gmem_read(gmem, UINT64_MAX, byte, 2), -EFAULT);
	ck_assert_int_eq(gmem_read(gmem, UINT64_MAX - 7, byte, 16), -EFAULT);
	ck_assert_ptr_null(gmem_span(gmem, 16, SIZE_MAX));
	ck_assert_ptr_null(gmem_span(gmem, 16, SIZE_MAX - 15));
	gmem_free(gmem);
}
END_TEST

START_TEST(pages_are_counted_through_the_hole)
{
	struct gmem *gmem = make(3 * GIB + MIB);
	uint64_t first = 99, low = GMEM_HOLE_START / GMEM_PAGE_SIZE, high = MIB / GMEM_PAGE_SIZE;

	ck_assert_int_eq(gmem_page_of(gmem, 0x5000, 1, &first), 0);
	ck_assert_uint_eq(first, 5);
	ck_assert_int_eq(gmem_page_of(gmem, 0, low, &first), 0);
	ck_assert_uint_eq(first, 0);
	ck_assert_int_eq(gmem_page_of(gmem, GMEM_HOLE_END, high, &first), 0);
	ck_assert_uint_eq(first, low);
	gmem_free(gmem);
}
END_TEST

START_TEST(pages_outside_ram_have_no_number)
{
	struct gmem *gmem = make(3 * GIB + MIB);
	uint64_t first = 99, high = MIB / GMEM_PAGE_SIZE;

	ck_assert_int_eq(gmem_page_of(gmem, 0x5001, 1, &first), -EFAULT);
	ck_assert_int_eq(gmem_page_of(gmem, GMEM_HOLE_START - 0x1000, 2, &first), -EFAULT);
	ck_assert_int_eq(gmem_page_of(gmem, GMEM_HOLE_START, 1, &first), -EFAULT);
	ck_assert_int_eq(gmem_page_of(gmem, GMEM_HOLE_END, high + 1, &first), -EFAULT);
	ck_assert_int_eq(gmem_page_of(gmem, 0, UINT64_MAX / GMEM_PAGE_SIZE + 2, &first), -EFAULT);
	ck_assert_int_eq(gmem_page_of(gmem, 0, UINT64_MAX, &first), -EFAULT);
	ck_assert_int_eq(gmem_page_of(gmem, UINT64_MAX - 0xfff, 1, &first), -EFAULT);
	ck_assert_uint_eq(first, 99);
	gmem_free(gmem);
}
END_TEST

static uint32_t pins_of(struct gmem *gmem, uint64_t page)
{
	return atomic_load(&gmem_pins(gmem)->counts[page]);
}

START_TEST(every_page_that_a_buffer_touches_is_pinned)
{
	struct gmem *gmem = make(4 * MIB);
	char *base = gmem_base(gmem);

	ck_assert_int_eq(gmem_pin(gmem, base + 0x1fff, 2), 0);
	ck_assert_int_eq(gmem_pin(gmem, base + 0x2000, 0x1000), 0);
	ck_assert_int_eq(gmem_pin(gmem, base + 0x2000, 0), 0);
	ck_assert_uint_eq(pins_of(gmem, 0), 0);
	ck_assert_uint_eq(pins_of(gmem, 1), 1);
	ck_assert_uint_eq(pins_of(gmem, 2), 2);
	ck_assert_uint_eq(pins_of(gmem, 3), 0);
	gmem_unpin(gmem, base + 0x1fff, 2);
	gmem_unpin(gmem, base + 0x2000, 0);
	ck_assert_uint_eq(pins_of(gmem, 1), 0);
	ck_assert_uint_eq(pins_of(gmem, 2), 1);
	gmem_unpin(gmem, base + 0x2000, 0x1000);
	ck_assert_uint_eq(pins_of(gmem, 2), 0);
	ck_assert_int_eq(gmem_pin(gmem, base, 4 * MIB), 0);
	gmem_unpin(gmem, base, 4 * MIB);
	gmem_free(gmem);
}
END_TEST

START_TEST(what_is_not_guest_memory_is_not_pinned)
{
	struct gmem *gmem = make(4 * MIB);
	char *base = gmem_base(gmem);

	ck_assert_int_eq(gmem_pin(gmem, base - 1, 2), -EFAULT);
	ck_assert_int_eq(gmem_pin(gmem, base + 4 * MIB - 1, 2), -EFAULT);
	ck_assert_int_eq(gmem_pin(gmem, base + 4 * MIB, 1), -EFAULT);
	ck_assert_int_eq(gmem_pin(gmem, base + 16, SIZE_MAX), -EFAULT);
	ck_assert_int_eq(gmem_pin(gmem, &gmem, 1), -EFAULT);
	gmem_unpin(gmem, base - 1, 2);
	ck_assert_uint_eq(pins_of(gmem, 0), 0);
	gmem_free(gmem);
}
END_TEST

START_TEST(odd_sizes_are_refused)
{
	struct gmem *gmem;

	ck_assert_int_eq(gmem_create(MIB - 4096, &gmem, &why), -EINVAL);
	ck_assert_int_eq(gmem_create(4 * MIB + 1, &gmem, &why), -EINVAL);
	ck_assert_int_eq(gmem_create(0, &gmem, &why), -EINVAL);
	gmem_free(NULL);
}
END_TEST

START_TEST(an_image_comes_back_as_it_was)
{
	struct gmem *from = make(8 * MIB), *to = make(8 * MIB);
	int fd = image_file();

	ck_assert_int_eq(gmem_write(from, 0x3000, "one", 4), 0);
	ck_assert_int_eq(gmem_write(from, 5 * MIB - 2, "two", 4), 0);
	ck_assert_int_eq(gmem_write(from, 8 * MIB - 4, "end", 4), 0);
	ck_assert_int_eq(gmem_dump_image(from, fd, "image", &why), 0);
	ck_assert_int_eq(gmem_load_image(to, fd, "image", &why), 0);
	ck_assert_int_eq(memcmp(gmem_base(from), gmem_base(to), 8 * MIB), 0);
	close(fd);
	gmem_free(from);
	gmem_free(to);
}
END_TEST

static size_t populated_pages(const struct gmem *gmem)
{
	size_t pages = gmem_bytes(gmem) / GMEM_PAGE_SIZE, count = 0;
	unsigned char *resident = malloc(pages);

	ck_assert_int_eq(mincore(gmem_base(gmem), gmem_bytes(gmem), resident), 0);
	for (size_t i = 0; i < pages; i++)
		count += resident[i] & 1;
	free(resident);
	return count;
}

START_TEST(dumping_and_loading_populate_nothing_that_was_not)
{
	struct gmem *from = make(8 * MIB), *to = make(8 * MIB);
	int fd = image_file();
	struct stat status;

	ck_assert_int_eq(gmem_write(from, 5 * MIB, "x", 1), 0);
	ck_assert_int_eq(gmem_write(from, 6 * MIB, "", 1), 0); /* populated, but zero */
	ck_assert_int_eq(gmem_dump_image(from, fd, "image", &why), 0);
	ck_assert_uint_eq(populated_pages(from), 2);
	ck_assert_int_eq(fstat(fd, &status), 0);
	ck_assert_uint_eq((uint64_t)status.st_size, 8 * MIB);
	ck_assert_uint_eq((uint64_t)status.st_blocks * 512, GMEM_PAGE_SIZE);
	ck_assert_int_eq(gmem_load_image(to, fd, "image", &why), 0);
	ck_assert_uint_eq(populated_pages(to), 1);
	close(fd);
	gmem_free(from);
	gmem_free(to);
}
END_TEST

START_TEST(an_image_may_be_shorter_but_not_longer)
{
	struct gmem *gmem = make(4 * MIB);
	int fd = image_file();

	ck_assert_int_eq(pwrite(fd, "abc", 3, 0), 3);
	ck_assert_int_eq(gmem_load_image(gmem, fd, "image", &why), 0);
	ck_assert_int_eq(memcmp(gmem_base(gmem), "abc", 4), 0);
	ck_assert_int_eq(ftruncate(fd, 4 * MIB + 1), 0);
	ck_assert_int_eq(gmem_load_image(gmem, fd, "image", &why), -EFBIG);
	ck_assert_ptr_nonnull(strstr(why.text, "image"));
	close(fd);
	gmem_free(gmem);
}
END_TEST

START_TEST(an_image_that_is_no_file_is_an_error)
{
	struct gmem *gmem = make(4 * MIB);
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_lt(gmem_load_image(gmem, fds[0], "pipe", &why), 0);
	ck_assert_int_lt(gmem_dump_image(gmem, fds[1], "pipe", &why), 0);
	close(fds[0]);
	close(fds[1]);
	gmem_free(gmem);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &what_is_written_is_read_back },
	{ "core", &ram_beyond_the_hole_starts_at_4_gib },
	{ "core", &an_image_comes_back_as_it_was },
	{ "core", &dumping_and_loading_populate_nothing_that_was_not },
	{ "core", &pages_are_counted_through_the_hole },
	{ "core", &every_page_that_a_buffer_touches_is_pinned },
	{ "limits", &ram_up_to_the_hole_is_one_region },
	{ "limits", &nothing_outside_ram_is_touched },
	{ "limits", &sums_that_overflow_are_refused },
	{ "limits", &an_image_may_be_shorter_but_not_longer },
	{ "limits", &pages_outside_ram_have_no_number },
	{ "misuse", &what_is_not_guest_memory_is_not_pinned },
	{ "misuse", &odd_sizes_are_refused },
	{ "faults", &an_image_that_is_no_file_is_an_error },
};
SUITE_MAIN("gmem", tests)
