/* SPDX-License-Identifier: Apache-2.0 */
/* check_grub_menu.c - what GRUB would boot, from configurations like those of distributions */
#include "tests/unit/suite.h"

#include "tests/unit/suite.h"

#include <errno.h>
#include <stdio.h>

#include "cli/grub_condition.h"
#include "cli/grub_menu.h"
#include "cli/grub_script.h"

static struct fail why;
static struct boot_entry entry;
static char text[65536];

/* The configurations are the corpus of the fuzz target, too. */
static size_t sample(const char *name)
{
	const char *source = getenv("top_srcdir");
	char path[4096];
	FILE *file;
	size_t length;

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/grub_menu/%s", source ? source : ".",
		 name);
	file = fopen(path, "re");
	ck_assert_msg(file, "no %s", path);
	length = fread(text, 1, sizeof(text), file);
	fclose(file);
	return length;
}

static struct grub_menu *menu_of(const char *config, size_t length, const char *environment)
{
	struct grub_menu *menu = NULL;
	int rc = grub_menu_create(config, length, environment,
				  environment ? strlen(environment) : 0, &menu, &why);

	ck_assert_msg(rc == 0, "%s", why.text);
	return menu;
}

static int boots(const char *config, size_t length, const char *environment)
{
	struct grub_menu *menu = menu_of(config, length, environment);
	int rc = grub_menu_boots(menu, &entry, &why);

	grub_menu_free(menu);
	return rc;
}

static int boots_text(const char *config)
{
	return boots(config, strlen(config), NULL);
}

START_TEST(debians_first_entry)
{
	ck_assert_int_eq(boots(text, sample("debian"), NULL), 0);
	ck_assert_str_eq(entry.title, "Debian GNU/Linux");
	ck_assert_str_eq(entry.kernel, "/boot/vmlinuz-6.1.0-37-amd64");
	ck_assert_str_eq(entry.cmdline, "root=UUID=1f6a8bd2-4b1d-4a3c-9a55-0c1c0a3bb7e1 ro quiet");
	ck_assert_uint_eq(entry.initrd_count, 1);
	ck_assert_str_eq(entry.initrds[0], "/boot/initrd.img-6.1.0-37-amd64");
}
END_TEST

START_TEST(what_is_chosen_for_once_is_not_the_default)
{
	ck_assert_int_eq(boots(text, sample("debian"), "# GRUB Environment Block\nnext_entry=1\n"),
			 0);
	ck_assert_str_eq(entry.title, "Debian GNU/Linux");
}
END_TEST

START_TEST(ubuntu_boots_without_an_initrd_first)
{
	ck_assert_int_eq(boots(text, sample("ubuntu"), NULL), 0);
	ck_assert_str_eq(entry.title, "Ubuntu");
	ck_assert_uint_eq(entry.initrd_count, 0);
	ck_assert_str_eq(entry.cmdline,
			 "root=PARTUUID=0e3c5f4e-6e2b-4a36-a6c7-3f9f8a1f3b11 ro console=tty1 "
			 "console=ttyS0 panic=-1");
}
END_TEST

START_TEST(the_environment_changes_what_a_condition_finds)
{
	ck_assert_int_eq(boots(text, sample("ubuntu"), "initrdfail=1\n"), 0);
	ck_assert_uint_eq(entry.initrd_count, 1);
	ck_assert_str_eq(entry.initrds[0], "/boot/initrd.img-5.15.0-1075-kvm");
}
END_TEST

START_TEST(a_saved_default_leads_into_a_submenu)
{
	ck_assert_int_eq(boots(text, sample("ubuntu"),
			       "saved_entry=gnulinux-advanced-7e3c>gnulinux-5.15.0-1074-kvm-"
			       "advanced-7e3c\n"),
			 0);
	ck_assert_str_eq(entry.kernel, "/boot/vmlinuz-5.15.0-1074-kvm");
	ck_assert_str_eq(entry.cmdline,
			 "root=PARTUUID=0e3c5f4e-6e2b-4a36-a6c7-3f9f8a1f3b11 ro quiet splash");
	ck_assert_int_eq(boots(text, sample("ubuntu"), "saved_entry=1>1\n"), 0);
	ck_assert_str_eq(entry.kernel, "/boot/vmlinuz-5.15.0-1074-kvm");
	ck_assert_int_eq(boots(text, sample("ubuntu"), "saved_entry=1\n"), 0);
	ck_assert_str_eq(entry.kernel, "/boot/vmlinuz-5.15.0-1075-kvm");
}
END_TEST

