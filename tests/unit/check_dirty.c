/* SPDX-License-Identifier: Apache-2.0 */
/* check_dirty.c - every write to guest memory is told of, once; a KVM of our own listens */
#include "vmm/gmem_dirty.h"

#include <linux/kvm.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/suite.h"

#define MIB	   (UINT64_C(1) << 20)
#define VM	   12345 /* a descriptor that nothing has: the requests end below */
#define HOLE_PAGES (GMEM_HOLE_START / GMEM_PAGE_SIZE)
#define PAGES	   (HOLE_PAGES + 4 * MIB / GMEM_PAGE_SIZE) /* of the largest guest here */

/* -- KVM -- */

static struct {
	unsigned int requests, fail_at; /* 0: none fails */
	bool logs[GMEM_MAX_REGIONS];
	uint64_t log[GMEM_MAX_REGIONS][HOLE_PAGES / 64];
	uint64_t bytes[GMEM_MAX_REGIONS];
} kvm;

static void log_clear(const struct kvm_clear_dirty_log *clear)
{
	const uint64_t *bits = clear->dirty_bitmap;
	uint64_t pages = kvm.bytes[clear->slot] / GMEM_PAGE_SIZE;

	ck_assert_uint_eq(clear->first_page % 64, 0);
	ck_assert_uint_le(clear->first_page + clear->num_pages, pages);
	ck_assert(clear->num_pages % 64 == 0 || clear->first_page + clear->num_pages == pages);
	for (uint32_t i = 0; i < (clear->num_pages + 63) / 64; i++)
		kvm.log[clear->slot][clear->first_page / 64 + i] &= ~bits[i];
}

static int answer(unsigned long request, void *argument)
{
	const struct kvm_userspace_memory_region *region = argument;
	const struct kvm_dirty_log *log = argument;
	uint64_t words;

	switch (request) {
	case KVM_SET_USER_MEMORY_REGION:
		kvm.logs[region->slot] = region->flags & KVM_MEM_LOG_DIRTY_PAGES;
		kvm.bytes[region->slot] = region->memory_size;
		words = region->memory_size / GMEM_PAGE_SIZE / 64;
		memset(kvm.log[region->slot], 0xff, words * 8);
		return 0;
	case KVM_GET_DIRTY_LOG:
		words = kvm.bytes[log->slot] / GMEM_PAGE_SIZE / 64;
		memcpy(log->dirty_bitmap, kvm.log[log->slot], words * 8);
		return 0;
	case KVM_CLEAR_DIRTY_LOG:
		log_clear(argument);
		return 0;
	default:
		errno = ENOTTY;
		return -1;
	}
}

/* In the C library's place. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (fd != VM)
		return (int)syscall(SYS_ioctl, fd, request, argument);
	if (++kvm.requests == kvm.fail_at) {
		errno = ENOMEM;
		return -1;
	}
	return answer(request, argument);
}

/* -- a guest -- */

static struct gmem *gmem;
static struct gmem_dirty *dirty;
static uint64_t told[PAGES / 64];

static void start(uint64_t bytes)
{
	struct fail why;

	memset(&kvm, 0, sizeof(kvm));
	ck_assert_int_eq(gmem_create(bytes, &gmem, &why), 0);
	dirty = gmem_dirty(gmem);
	gmem_dirty_want(dirty);
	gmem_dirty_begin_vm(dirty, VM);
}

static int ask(bool begin)
{
	memset(told, 0, sizeof(told));
	return gmem_dirty_written(dirty, begin, told);
}

static void watch_all(void)
{
	static uint64_t bits[PAGES / 64];
	uint64_t pages = gmem_bytes(gmem) / GMEM_PAGE_SIZE;

	memset(bits, 0xff, sizeof(bits));
	ck_assert_int_eq(gmem_dirty_watch(dirty, 0, (uint32_t)pages, bits), 0);
}

/* Tracking is on, and nothing is written. */
static void start_quietly(uint64_t bytes)
{
	start(bytes);
	ck_assert_int_eq(ask(true), 0);
	watch_all();
}

static unsigned int count_told(void)
{
	unsigned int count = 0;

	for (size_t i = 0; i < PAGES / 64; i++)
		count += (unsigned int)__builtin_popcountll(told[i]);
	return count;
}

