/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_disk.c - raw disks and overlays against an array that is right
 *
 * Each test of the contents runs on every way to do file I/O: with reads through
 * io_uring (where the machine allows it), and with all through threads.
 */
#include "tests/unit/suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "disk/disk.h"
#include "tests/unit/disk_user.h"
#include "tests/unit/scratch.h"

#define DISK_BYTES USER_DISK_BYTES

static struct fail why;
static char path[128], other_path[128];
static unsigned int turns;

static void setup_with(const char *threads)
{
	setenv("SAMEPAGE_NO_IO_URING", threads, 1);
	scratch_make();
	snprintf(path, sizeof(path), "%s/disk", scratch_path);
	snprintf(other_path, sizeof(other_path), "%s/other", scratch_path);
	user_file(path, DISK_BYTES);
	user_begin();
	turns = 0;
}

static void setup_ring(void)
{
	setup_with("0");
}

static void setup_threads(void)
{
	setup_with("1");
}

static void teardown(void)
{
	user_end();
	scratch_remove();
}

static void open_as(bool read_only, bool overlay)
{
	struct disk_config config = {
		.file = path,
		.read_only = read_only,
		.overlay = overlay,
		.overlay_dir = scratch_path,
	};

	ck_assert_msg(disk_open(&config, user.loop, &user.disk, &why) == 0, "%s", why.text);
}

/* ------------------------------------------------------------------------- contents */

START_TEST(what_is_written_is_read)
{
	uint8_t bytes[8192], first[512];

	open_as(false, _i != 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i ^ 0x5a);
	for (size_t i = 0; i < sizeof(first); i++)
		first[i] = user_pattern(i);
	ck_assert_uint_eq(disk_traits(user.disk)->bytes, DISK_BYTES);
	ck_assert_int_eq(user_run(DISK_WRITE, 512, bytes, sizeof(bytes)), 0);
	user_expect(512, bytes, sizeof(bytes));
	user_expect(0, first, sizeof(first));
	ck_assert_int_eq(user_run(DISK_FLUSH, 0, NULL, 0), 0);
}
END_TEST

START_TEST(contents_are_those_of_an_array)
{
	open_as(false, _i != 0);
	user_walk(100);
}
END_TEST

START_TEST(sectors_of_one_block_are_written_at_once)
{
	static uint8_t sectors[64][512];
	struct disk_request requests[64];
	struct iovec parts[64];

	open_as(false, _i != 0);
	for (size_t i = 0; i < 64; i++) {
		memset(sectors[i], (int)i + 1, 512);
		parts[i] = (struct iovec){ .iov_base = sectors[i], .iov_len = 512 };
		requests[i] = (struct disk_request){ .op = DISK_WRITE,
						     .offset = 8192 + 512 * (i * 5 % 64),
						     .length = 512,
						     .parts = &parts[i],
						     .part_count = 1 };
		user_submit(&requests[i], i);
	}
	user_finish();
	for (size_t i = 0; i < 64; i++)
		user_expect(8192 + 512 * (i * 5 % 64), sectors[i], 512);
}
END_TEST

/* Which of two wins where they overlap is open; where they don't, nothing is. */
START_TEST(a_block_that_is_written_whole_and_in_part_loses_nothing)
{
	static uint8_t whole[4096], sector[512], found[4096];
	struct iovec parts[2] = { { whole, sizeof(whole) }, { sector, sizeof(sector) } };
	struct disk_request requests[2] = {
		{ .op = DISK_WRITE, .length = 4096, .parts = &parts[0], .part_count = 1 },
		{ .op = DISK_WRITE, .length = 512, .parts = &parts[1], .part_count = 1 },
	};

	open_as(false, _i != 0);
	memset(whole, 0xaa, sizeof(whole));
	memset(sector, 0xbb, sizeof(sector));
	for (uint64_t offset = 0; offset < DISK_BYTES; offset += 8192) {
		for (size_t i = 0; i < 2; i++) {
			parts[i] = (struct iovec){ i ? sector : whole, i ? 512 : 4096 };
			requests[i].offset = offset;
			requests[i].parts = &parts[i];
			requests[i].part_count = 1;
		}
		user_submit(&requests[offset / 8192 % 2], 0);
		user_submit(&requests[1 - offset / 8192 % 2], 1);
		user_finish();
		ck_assert_int_eq(user_run(DISK_READ, offset, found, 4096), 0);
		ck_assert(found[0] == 0xaa || found[0] == 0xbb);
		ck_assert_mem_eq(found + 512, whole, 4096 - 512);
	}
}
END_TEST