START_TEST(a_default_that_is_not_there_is_the_first_entry)
{
	ck_assert_int_eq(boots(text, sample("ubuntu"), "saved_entry=gone>gone\n"), 0);
	ck_assert_str_eq(entry.title, "Ubuntu");
}
END_TEST

START_TEST(an_entry_that_starts_no_kernel_is_refused_by_name)
{
	ck_assert_int_eq(boots(text, sample("ubuntu"), "saved_entry=uefi-firmware\n"), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "'UEFI Firmware Settings'"));
}
END_TEST

START_TEST(fedora_keeps_its_entries_elsewhere)
{
	static const char environment[] = "kernelopts=root=LABEL=x ro\nsaved_entry=abc-6.5\n";
	char to[256];
	struct grub_menu *menu = menu_of(text, sample("fedora"), NULL);

	ck_assert(grub_menu_has_bls(menu));
	ck_assert_str_eq(grub_menu_default(menu), "");
	ck_assert_int_eq(grub_menu_expand(menu, "$kernelopts $tuned_params", to, sizeof(to)), 0);
	ck_assert_ptr_nonnull(strstr(to, "rootflags=subvol=root"));
	ck_assert_int_eq(grub_menu_boots(menu, &entry, &why), -ENOENT);
	grub_menu_free(menu);
	menu = menu_of(text, sample("fedora"), environment);
	ck_assert_int_eq(grub_menu_expand(menu, "a$kernelopts;$ $", to, sizeof(to)), 0);
	ck_assert_str_eq(to, "aroot=LABEL=x ro;$ $");
	ck_assert_str_eq(grub_menu_default(menu), "abc-6.5");
	ck_assert_int_eq(grub_menu_expand(menu, "$kernelopts", to, 15), -E2BIG);
	ck_assert_int_eq(grub_menu_expand(menu, "$kernelopts", to, 16), 0);
	grub_menu_free(menu);
}
END_TEST

START_TEST(alpines_boot_partition)
{
	ck_assert_int_eq(boots(text, sample("alpine"), NULL), 0);
	ck_assert_str_eq(entry.kernel, "/vmlinuz-virt");
	ck_assert_str_eq(entry.initrds[0], "/initramfs-virt");
	ck_assert_str_eq(entry.cmdline, "root=UUID=5cc1f1a2-7b14-42c4-9b2d-0a4c5e7d1f20 ro "
					"modules=sd-mod,usb-storage,ext4 quiet rootfstype=ext4");
}
END_TEST

START_TEST(arch_by_title_with_two_initrds_and_quotes)
{
	ck_assert_int_eq(boots(text, sample("arch"), NULL), 0);
	ck_assert_str_eq(entry.title, "Arch Linux");
	ck_assert_str_eq(entry.kernel, "/boot/vmlinuz-linux"); /* the device is left out */
	ck_assert_str_eq(entry.cmdline, "root=UUID=aa0c7d9e-70b1-4d34-a9e5-3c1c21f4e0bb rw "
					"loglevel=3 quiet \"dyndbg=file foo.c +p\"");
	ck_assert_uint_eq(entry.initrd_count, 2);
	ck_assert_str_eq(entry.initrds[0], "/boot/intel-ucode.img");
}
END_TEST

