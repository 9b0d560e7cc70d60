/* SPDX-License-Identifier: Apache-2.0 */
/* check_disk_nbd.c - disks of a server: nbdkit, which can also fail on demand */
#include "tests/unit/suite.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "disk/disk.h"
#include "tests/unit/disk_user.h"
#include "tests/unit/scratch.h"

static struct fail why;
static char path[128], address[192];

static pid_t server_pid(void)
{
	char name[128];
	FILE *file;
	int pid = 0;

	snprintf(name, sizeof(name), "%s/pid", scratch_path);
	file = fopen(name, "re");
	if (file && fscanf(file, "%d", &pid) != 1)
		pid = 0;
	if (file)
		fclose(file);
	return pid;
}

/* Returns once it serves. What follows are arguments of nbdkit. */
static PRINTF(1, 2) void serve(const char *format, ...)
{
	char arguments[512], command[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(arguments, sizeof(arguments), format, list);
	va_end(list);
	snprintf(command, sizeof(command), "nbdkit -P %s/pid -U %s/socket %s", scratch_path,
		 scratch_path, arguments);
	ck_assert_int_eq(system(command), 0);
}

static void server_kill(void)
{
	if (server_pid() > 0)
		kill(server_pid(), SIGKILL);
}

static void setup(void)
{
	scratch_make();
	snprintf(path, sizeof(path), "%s/disk", scratch_path);
	snprintf(address, sizeof(address), "nbd+unix:///?socket=%s/socket", scratch_path);
	user_file(path, USER_DISK_BYTES);
	user_begin();
}

static void teardown(void)
{
	user_end();
	server_kill();
	scratch_remove();
}

static void open_served(void)
{
	struct disk_config config = { .file = address };

	ck_assert_msg(disk_open(&config, user.loop, &user.disk, &why) == 0, "%s", why.text);
}

START_TEST(contents_are_those_of_an_array)
{
	serve("file %s", path);
	open_served();
	ck_assert_uint_eq(disk_traits(user.disk)->bytes, USER_DISK_BYTES);
	ck_assert(disk_traits(user.disk)->can_discard);
	user_walk(60);
}
END_TEST

START_TEST(a_server_that_knows_little_will_do)
{
	uint8_t bytes[512] = { 0 };

	/* neither zeroes, nor trim, nor flush */
	serve("eval get_size='echo %u' pread='dd if=%s skip=$4 count=$3 iflag=count_bytes,skip_bytes "
	      "status=none' pwrite='dd of=%s seek=$4 conv=notrunc oflag=seek_bytes status=none' "
	      "can_write='exit 0'",
	      USER_DISK_BYTES, path, path);
	open_served();
	ck_assert(!disk_traits(user.disk)->can_discard);
	ck_assert_int_eq(user_run(DISK_WRITE_ZEROES, 512, NULL, 512), 0);
	user_expect(512, bytes, 512);
	ck_assert_int_eq(user_run(DISK_DISCARD, 0, NULL, 512), 0);
	ck_assert_int_eq(user_run(DISK_FLUSH, 0, NULL, 0), 0);
	ck_assert_int_eq(user_run(DISK_READ, 0, bytes, 512), 0);
	ck_assert_uint_eq(bytes[1], user_pattern(1));
}
END_TEST

START_TEST(what_is_larger_than_a_command_is_cut)
{
	const size_t length = 10u << 20;
	uint8_t *bytes = malloc(length);

	serve("memory 16M");
	open_served();
	for (size_t i = 0; i < length; i++)
		bytes[i] = user_pattern(i);
	ck_assert_int_eq(user_run(DISK_WRITE, 512, bytes, length), 0);
	user_expect(512, bytes, length);
	free(bytes);
}
END_TEST

START_TEST(what_the_server_protects_is_read_only)
{
	uint8_t bytes[512];

	serve("-r file %s", path);
	open_served();
	ck_assert(disk_traits(user.disk)->read_only);
	ck_assert_int_eq(user_run(DISK_WRITE, 0, bytes, 512), -EROFS);
	ck_assert_int_eq(user_run(DISK_READ, 0, bytes, 512), 0);
}
END_TEST

/* ---------------------------------------------------------------------------- misuse */

static void expect_refusal(const char *file, const char *said)
{
	struct disk_config config = { .file = file };
	struct disk *disk = NULL;

	why.text[0] = '\0';
	ck_assert_int_lt(disk_open(&config, user.loop, &disk, &why), 0);
	ck_assert_ptr_null(disk);
	ck_assert_msg(strstr(why.text, said), "'%s' does not say '%s'", why.text, said);
}

START_TEST(what_can_be_no_disk_is_refused)
{
	struct disk_config overlay = { .file = address, .overlay = true };

	expect_refusal(address, "cannot use disk 'nbd+unix:");
	expect_refusal("nbd://127.0.0.1:1/x", "Connection refused");
	expect_refusal("nbd://", "cannot use disk 'nbd://'");
	ck_assert_int_eq(disk_open(&overlay, user.loop, &user.disk, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "overlay"));
	user.disk = NULL;
	serve("memory 1000");
	expect_refusal(address, "1000 bytes");
}
END_TEST

/* ---------------------------------------------------------------------------- faults */

START_TEST(an_error_of_the_server_is_the_requests)
{
	uint8_t bytes[512] = { 0 };

	serve("--filter=error file %s error-pwrite=ENOSPC error-pwrite-rate=100%%", path);
	open_served();
	ck_assert_int_eq(user_run(DISK_WRITE, 0, bytes, 512), -ENOSPC);
	ck_assert_int_eq(user_run(DISK_READ, 0, bytes, 512), 0);
	ck_assert_uint_eq(bytes[1], user_pattern(1));
}
END_TEST

static struct disk_request requests[USER_REQUESTS];
static uint8_t contents[USER_REQUESTS][4][512];
static struct iovec parts[USER_REQUESTS][4];

static void submit_many(void)
{
	for (size_t i = 0; i < USER_REQUESTS; i++) {
		for (size_t j = 0; j < 4; j++)
			parts[i][j] = (struct iovec){ contents[i][j], 512 };
		requests[i] = (struct disk_request){ .op = i % 2 ? DISK_READ : DISK_WRITE,
						     .offset = 2048 * i,
						     .length = 2048,
						     .parts = parts[i],
						     .part_count = 4 };
		user_submit(&requests[i], i);
	}
}

START_TEST(a_server_that_dies_fails_all_there_is_and_will_be)
{
	uint8_t bytes[512];

	serve("--filter=delay file %s delay-read=60 delay-write=60", path);
	open_served();
	submit_many();
	disk_start(user.disk);
	server_kill();
	user_finish();
	for (size_t i = 0; i < USER_REQUESTS; i++)
		ck_assert_int_eq(user.errors[i], -EIO);
	ck_assert_int_eq(user_run(DISK_READ, 0, bytes, 512), -EIO);
	ck_assert_int_eq(user_run(DISK_FLUSH, 0, NULL, 0), -EIO);
}
END_TEST

START_TEST(a_close_waits_for_what_is_in_flight)
{
	serve("--filter=delay file %s rdelay=20ms wdelay=20ms", path);
	open_served();
	submit_many();
	disk_start(user.disk);
	disk_close(user.disk);
	user.disk = NULL;
	ck_assert_uint_eq(user.pending, 0);
	for (size_t i = 0; i < USER_REQUESTS; i++)
		ck_assert_int_eq(user.errors[i], 0);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &contents_are_those_of_an_array },
	{ "core", &a_server_that_knows_little_will_do },
	{ "core", &what_is_larger_than_a_command_is_cut },
	{ "core", &what_the_server_protects_is_read_only },
	{ "faults", &what_can_be_no_disk_is_refused },
	{ "faults", &an_error_of_the_server_is_the_requests },
	{ "faults", &a_server_that_dies_fails_all_there_is_and_will_be },
	{ "faults", &a_close_waits_for_what_is_in_flight },
};

int main(void)
{
	if (system("nbdkit --version > /dev/null 2>&1") != 0) {
		puts("skipped: nbdkit is not installed");
		return 77;
	}
	return suite_run("disk_nbd", tests, ARRAY_SIZE(tests), setup, teardown);
}
