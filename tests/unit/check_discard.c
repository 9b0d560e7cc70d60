/* SPDX-License-Identifier: Apache-2.0 */
/* check_discard.c - each request to give memory back is completed once, by whoever has to */
#include "vmm/gmem_discard.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "vmm/gmem.h"
#include "vmm/gmem_huge.h"

#define MIB   (UINT64_C(1) << 20)
#define PAGES (4 * MIB / GMEM_PAGE_SIZE)

static int mmap_failures; /* to come, of mappings over others, and each leaves a hole */

/* In the C library's place: as the kernel is when it runs out of memory half-way. */
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	if ((flags & MAP_FIXED) && mmap_failures > 0) {
		mmap_failures--;
		munmap(address, length);
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

struct request {
	struct gmem_discard discard; /* first: done() gets this one */
	int calls, error;
};

static struct gmem *gmem;

static void setup(void)
{
	struct fail why;

	ck_assert_int_eq(gmem_create(4 * MIB, &gmem, &why), 0);
	memset(gmem_base(gmem), 7, 4 * MIB);
}

static void on_done(struct gmem_discard *discard, int error)
{
	struct request *request = (struct request *)discard;

	request->calls++;
	request->error = error;
}

static struct request give_away(uint64_t first, uint64_t count)
{
	struct request request = {
		.discard = { .first = first, .count = count, .done = on_done, .returned = 99 },
	};

	gmem_discard(gmem, &request.discard);
	ck_assert_int_eq(request.calls, 1);
	return request;
}

static size_t populated_pages(void)
{
	unsigned char resident[PAGES];
	size_t count = 0;

	ck_assert_int_eq(mincore(gmem_base(gmem), gmem_bytes(gmem), resident), 0);
	for (size_t i = 0; i < PAGES; i++)
		count += resident[i] & 1;
	return count;
}

static unsigned char *page_at(uint64_t page)
{
	return (unsigned char *)gmem_base(gmem) + page * GMEM_PAGE_SIZE;
}

START_TEST(without_sharing_memory_goes_at_once)
{
	struct request request;

	setup();
	request = give_away(10, 1000);
	ck_assert_int_eq(request.error, 0);
	ck_assert_uint_eq(request.discard.returned, 1000);
	ck_assert_uint_eq(populated_pages(), PAGES - 1000);
	ck_assert_uint_eq(*page_at(9), 7);
	ck_assert_uint_eq(*page_at(10), 0);
	ck_assert_uint_eq(*page_at(1009), 0);
	ck_assert_uint_eq(*page_at(1010), 7);
	gmem_free(gmem);
}
END_TEST

START_TEST(pinned_pages_are_passed_over)
{
	struct request request;

	setup();
	ck_assert_int_eq(gmem_pin(gmem, page_at(0), 1), 0);
	ck_assert_int_eq(gmem_pin(gmem, page_at(700) + 100, GMEM_PAGE_SIZE), 0);
	request = give_away(0, PAGES);
	ck_assert_int_eq(request.error, 0);
	ck_assert_uint_eq(request.discard.returned, PAGES - 3);
	ck_assert_uint_eq(populated_pages(), 3);
	ck_assert_uint_eq(*page_at(0) + *page_at(700) + *page_at(701), 21);
	gmem_unpin(gmem, page_at(0), 1);
	gmem_unpin(gmem, page_at(700) + 100, GMEM_PAGE_SIZE);
	ck_assert_uint_eq(give_away(0, PAGES).discard.returned, PAGES);
	ck_assert_uint_eq(populated_pages(), 0);
	gmem_free(gmem);
}
END_TEST

START_TEST(what_is_served_waits_in_its_order)
{
	struct request requests[3] = { 0 };
	struct gmem_discard *list;
	int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t wakes;

	setup();
	discard_queue_open(gmem_discards(gmem), wake_fd);
	ck_assert_int_lt(read(wake_fd, &wakes, sizeof(wakes)), 0);
	for (int i = 0; i < 3; i++) {
		requests[i].discard = (struct gmem_discard){ .count = 1, .done = on_done };
		gmem_discard(gmem, &requests[i].discard);
		ck_assert_int_eq(requests[i].calls, 0);
	}
	ck_assert_int_eq(read(wake_fd, &wakes, sizeof(wakes)), sizeof(wakes));
	list = discard_queue_take(gmem_discards(gmem));
	ck_assert_ptr_eq(list, &requests[0].discard);
	ck_assert_ptr_eq(list->next, &requests[1].discard);
	ck_assert_ptr_eq(list->next->next, &requests[2].discard);
	ck_assert_ptr_null(list->next->next->next);
	ck_assert_ptr_null(discard_queue_take(gmem_discards(gmem)));
	ck_assert_uint_eq(populated_pages(), PAGES); /* only who serves may do it */
	close(wake_fd);
	gmem_free(gmem);
}
END_TEST

START_TEST(whoever_is_left_at_the_end_is_told)
{
	struct request requests[2] = { 0 };
	int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	setup();
	discard_queue_open(gmem_discards(gmem), wake_fd);
	for (int i = 0; i < 2; i++) {
		requests[i].discard = (struct gmem_discard){ .count = 1, .done = on_done };
		gmem_discard(gmem, &requests[i].discard);
	}
	discard_queue_close(gmem_discards(gmem));
	close(wake_fd);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(requests[i].calls, 1);
		ck_assert_int_eq(requests[i].error, -ECANCELED);
	}
	/* what lies below pages is not known any more: nothing may be dropped */
	ck_assert_int_eq(give_away(0, 1).error, -ECANCELED);
	ck_assert_uint_eq(populated_pages(), PAGES);
	gmem_free(gmem);
}
END_TEST