static bool is_told(uint64_t page)
{
	return told[page / 64] >> (page % 64) & 1;
}

START_TEST(nothing_is_known_before_somebody_begins)
{
	start(4 * MIB);
	ck_assert_int_eq(ask(false), -EAGAIN);
	ck_assert(!kvm.logs[0]);
	ck_assert_int_eq(gmem_dirty_watch(dirty, 0, 64, told), -EAGAIN);
	ck_assert_int_eq(ask(true), 0);
	ck_assert(kvm.logs[0]);
	ck_assert_uint_eq(count_told(), 1024);
	ck_assert_int_eq(ask(false), 0);
	ck_assert_uint_eq(count_told(), 1024); /* until they are watched */
	gmem_free(gmem);
}
END_TEST

START_TEST(what_the_guest_writes_is_told_until_it_is_watched)
{
	uint64_t bits[2] = { 0, UINT64_C(1) << 3 };

	start_quietly(4 * MIB);
	kvm.log[0][5] = 1u << 3 | 1u << 7;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(ask(true), 0);
		ck_assert_uint_eq(count_told(), 2);
		ck_assert(is_told(5 * 64 + 3) && is_told(5 * 64 + 7));
	}
	ck_assert_int_eq(gmem_dirty_watch(dirty, 4 * 64, 128, bits), 0);
	ck_assert_int_eq(ask(true), 0);
	ck_assert_uint_eq(count_told(), 1);
	ck_assert(is_told(5 * 64 + 7));
	gmem_free(gmem);
}
END_TEST

START_TEST(what_we_write_is_told_once)
{
	unsigned char *base, byte = 1;

	start_quietly(4 * MIB);
	base = gmem_base(gmem);
	ck_assert_int_eq(gmem_write(gmem, 0x3fff, &byte, 1), 0);
	gmem_mark_written(gmem, base + 0x7fff, 2);
	gmem_mark_written(gmem, base + 63 * GMEM_PAGE_SIZE, 66 * GMEM_PAGE_SIZE);
	gmem_mark_written(gmem, base + 300 * GMEM_PAGE_SIZE, 0);
	ck_assert_int_eq(gmem_pin(gmem, base + 0x200fff, 0x1001), 0);
	ck_assert_int_eq(ask(true), 0);
	ck_assert_uint_eq(count_told(), 1 + 2 + 66);
	ck_assert(is_told(3) && is_told(7) && is_told(8) && is_told(63) && is_told(128));
	gmem_unpin(gmem, base + 0x200fff, 0x1001);
	ck_assert_int_eq(ask(true), 0);
	ck_assert_uint_eq(count_told(), 2);
	ck_assert(is_told(512) && is_told(513));
	ck_assert_int_eq(ask(true), 0);
	ck_assert_uint_eq(count_told(), 0);
	gmem_free(gmem);
}
END_TEST

START_TEST(nothing_is_marked_for_nobody)
{
	struct fail why;

	memset(&kvm, 0, sizeof(kvm));
	ck_assert_int_eq(gmem_create(4 * MIB, &gmem, &why), 0);
	dirty = gmem_dirty(gmem);
	gmem_mark_written(gmem, gmem_base(gmem), 1);
	ck_assert_uint_eq(*(uint64_t *)gmem_dirty_marks(dirty), 0);
	gmem_dirty_want(dirty);
	gmem_mark_written(gmem, gmem_base(gmem), 1);
	ck_assert_uint_eq(*(uint64_t *)gmem_dirty_marks(dirty), 1);
	gmem_free(gmem);
}
END_TEST

START_TEST(what_lies_outside_is_passed_over)
{
	unsigned char *base;

	start_quietly(4 * MIB);
	base = gmem_base(gmem);
	gmem_mark_written(gmem, base - 1, 2);
	gmem_mark_written(gmem, base + 4 * MIB - 1, 2);
	gmem_mark_written(gmem, base + 16, SIZE_MAX);
	gmem_mark_written(gmem, &kvm, 1);
	ck_assert_int_eq(ask(true), 0);
	ck_assert_uint_eq(count_told(), 0);
	gmem_free(gmem);
}
END_TEST