/* What a configuration says, and the command line that comes of it. */
static const struct {
	const char *config, *cmdline;
} scripts[] = {
	{ "menuentry a { linux /k one\n}", "one" },
	{ "menuentry a {\nlinux /k 'o n' \"e\\\"$x\" t\\ wo # three\n}", "\"o n\" e\" \"t wo\"" },
	{ "x=1; menuentry a { if [ $x = 1 ]; then linux /k y; else linux /k n; fi }", "y" },
	{ "x=2; menuentry a { if [ $x = 1 ]; then linux /k y; else linux /k n; fi }", "n" },
	{ "x=2\nmenuentry a { if [ $x -lt 1 ]; then linux /k y\n elif test ! $x = 3 -a -n b; then "
	  "linux /k e\nelif true; then linux /k t; fi }",
	  "e" },
	{ "menuentry a { if unknown; then linux /k y; else if true; then linux /k n; fi; fi }",
	  "n" },
	{ "function f { set x=1; }\nf\nmenuentry a { linux /k x$x }", "x" },
	{ "while true; do set x=1; done; menuentry a { linux /k x$x }", "x" },
	{ "if false; then menuentry no { linux /k no; }; fi; menuentry a { linux /k yes; }",
	  "yes" },
	{ "menuentry a { linux /j one; initrd /i; linux /k two; }", "two" },
	{ "set y='a b'; menuentry a { linux /k $y \"$y\" }", "a b \"a b\"" },
	{ "set default=b; menuentry a { linux /k a; }; menuentry b { linux /k b; }", "b" },
	{ "set default=2; submenu s { menuentry t { linux /k t; } }\nmenuentry a { linux /k a; }\n"
	  "menuentry b { linux /k b; }",
	  "b" },
	{ "} fi; menuentry a { linux /k one }", "one" },
	{ "menuentry a { linux /k ${one }", "" },
};

START_TEST(a_script_is_run_as_it_is_written)
{
	ck_assert_msg(boots_text(scripts[_i].config) == 0, "%s: %s", scripts[_i].config, why.text);
	ck_assert_str_eq(entry.cmdline, scripts[_i].cmdline);
	ck_assert_str_eq(entry.kernel, "/k");
	ck_assert_uint_eq(entry.initrd_count, 0);
}
END_TEST

static const char *const refused[] = {
	"",
	"menuentry a { chainloader +1; }",
	"menuentry a { linux k; }", /* no absolute path */
	"menuentry a { linux /k\x1b[2J; }",
	"menuentry a { linux '/k'; initrd i; }",
	"menuentry a { linux /k",
	"submenu s { submenu t { } }",
};

START_TEST(what_boots_no_kernel_is_refused)
{
	why.text[0] = '\0';
	ck_assert_int_lt(boots_text(refused[_i]), 0);
	ck_assert_str_ne(why.text, "");
	ck_assert_ptr_null(strchr(why.text, '\x1b'));
}
END_TEST

/* rc of running part again and again between head and tail. */
static int run_many(const char *head, const char *part, unsigned int times, const char *tail)
{
	size_t size = strlen(head) + strlen(part) * times + strlen(tail) + 1;
	char *config = malloc(size), *at = config;
	struct grub_menu *menu = NULL;
	int rc;

	ck_assert_ptr_nonnull(config);
	at = stpcpy(at, head);
	for (unsigned int i = 0; i < times; i++)
		at = stpcpy(at, part);
	stpcpy(at, tail);
	rc = grub_menu_create(config, strlen(config), NULL, 0, &menu, &why);
	if (rc == 0)
		rc = grub_menu_boots(menu, &entry, &why);
	grub_menu_free(menu);
	free(config);
	return rc;
}

START_TEST(sizes_have_limits)
{
	static const char end[] = "\nmenuentry a { linux /k\n}\n";

	ck_assert_int_eq(run_many("set x=", "y", GRUB_COMMAND_SIZE - 10, end), 0);
	ck_assert_int_eq(run_many("set x=", "y", GRUB_COMMAND_SIZE, end), -E2BIG);
	ck_assert_int_eq(run_many("x=ab\n", "x=$x$x\n", 40, end), -E2BIG);
	ck_assert_int_eq(run_many("set", " y", GRUB_WORDS_MAX - 1, end), 0);
	ck_assert_int_eq(run_many("set", " y", GRUB_WORDS_MAX, end), -E2BIG);
	ck_assert_int_eq(run_many("", "if true; then\n", 31, end), 0);
	ck_assert_int_eq(run_many("", "if true; then\n", 40, end), -E2BIG);
	ck_assert_int_eq(run_many("", "\n", 70000, end), -E2BIG);
	ck_assert_int_eq(run_many("menuentry a { linux /k", " abcdefg", 255, "\n}"), -E2BIG);
	ck_assert_int_eq(run_many("menuentry a { linux /k", " abcdefg", 250, "\n}"), 0);
	ck_assert_int_eq(run_many("menuentry a { linux /k '", "abcdefg", 700, "'\n}"), -E2BIG);
	ck_assert_int_eq(run_many("menuentry a { linux /k\ninitrd", " /i", 8, "\n}"), 0);
	ck_assert_int_eq(run_many("menuentry a { linux /k\ninitrd", " /i", 9, "\n}"), -E2BIG);
	ck_assert_int_eq(run_many("menuentry a { linux ", "/k", 255, "\n}"), 0);
	ck_assert_int_eq(run_many("menuentry a { linux ", "/k", 256, "\n}"), -ENAMETOOLONG);
}
END_TEST