START_TEST(what_is_not_guest_memory_is_refused)
{
	static const uint64_t ranges[][2] = {
		{ PAGES, 1 },	  { PAGES - 1, 2 },  { PAGES + 1, 0 },
		{ 0, PAGES + 1 }, { 1, UINT64_MAX }, { UINT64_MAX, 2 },
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		struct request request = give_away(ranges[i][0], ranges[i][1]);

		ck_assert_int_eq(request.error, -EFAULT);
		ck_assert_uint_eq(request.discard.returned, 0);
	}
	ck_assert_int_eq(give_away(PAGES, 0).error, 0);
	ck_assert_uint_eq(populated_pages(), PAGES);
	gmem_free(gmem);
}
END_TEST

START_TEST(memory_that_can_not_be_dropped_is_reported_and_the_rest_goes)
{
	struct request request;

	setup();
	/* DONTNEED refuses it; by number, since sanitizers make mlock() do nothing */
	ck_assert_int_eq(syscall(SYS_mlock, page_at(100), GMEM_PAGE_SIZE), 0);
	request = give_away(0, PAGES);
	ck_assert_int_eq(request.error, -EINVAL);
	ck_assert_uint_lt(request.discard.returned, PAGES);
	ck_assert_uint_ge(request.discard.returned, PAGES - 512);
	ck_assert_uint_eq(*page_at(100), 7);
	ck_assert_uint_eq(*page_at(PAGES - 1), 0);
	ck_assert_int_eq(gmem_pin(gmem, page_at(0), 4 * MIB), 0); /* nothing is claimed still */
	gmem_free(gmem);
}
END_TEST

START_TEST(guest_memory_has_no_hole_when_the_kernel_fails_half_way)
{
	struct request request;

	setup();
	gmem_set_hugepages(gmem, GMEM_HUGEPAGES_THP);
	gmem_huge_begin(gmem);
	mmap_failures = 3;
	request = give_away(0, PAGES);
	ck_assert_int_eq(request.error, 0);
	ck_assert_uint_eq(request.discard.returned, PAGES);
	for (uint64_t page = 0; page < PAGES; page++)
		ck_assert_uint_eq(*page_at(page), 0);
	gmem_free(gmem);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &without_sharing_memory_goes_at_once },
	{ "core", &pinned_pages_are_passed_over },
	{ "core", &what_is_served_waits_in_its_order },
	{ "core", &whoever_is_left_at_the_end_is_told },
	{ "limits", &what_is_not_guest_memory_is_refused },
	{ "faults", &guest_memory_has_no_hole_when_the_kernel_fails_half_way },
	{ "faults", &memory_that_can_not_be_dropped_is_reported_and_the_rest_goes },
};
SUITE_MAIN("discard", tests)