START_TEST(pages_keep_their_numbers_above_the_hole)
{
	unsigned char *base;
	uint64_t bits[4] = { 0, 1, 2, 0 };

	start_quietly(GMEM_HOLE_START + 4 * MIB);
	base = gmem_base(gmem);
	gmem_mark_written(gmem, base + GMEM_HOLE_START - 1, 1);
	gmem_mark_written(gmem, base + GMEM_HOLE_START + 4 * MIB - 1, 1);
	kvm.log[0][HOLE_PAGES / 64 - 1] = 1;
	kvm.log[1][0] = 2;
	ck_assert_int_eq(ask(true), 0);
	ck_assert_uint_eq(count_told(), 4);
	ck_assert(is_told(HOLE_PAGES - 1) && is_told(PAGES - 1));
	ck_assert(is_told(HOLE_PAGES - 64) && is_told(HOLE_PAGES + 1));
	/* its part of vhost's log is where the guest sees the page */
	gmem_mark_written(gmem, base + GMEM_HOLE_START, 1);
	ck_assert_uint_eq(((uint64_t *)gmem_dirty_marks(dirty))[GMEM_HOLE_END >> 18], 1);
	ck_assert_int_eq(gmem_dirty_watch(dirty, HOLE_PAGES - 128, 256, bits), 0);
	ck_assert_uint_eq(kvm.log[0][HOLE_PAGES / 64 - 1] | kvm.log[1][0], 0);
	gmem_free(gmem);
}
END_TEST

START_TEST(another_vm_begins_anew)
{
	start_quietly(4 * MIB);
	gmem_dirty_end_vm(dirty);
	ck_assert_int_eq(ask(true), -ENOTSUP);
	ck_assert_int_eq(gmem_dirty_watch(dirty, 0, 64, told), -EAGAIN);
	gmem_dirty_begin_vm(dirty, VM);
	ck_assert_int_eq(ask(false), -EAGAIN);
	ck_assert_int_eq(ask(true), 0);
	ck_assert_uint_eq(count_told(), 1024);
	gmem_free(gmem);
}
END_TEST

START_TEST(a_kvm_that_fails_is_not_believed)
{
	start(4 * MIB);
	kvm.fail_at = 1;
	ck_assert_int_eq(ask(true), -ENOTSUP);
	ck_assert_uint_eq(kvm.requests, 2);    /* the second one undoes the first */
	ck_assert_int_eq(ask(true), -ENOTSUP); /* nor asked again */
	ck_assert_uint_eq(kvm.requests, 2);
	gmem_dirty_begin_vm(dirty, VM);
	kvm.fail_at = 4;
	ck_assert_int_eq(ask(true), -ENOMEM);
	ck_assert_int_eq(ask(true), 0);
	watch_all();
	kvm.fail_at = kvm.requests + 1;
	ck_assert_int_eq(gmem_dirty_watch(dirty, 0, 64, told), -ENOMEM);
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_int_eq(ask(true), 0); /* all, once, since nobody knows any more */
		ck_assert_uint_eq(count_told(), i == 0 ? 1024 : 0);
	}
	gmem_free(gmem);
}
END_TEST

START_TEST(a_log_is_for_all_of_memory_or_for_none)
{
	start(GMEM_HOLE_START + 4 * MIB);
	kvm.fail_at = 2;
	ck_assert_int_eq(ask(true), -ENOTSUP);
	ck_assert(!kvm.logs[0] && !kvm.logs[1]);
	gmem_free(gmem);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &nothing_is_known_before_somebody_begins },
	{ "core", &what_the_guest_writes_is_told_until_it_is_watched },
	{ "core", &what_we_write_is_told_once },
	{ "core", &another_vm_begins_anew },
	{ "core", &nothing_is_marked_for_nobody },
	{ "limits", &pages_keep_their_numbers_above_the_hole },
	{ "misuse", &what_lies_outside_is_passed_over },
	{ "faults", &a_log_is_for_all_of_memory_or_for_none },
	{ "faults", &a_kvm_that_fails_is_not_believed },
};

SUITE_MAIN("dirty", tests)
