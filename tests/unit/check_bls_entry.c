/* SPDX-License-Identifier: Apache-2.0 */
/* check_bls_entry.c - entries of the Boot Loader Specification, and their order */
#include "tests/unit/suite.h"

#include "tests/unit/suite.h"

#include <errno.h>
#include <stdio.h>

#include "cli/bls_entry.h"

static struct bls_entry entry;

static int parse(const char *name, const char *text)
{
	return bls_entry_parse(name, text, strlen(text), NULL, NULL, &entry);
}

START_TEST(all_that_an_entry_can_say)
{
	ck_assert_int_eq(parse("deb-6.1.conf", "# a comment\n"
					       "title\tDebian \x01 12\n"
					       "version 6.1.0-37\n"
					       "machine-id 0f1e\n"
					       "  sort-key   debian  \r\n"
					       "architecture x64\n"
					       "options root=/dev/vda1\n"
					       "options rw  quiet\n"
					       "linux /0f1e/linux\n"
					       "initrd /ucode.img\n"
					       "initrd /a.img /b.img\n"
					       "devicetree /x.dtb\n"
					       "no-value\n"
					       "grub_class debian"),
			 0);
	ck_assert_str_eq(entry.id, "deb-6.1");
	ck_assert_str_eq(entry.boot.title, "Debian ? 12");
	ck_assert_str_eq(entry.version, "6.1.0-37");
	ck_assert_str_eq(entry.machine_id, "0f1e");
	ck_assert_str_eq(entry.sort_key, "debian");
	ck_assert_str_eq(entry.boot.cmdline, "root=/dev/vda1 rw  quiet");
	ck_assert_str_eq(entry.boot.kernel, "/0f1e/linux");
	ck_assert_uint_eq(entry.boot.initrd_count, 3);
	ck_assert_str_eq(entry.boot.initrds[2], "/b.img");
	ck_assert(!entry.is_foreign && !entry.is_spent);
}
END_TEST

START_TEST(an_entry_for_something_else)
{
	ck_assert_int_eq(parse("auto-windows.conf", "efi /EFI/x.efi\narchitecture aa64\n"), 0);
	ck_assert_str_eq(entry.boot.kernel, "");
	ck_assert_str_eq(entry.boot.title, "auto-windows"); /* it has no other name */
	ck_assert(entry.is_foreign);
}
END_TEST

START_TEST(counters_are_no_part_of_the_name)
{
	ck_assert_int_eq(parse("a+b-6.1+3-1.conf", ""), 0);
	ck_assert_str_eq(entry.id, "a+b-6.1");
	ck_assert(!entry.is_spent);
	ck_assert_int_eq(parse("a+0-3.conf", ""), 0);
	ck_assert(entry.is_spent);
	ck_assert_int_eq(parse("linux-6.1+deb12.conf", ""), 0);
	ck_assert_str_eq(entry.id, "linux-6.1+deb12");
}
END_TEST

static int expand_x(void *context, const char *text, char *to, size_t size)
{
	return snprintf(to, size, "%s", strcmp(text, "$x") == 0 ? "a=1" : text) < (int)size
		       ? 0
		       : -E2BIG;
}

START_TEST(variables_are_replaced_where_there_are_any)
{
	static const char text[] = "linux /k\noptions $x\ninitrd \n";

	ck_assert_int_eq(bls_entry_parse("a.conf", text, strlen(text), expand_x, NULL, &entry), 0);
	ck_assert_str_eq(entry.boot.cmdline, "a=1");
	ck_assert_int_eq(parse("a.conf", text), 0);
	ck_assert_str_eq(entry.boot.cmdline, "$x");
}
END_TEST

/* Each older than the one that follows it. */
static const char *const versions[] = {
	"~rc1",	   "",	       "0",	 "1~rc1",    "1~rc2",
	"1",	   "1-1",      "1^post", "1.0",	     "1.0a",
	"1.0b",	   "1.1",      "1.2",	 "1.10",     "1.010.1",
	"6.1.0-9", "6.1.0-37", "6.10",	 "20240101", "99999999999999999999",
};

START_TEST(versions_have_an_order)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		for (size_t j = 0; j < ARRAY_SIZE(versions); j++)
			ck_assert_msg(version_compare(versions[i], versions[j]) ==
					      (i > j) - (i < j),
				      "'%s' against '%s': %d", versions[i], versions[j],
				      version_compare(versions[i], versions[j]));
	ck_assert_int_eq(version_compare("1_2", "1:2"), 0); /* separators all alike */
	ck_assert_int_eq(version_compare("007", "7"), 0);
}
END_TEST