START_TEST(zeroes_of_any_size_are_zeroes)
{
	static uint8_t zeroes[DISK_BYTES];
	uint8_t last = user_pattern(DISK_BYTES - 512);
	uint8_t sector[512];

	open_as(false, _i != 0);
	ck_assert_int_eq(user_run(DISK_WRITE_ZEROES, 512, NULL, DISK_BYTES - 1024), 0);
	user_expect(512, zeroes, DISK_BYTES - 1024);
	ck_assert_int_eq(user_run(DISK_READ, DISK_BYTES - 512, sector, 512), 0);
	ck_assert_uint_eq(sector[0], last);
}
END_TEST

START_TEST(more_than_the_kernel_takes_at_once_waits_in_line)
{
	static struct disk_request requests[USER_REQUESTS];
	static uint8_t bytes[USER_REQUESTS][4096];
	struct iovec parts[USER_REQUESTS];

	open_as(false, _i != 0);
	for (size_t i = 0; i < USER_REQUESTS; i++) {
		memset(bytes[i], (int)i, sizeof(bytes[i]));
		parts[i] = (struct iovec){ .iov_base = bytes[i], .iov_len = 4096 };
		requests[i] = (struct disk_request){ .op = DISK_WRITE,
						     .offset = i * 4096,
						     .length = 4096,
						     .parts = &parts[i],
						     .part_count = 1 };
		user_submit(&requests[i], i);
	}
	user_finish();
	for (size_t i = 0; i < USER_REQUESTS; i++) {
		ck_assert_int_eq(user.errors[i], 0);
		user_expect(i * 4096, bytes[i], 4096);
	}
}
END_TEST

static void flush_after_write(struct disk_request *request, int error)
{
	ck_assert_int_eq(error, 0);
	user.pending--;
	request->op = DISK_FLUSH;
	user_submit(request, 1); /* and no disk_start() */
}

static void on_turn(void *context)
{
	ck_assert_ptr_eq(context, &turns);
	turns++;
}

/* What others have to do on the loop's thread must not wait for what one guest asks for. */
START_TEST(a_read_without_end_does_not_hold_the_thread)
{
	enum { BYTES = 32 << 20, PART = 1 << 20 };
	static uint8_t same[PART];
	struct iovec parts[BYTES / PART];
	struct disk_request request = {
		.op = DISK_READ, .length = BYTES, .parts = parts, .part_count = BYTES / PART
	};

	ck_assert_int_eq(truncate(path, BYTES), 0);
	open_as(false, _i != 0);
	/* each block of the overlay in the other file than the one before */
	for (uint64_t offset = 0; _i != 0 && offset < BYTES; offset += 8192)
		ck_assert_int_eq(user_run(DISK_WRITE, offset, same, 4096), 0);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i] = (struct iovec){ same, PART };
	user_submit(&request, 0);
	disk_start(user.disk);
	ck_assert(!user.is_done[0]);
	user_finish();
	ck_assert_int_eq(user.errors[0], 0);
}
END_TEST

START_TEST(a_request_may_follow_from_done)
{
	uint8_t bytes[512] = { 0 };
	struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct disk_request request = {
		.op = DISK_WRITE, .length = 512, .parts = &part, .part_count = 1
	};

	open_as(false, _i != 0);
	disk_set_turn(user.disk, on_turn, &turns);
	user_submit(&request, 0);
	request.done = flush_after_write;
	user.pending++; /* for both */
	disk_start(user.disk);
	user.pending--;
	while (!user.is_done[1])
		ck_assert_int_eq(loop_run(user.loop), 0);
	ck_assert_int_eq(user.errors[1], 0);
	ck_assert_uint_ge(turns, 1);
}
END_TEST

START_TEST(what_is_in_flight_is_done_by_the_drain)
{
	uint8_t bytes[512] = { 7 };
	struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct disk_request request = {
		.op = DISK_WRITE, .length = 512, .parts = &part, .part_count = 1
	};

	open_as(false, _i != 0);
	user_submit(&request, 0);
	disk_drain(user.disk);
	ck_assert(user.is_done[0]);
	ck_assert_int_eq(user.errors[0], 0);
}
END_TEST

