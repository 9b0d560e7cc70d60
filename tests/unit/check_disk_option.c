/* SPDX-License-Identifier: Apache-2.0 */
/* check_disk_option.c - --disk as people type it */
#include "tests/unit/suite.h"

#include <errno.h>

#include "cli/disk_option.h"

static struct disk_option option;
static struct fail why;

static int parse(const char *text)
{
	why.text[0] = '\0';
	return disk_option_parse(text, "web-1", &option, &why);
}

START_TEST(a_file_alone_is_a_disk)
{
	struct disk_config config;

	ck_assert_int_eq(parse("/images/a.img"), 0);
	config = disk_option_config(&option);
	ck_assert_str_eq(config.file, "/images/a.img");
	ck_assert(!config.read_only && !config.overlay && !config.raw);
	ck_assert_ptr_null(config.overlay_dir);
	ck_assert_str_eq(option.serial, "");
	ck_assert(!option.is_each_guests);
}
END_TEST

START_TEST(words_may_stand_in_any_order)
{
	struct disk_config config;

	ck_assert_int_eq(parse("a.img,serial=boot-1,overlay=/big/%n,raw"), 0);
	config = disk_option_config(&option);
	ck_assert(config.overlay && config.raw && !config.read_only);
	ck_assert_str_eq(config.overlay_dir, "/big/web-1");
	ck_assert_str_eq(option.serial, "boot-1");
	ck_assert(option.is_each_guests);
	ck_assert_int_eq(parse("a.img,overlay"), 0);
	ck_assert_ptr_null(disk_option_config(&option).overlay_dir);
	ck_assert_int_eq(parse("a.img,ro"), 0);
	ck_assert(option.read_only && option.is_each_guests);
}
END_TEST

START_TEST(a_comma_that_is_doubled_is_one_of_the_name)
{
	ck_assert_int_eq(parse("a,,ro,ro"), 0);
	ck_assert_str_eq(option.file, "a,ro");
	ck_assert(option.read_only);
	ck_assert_int_eq(parse("a,,,,b"), 0);
	ck_assert_str_eq(option.file, "a,,b");
	ck_assert_int_eq(parse("a,,"), 0);
	ck_assert_str_eq(option.file, "a,");
}
END_TEST

START_TEST(the_guests_name_may_be_part_of_the_files)
{
	ck_assert_int_eq(parse("/d/%n-%n.img"), 0);
	ck_assert_str_eq(option.file, "/d/web-1-web-1.img");
	ck_assert(option.is_each_guests);
	ck_assert_int_eq(parse("/d/%a%"), 0);
	ck_assert_str_eq(option.file, "/d/%a%");
	ck_assert(!option.is_each_guests);
	ck_assert_int_eq(disk_option_parse("%n.img", NULL, &option, &why), 0);
	ck_assert_str_eq(option.file, "%n.img");
	ck_assert(option.is_each_guests);
}
END_TEST

START_TEST(addresses_of_servers_are_files_too)
{
	ck_assert_int_eq(parse("nbd+unix:///a?socket=/run/s,serial=x"), 0);
	ck_assert_str_eq(option.file, "nbd+unix:///a?socket=/run/s");
}
END_TEST

static const struct {
	const char *text, *said;
} refused[] = {
	{ "", "names no file" },
	{ ",ro", "names no file" },
	{ "a,", "does not know ''" },
	{ "a,rw", "does not know 'rw'" },
	{ "a,ro=1", "does not know 'ro=1'" },
	{ "a,overlay=", "does not know 'overlay='" },
	{ "a,overlay,ro", "exclude each other" },
	{ "a,serial=", "serial ''" },
	{ "a,serial=with blank", "serial 'with blank'" },
	{ "a,serial=123456789012345678901", "20" },
};

START_TEST(what_is_wrong_is_named)
{
	char text[2 * PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		ck_assert_int_eq(parse(refused[i].text), -EINVAL);
		ck_assert_msg(strstr(why.text, refused[i].said), "'%s' does not say '%s'", why.text,
			      refused[i].said);
	}
	ck_assert_int_eq(parse("a,serial=12345678901234567890"), 0);
	memset(text, 'a', sizeof(text));
	text[PATH_MAX] = '\0';
	ck_assert_int_eq(parse(text), -ENAMETOOLONG);
	text[PATH_MAX - 1] = '\0';
	ck_assert_int_eq(parse(text), 0);
	memcpy(text + PATH_MAX - 3, "%n", 2);
	ck_assert_int_eq(parse(text), -ENAMETOOLONG);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_file_alone_is_a_disk },
	{ "core", &words_may_stand_in_any_order },
	{ "core", &a_comma_that_is_doubled_is_one_of_the_name },
	{ "core", &the_guests_name_may_be_part_of_the_files },
	{ "core", &addresses_of_servers_are_files_too },
	{ "misuse", &what_is_wrong_is_named },
};
SUITE_MAIN("disk_option", tests)