/* Name and text, in the order in which a menu shows them. */
static const char *const menu[][2] = {
	{ "z.conf", "sort-key a\nversion 2\n" },
	{ "a.conf", "sort-key a\nversion 1\n" },
	{ "c.conf", "sort-key b\nmachine-id 1\nversion 1\n" },
	{ "b.conf", "sort-key b\nmachine-id 2\nversion 9\n" },
	{ "fedora-6.10.conf", "version 1\n" },
	{ "fedora-6.9.conf", "version 2\n" },
	{ "y+0-1.conf", "sort-key a\nversion 3\n" },
};

START_TEST(the_newest_comes_first)
{
	struct bls_entry entries[ARRAY_SIZE(menu)] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(menu); i++) {
		ck_assert_int_eq(parse(menu[i][0], menu[i][1]), 0);
		entries[ARRAY_SIZE(menu) - 1 - i] = entry;
	}
	qsort(entries, ARRAY_SIZE(menu), sizeof(*entries), bls_entry_compare);
	for (size_t i = 0; i < ARRAY_SIZE(menu); i++)
		ck_assert_msg(strncmp(entries[i].id, menu[i][0], strlen(entries[i].id)) == 0,
			      "%s instead of %s", entries[i].id, menu[i][0]);
}
END_TEST

START_TEST(loader_conf_names_a_default)
{
	static const char text[] = "timeout 3\n#default x\ndefault deb-*\neditor no\n";
	char pattern[BLS_TEXT_SIZE];

	bls_loader_default(text, strlen(text), pattern);
	ck_assert_str_eq(pattern, "deb-*");
	ck_assert_int_eq(parse("Deb-6.1.conf", ""), 0);
	ck_assert(bls_entry_is(&entry, pattern));
	ck_assert(bls_entry_is(&entry, "deb-6.1.conf"));
	ck_assert(!bls_entry_is(&entry, "deb"));
	ck_assert(!bls_entry_is(&entry, ""));
	bls_loader_default("", 0, pattern);
	ck_assert_str_eq(pattern, "");
}
END_TEST

static const struct {
	const char *name, *text;
	int rc;
} refused[] = {
	{ "a", "linux /k\n", -EINVAL },
	{ ".conf", "linux /k\n", -EINVAL },
	{ "a.conf", "linux k\n", -EINVAL },
	{ "a.conf", "initrd /a b\n", -EINVAL },
	{ "a.conf", "linux /k\x1b[2J\n", -EINVAL },
	{ "a.conf", "options a\x01\n", -EINVAL },
	{ "a.conf", "initrd /1 /2 /3 /4 /5 /6 /7 /8 /9", -E2BIG },
};

START_TEST(what_no_entry_says_is_refused)
{
	ck_assert_int_eq(parse(refused[_i].name, refused[_i].text), refused[_i].rc);
}
END_TEST

START_TEST(lengths_have_limits)
{
	char text[BOOT_CMDLINE_SIZE + 64];

	memset(text, 'x', sizeof(text));
	memcpy(text, "options ", 8);
	ck_assert_int_eq(bls_entry_parse("a.conf", text, 8 + BOOT_CMDLINE_SIZE, NULL, NULL, &entry),
			 -E2BIG);
	ck_assert_int_eq(bls_entry_parse("a.conf", text, 8 + 4000, NULL, NULL, &entry), 0);
	memcpy(text, "linux  /", 8);
	ck_assert_int_eq(bls_entry_parse("a.conf", text, 7 + BOOT_PATH_SIZE, NULL, NULL, &entry),
			 -ENAMETOOLONG);
	ck_assert_int_eq(bls_entry_parse("a.conf", text, 6 + BOOT_PATH_SIZE, NULL, NULL, &entry),
			 0);
	ck_assert_int_eq(bls_entry_parse("a.conf", "linux /k\0", 9, NULL, NULL, &entry), -EINVAL);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &all_that_an_entry_can_say },
	{ "core", &an_entry_for_something_else },
	{ "core", &counters_are_no_part_of_the_name },
	{ "core", &variables_are_replaced_where_there_are_any },
	{ "core", &versions_have_an_order },
	{ "core", &the_newest_comes_first },
	{ "core", &loader_conf_names_a_default },
	{ "limits", &what_no_entry_says_is_refused, ARRAY_SIZE(refused) },
	{ "limits", &lengths_have_limits },
};

SUITE_MAIN("bls_entry", tests)