/* Those over the limit can't be chosen, and do no harm. */
START_TEST(a_menu_of_many_entries)
{
	ck_assert_int_eq(run_many("", "menuentry a { linux /k\n}\n", 300, ""), 0);
	ck_assert_int_eq(run_many("set default=299\n", "menuentry a { linux /k\n}\n", 300, ""), 0);
}
END_TEST

START_TEST(a_console_is_added_where_none_is_named)
{
	ck_assert_int_eq(boots_text("menuentry a { linux /k netconsole=x quiet\n}"), 0);
	ck_assert_int_eq(boot_entry_ensure_console(&entry), 0);
	ck_assert_str_eq(entry.cmdline, "netconsole=x quiet console=ttyS0");
	ck_assert_int_eq(boot_entry_ensure_console(&entry), 0);
	ck_assert_str_eq(entry.cmdline, "netconsole=x quiet console=ttyS0");
	ck_assert_int_eq(boots_text("menuentry a { linux /k\n}"), 0);
	ck_assert_int_eq(boot_entry_ensure_console(&entry), 0);
	ck_assert_str_eq(entry.cmdline, "console=ttyS0");
}
END_TEST

static const struct {
	const char *words[9];
	bool holds;
} conditions[] = {
	{ { "[", "]" }, false },
	{ { "[" }, false },
	{ { "[", "", "]" }, false },
	{ { "[", "!", "", "]" }, true },
	{ { "[", "a", "=", "a", "]" }, true },
	{ { "[", "a", "==", "b", "]" }, false },
	{ { "[", "a", "!=", "b", "]" }, true },
	{ { "[", "-z", "", "]" }, true },
	{ { "[", "-n", "", "]" }, false },
	{ { "[", "-s", "/boot/grub/grubenv", "]" }, true },
	{ { "[", "-f", "/boot/grub/custom.cfg", "]" }, false },
	{ { "[", "a", "-a", "", "-o", "b", "]" }, true },
	{ { "[", "", "-o", "b", "-a", "", "]" }, false },
	{ { "[", "a", "-o", "]" }, true },
	{ { "[", "9", "-gt", "10", "]" }, false },
	{ { "[", "x", "-eq", "x", "]" }, false },
	{ { "test", "3", "-ge", "3" }, true },
	{ { "true" }, true },
	{ { "search", "--label", "x" }, true },
	{ { "loadfont", "x" }, false },
};

START_TEST(a_condition_holds_or_not)
{
	char *words[9];
	size_t count = 0;

	for (; count < ARRAY_SIZE(words) && conditions[_i].words[count]; count++)
		words[count] = (char *)(uintptr_t)conditions[_i].words[count];
	ck_assert_int_eq(grub_condition(words, count, true), conditions[_i].holds);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &debians_first_entry },
	{ "core", &what_is_chosen_for_once_is_not_the_default },
	{ "core", &ubuntu_boots_without_an_initrd_first },
	{ "core", &the_environment_changes_what_a_condition_finds },
	{ "core", &a_saved_default_leads_into_a_submenu },
	{ "core", &a_default_that_is_not_there_is_the_first_entry },
	{ "core", &an_entry_that_starts_no_kernel_is_refused_by_name },
	{ "core", &fedora_keeps_its_entries_elsewhere },
	{ "core", &alpines_boot_partition },
	{ "core", &arch_by_title_with_two_initrds_and_quotes },
	{ "core", &a_console_is_added_where_none_is_named },
	{ "core", &a_script_is_run_as_it_is_written, ARRAY_SIZE(scripts) },
	{ "core", &a_condition_holds_or_not, ARRAY_SIZE(conditions) },
	{ "limits", &what_boots_no_kernel_is_refused, ARRAY_SIZE(refused) },
	{ "limits", &sizes_have_limits },
	{ "limits", &a_menu_of_many_entries },
};

SUITE_MAIN("grub_menu", tests)