/* A host may have no room for one more thread: then it takes longer. */
START_TEST(without_a_thread_all_is_done_the_same)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	ck_assert_int_eq(pthread_attr_setstacksize(&attr, (size_t)1 << 50), 0);
	ck_assert_int_eq(pthread_setattr_default_np(&attr), 0);
	open_as(false, _i != 0);
	user_walk(100);
}
END_TEST

/* Needs a loop device, which only root gets: elsewhere there is nothing to test it with. */
START_TEST(a_block_device_is_a_disk_too)
{
	struct disk_config config = { .file = other_path };
	char command[400];
	struct disk *second;

	snprintf(command, sizeof(command),
		 "dev=$(losetup -f --show %s 2> /dev/null) && ln -s $dev %s", path, other_path);
	if (system(command) != 0)
		return;
	snprintf(command, sizeof(command), "losetup -d $(readlink %s)", other_path);
	if (disk_open(&config, user.loop, &user.disk, &why) < 0 || system(command) != 0)
		ck_abort_msg("%s", why.text); /* it is gone with its last user from here on */
	ck_assert_uint_eq(disk_traits(user.disk)->bytes, DISK_BYTES);
	ck_assert_int_eq(disk_open(&config, user.loop, &second, &why), -EBUSY);
	user_walk(30);
}
END_TEST

/* -------------------------------------------------------------------------- overlays */

START_TEST(guests_on_one_base_see_their_own_writes_alone)
{
	struct disk_config config = { .file = path, .overlay = true, .overlay_dir = scratch_path };
	uint8_t mine[512], base[512], file[512];
	struct disk *first;
	int fd;

	memset(mine, 0xaa, sizeof(mine));
	for (size_t i = 0; i < sizeof(base); i++)
		base[i] = user_pattern(i);
	open_as(false, true);
	first = user.disk;
	ck_assert_int_eq(disk_open(&config, user.loop, &user.disk, &why), 0);
	ck_assert_int_eq(user_run(DISK_WRITE, 0, mine, sizeof(mine)), 0);
	user_expect(0, mine, sizeof(mine));
	disk_close(user.disk);
	user.disk = first;
	user_expect(0, base, sizeof(base));
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, file, sizeof(file)), sizeof(file));
	ck_assert_mem_eq(file, base, sizeof(base));
	close(fd);
}
END_TEST

START_TEST(an_overlay_leaves_no_file)
{
	char command[256];

	open_as(false, true);
	snprintf(command, sizeof(command), "test $(ls %s | wc -l) = 1", scratch_path);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(the_last_block_of_a_base_may_be_short)
{
	uint8_t bytes[512], sector[512];

	user_file(path, 4096 + 1536);
	open_as(false, true);
	memset(bytes, 0x11, sizeof(bytes));
	ck_assert_int_eq(user_run(DISK_WRITE, 4096 + 512, bytes, 512), 0);
	user_expect(4096 + 512, bytes, 512);
	for (size_t i = 0; i < 512; i++)
		sector[i] = user_pattern(4096 + 1024 + i);
	user_expect(4096 + 1024, sector, 512);
	ck_assert_int_eq(user_run(DISK_WRITE, 4096 + 1024, bytes, 512), 0);
	user_expect(4096 + 1024, bytes, 512);
	ck_assert_int_eq(user_run(DISK_READ, 4096 + 1536, bytes, 512), -EIO);
}
END_TEST

/* ---------------------------------------------------------------------------- limits */

START_TEST(nothing_outside_of_the_disk_is_touched)
{
	static const struct {
		uint64_t offset, length;
		int error;
	} cases[] = {
		{ DISK_BYTES - 512, 512, 0 },
		{ DISK_BYTES - 512, 1024, -EIO },
		{ DISK_BYTES, 512, -EIO },
		{ DISK_BYTES, 0, 0 },
		{ UINT64_MAX - 511, 512, -EIO },
		{ 512, UINT64_MAX - 511, -EIO },
		{ UINT64_MAX - 511, 1024, -EIO },
		{ 1, 512, -EINVAL },
		{ 0, 511, -EINVAL },
	};
	static uint8_t bytes[1024];
	struct stat st;

	open_as(false, _i != 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (enum disk_op op = DISK_READ; op < DISK_OPS; op++)
			if (op != DISK_FLUSH)
				ck_assert_int_eq(
					user_run(op, cases[i].offset, bytes, cases[i].length),
					cases[i].error);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, DISK_BYTES);
}
END_TEST

START_TEST(a_disk_to_read_is_not_written)
{
	uint8_t bytes[512] = { 0 };

	open_as(true, _i != 0);
	ck_assert(disk_traits(user.disk)->read_only);
	ck_assert_int_eq(user_run(DISK_WRITE, 0, bytes, 512), -EROFS);
	ck_assert_int_eq(user_run(DISK_DISCARD, 0, NULL, 512), -EROFS);
	ck_assert_int_eq(user_run(DISK_WRITE_ZEROES, 0, NULL, 512), -EROFS);
	ck_assert_int_eq(user_run(DISK_FLUSH, 0, NULL, 0), 0);
	ck_assert_int_eq(user_run(DISK_READ, 0, bytes, 512), 0);
	ck_assert_uint_eq(bytes[5], user_pattern(5));
}
END_TEST

START_TEST(what_was_done_is_counted)
{
	struct disk_counters counters;
	uint8_t bytes[1024] = { 0 };

	open_as(false, _i != 0);
	ck_assert_int_eq(user_run(DISK_READ, 0, bytes, 1024), 0);
	ck_assert_int_eq(user_run(DISK_READ, DISK_BYTES, bytes, 512), -EIO);
	ck_assert_int_eq(user_run(DISK_WRITE, 0, bytes, 512), 0);
	ck_assert_int_eq(user_run(DISK_FLUSH, 0, NULL, 0), 0);
	disk_count(user.disk, &counters);
	ck_assert_uint_eq(counters.requests[DISK_READ], 2);
	ck_assert_uint_eq(counters.bytes[DISK_READ], 1024);
	ck_assert_uint_eq(counters.requests[DISK_WRITE], 1);
	ck_assert_uint_eq(counters.bytes[DISK_WRITE], 512);
	ck_assert_uint_eq(counters.requests[DISK_FLUSH], 1);
	ck_assert_uint_eq(counters.errors, 1);
}
END_TEST

/* ---------------------------------------------------------------------------- misuse */

static void expect_refusal(const struct disk_config *config, int error, const char *said)
{
	struct disk *refused = NULL;
	int descriptors = open_descriptors();

	why.text[0] = '\0';
	ck_assert_int_eq(disk_open(config, user.loop, &refused, &why), error);
	ck_assert_ptr_null(refused);
	ck_assert_msg(strstr(why.text, said), "'%s' does not say '%s'", why.text, said);
	ck_assert_int_eq(open_descriptors(), descriptors);
}

START_TEST(what_can_be_no_disk_is_refused)
{
	struct disk_config config = { .file = other_path, .overlay_dir = scratch_path };

	config.overlay = _i != 0;
	expect_refusal(&config, -ENOENT, other_path);
	user_file(other_path, 0);
	expect_refusal(&config, -EINVAL, "empty");
	user_file(other_path, 1000);
	expect_refusal(&config, -EINVAL, "truncate -s %512");
	config.file = scratch_path;
	config.read_only = true;
	expect_refusal(&config, -EINVAL, "neither a file nor a block device");
	unlink(other_path);
	ck_assert_int_eq(mkfifo(other_path, 0600), 0);
	config.file = other_path;
	expect_refusal(&config, -EINVAL, "neither a file nor a block device");
	config.file = path;
	config.overlay = true;
	config.overlay_dir = "/nonexistent";
	expect_refusal(&config, -ENOENT, "/nonexistent");
}
END_TEST

START_TEST(another_format_is_not_taken_for_raw)
{
	struct disk_config config = { .file = path };
	int fd = open(path, O_WRONLY);

	ck_assert_int_eq(write(fd, "QFI\xfb\0\0\0\3", 8), 8);
	close(fd);
	expect_refusal(&config, -EINVAL, "qemu-nbd -f qcow2");
	config.raw = true;
	ck_assert_int_eq(disk_open(&config, user.loop, &user.disk, &why), 0);
	ck_assert_uint_eq(disk_traits(user.disk)->bytes, DISK_BYTES);
}
END_TEST

START_TEST(who_writes_has_the_disk_alone)
{
	struct disk_config writer = { .file = path };
	struct disk_config reader = { .file = path, .read_only = true };
	struct disk_config overlay = { .file = path, .overlay = true, .overlay_dir = scratch_path };
	struct disk *second, *third;

	open_as(false, false);
	expect_refusal(&writer, -EBUSY, "in use by another guest");
	expect_refusal(&reader, -EBUSY, "in use by another guest");
	expect_refusal(&overlay, -EBUSY, "in use by another guest");
	disk_close(user.disk);
	ck_assert_int_eq(disk_open(&reader, user.loop, &user.disk, &why), 0);
	ck_assert_int_eq(disk_open(&reader, user.loop, &second, &why), 0);
	ck_assert_int_eq(disk_open(&overlay, user.loop, &third, &why), 0);
	expect_refusal(&writer, -EBUSY, "in use by another guest");
	disk_close(second);
	disk_close(third);
}
END_TEST

/* ---------------------------------------------------------------------------- faults */

START_TEST(a_disk_without_room_says_so_and_lives_on)
{
	struct rlimit limit = { .rlim_cur = 64 << 10, .rlim_max = RLIM_INFINITY }, old;
	static uint8_t bytes[DISK_BYTES];

	open_as(false, _i != 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	memset(bytes, 1, sizeof(bytes));
	/* what fits is written; a host says EFBIG here where a full one says ENOSPC */
	ck_assert_int_eq(user_run(DISK_WRITE, 32 << 10, bytes, 64 << 10), -EFBIG);
	ck_assert_int_eq(user_run(DISK_WRITE, 512 << 10, bytes, 512), -EFBIG);
	ck_assert_int_eq(user_run(DISK_WRITE, 0, bytes, 512), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	user_expect(0, bytes, 512);
	ck_assert_int_eq(user_run(DISK_WRITE, 512 << 10, bytes, 512), 0);
	user_expect(512 << 10, bytes, 512);
}
END_TEST

START_TEST(a_file_that_shrinks_is_an_error)
{
	uint8_t bytes[1024];

	open_as(_i == 0, _i != 0);
	ck_assert_int_eq(truncate(path, 4096 + 512), 0);
	ck_assert_int_eq(user_run(DISK_READ, 4096, bytes, 1024), -EIO);
	ck_assert_int_eq(user_run(DISK_READ, 8192, bytes, 512), -EIO);
	ck_assert_int_eq(user_run(DISK_READ, 4096, bytes, 512), 0);
}
END_TEST

/* On raw disks and on overlays. */
static const TTest **const on_both[] = {
	&what_is_written_is_read,
	&contents_are_those_of_an_array,
	&sectors_of_one_block_are_written_at_once,
	&a_block_that_is_written_whole_and_in_part_loses_nothing,
	&zeroes_of_any_size_are_zeroes,
	&more_than_the_kernel_takes_at_once_waits_in_line,
	&a_read_without_end_does_not_hold_the_thread,
	&a_request_may_follow_from_done,
	&what_is_in_flight_is_done_by_the_drain,
	&without_a_thread_all_is_done_the_same,
	&nothing_outside_of_the_disk_is_touched,
	&a_disk_to_read_is_not_written,
	&what_was_done_is_counted,
	&a_disk_without_room_says_so_and_lives_on,
	&a_file_that_shrinks_is_an_error,
};

static const TTest **const once[] = {
	&a_block_device_is_a_disk_too,	 &guests_on_one_base_see_their_own_writes_alone,
	&an_overlay_leaves_no_file,	 &the_last_block_of_a_base_may_be_short,
	&what_can_be_no_disk_is_refused, &another_format_is_not_taken_for_raw,
	&who_writes_has_the_disk_alone,
};

static TCase *case_make(const char *name, SFun setup)
{
	TCase *test_case = tcase_create(name);

	tcase_set_timeout(test_case, 60);
	tcase_add_checked_fixture(test_case, setup, teardown);
	for (size_t i = 0; i < ARRAY_SIZE(on_both); i++)
		tcase_add_loop_test(test_case, *on_both[i], 0, 2);
	for (size_t i = 0; i < ARRAY_SIZE(once); i++)
		tcase_add_test(test_case, *once[i]);
	return test_case;
}

int main(void)
{
	Suite *suite = suite_create("disk");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, case_make("io_uring", setup_ring));
	suite_add_tcase(suite, case_make("threads", setup_threads));
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
