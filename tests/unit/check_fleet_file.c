/* SPDX-License-Identifier: Apache-2.0 */
/* check_fleet_file.c - a file that defines guests */
#include "tests/unit/suite.h"

#include <errno.h>
#include <sys/stat.h>

#include "cli/definition_text.h"
#include "cli/fleet_file.h"
#include "cli/guest_plan.h"
#include "cli/run.h"
#include "tests/unit/scratch.h"

static const struct fleet_override nothing = { .detach = true };
static struct fleet_file *file;
static struct fail why;

static int parse(const char *text)
{
	fleet_file_free(file);
	file = NULL;
	why.text[0] = '\0';
	return fleet_file_parse("shop.conf", "/srv/shop.conf", text, strlen(text), &nothing, &file,
				&why);
}

static const struct definition *definition(const char *guest)
{
	const struct fleet_member *member = fleet_file_find(file, guest);

	ck_assert_ptr_nonnull(member);
	return member->definition;
}

START_TEST(a_guest_goes_before_the_defaults)
{
	ck_assert_int_eq(parse("[defaults]\nkernel = /k\nmem = 1G\npaused = on\n"
			       "[guest]\nname = a\n[guest]\nname = b\nmem = 2G\npaused = off\n"),
			 0);
	ck_assert_uint_eq(file->member_count, 2);
	ck_assert_uint_eq(definition("a")->mem, UINT64_C(1) << 30);
	ck_assert_uint_eq(definition("b")->mem, UINT64_C(2) << 30);
	ck_assert(definition("a")->paused && !definition("b")->paused);
	ck_assert_str_eq(definition("b")->kernel, "/k");
	ck_assert_uint_eq(definition("b")->cpus, 1);
	ck_assert(definition("b")->dedup);
}
END_TEST

START_TEST(the_command_line_goes_before_the_file)
{
	static const char text[] = "[guest]\nname = a\nkernel = k\nmem = 1G\ncpus = 2\n";
	struct definition said = { .cpus = 3, .mem = 7 };
	struct fleet_override override = { .definition = &said };
	struct definition read = { 0 };

	ck_assert_int_eq(option_assign(guest_options, "cpus", "3", &read, &override.given, &why),
			 0);
	ck_assert_int_eq(fleet_file_parse("f", "/f", text, strlen(text), &override, &file, &why),
			 0);
	ck_assert_uint_eq(definition("a")->cpus, 3);
	ck_assert_uint_eq(definition("a")->mem, UINT64_C(1) << 30);
}
END_TEST

START_TEST(lists_are_replaced_as_a_whole)
{
	ck_assert_int_eq(parse("[defaults]\nkernel = k\ndisk = one,ro\ndisk = two,ro\n"
			       "[guest]\nname = a\n[guest]\nname = b\ndisk = three,ro\n"),
			 0);
	ck_assert_uint_eq(definition("a")->disks.count, 2);
	ck_assert_str_eq(definition("a")->disks.texts[1], "/srv/two,ro");
	ck_assert_uint_eq(definition("b")->disks.count, 1);
	ck_assert_str_eq(definition("b")->disks.texts[0], "/srv/three,ro");
}
END_TEST

START_TEST(paths_begin_at_the_file)
{
	const struct definition *a;

	ck_assert_int_eq(parse("[guest]\nname = a\nkernel = k\ninitrd = /i\nconsole = %n.log\n"
			       "disk = d,,1,overlay=o,serial=x\ndisk = nbd://host/e\n"
			       "disk = /e,overlay=/o\n"),
			 0);
	a = definition("a");
	ck_assert_str_eq(a->kernel, "/srv/k");
	ck_assert_str_eq(a->initrd, "/i");
	ck_assert_str_eq(a->console, "/srv/%n.log");
	ck_assert_str_eq(a->disks.texts[0], "/srv/d,,1,overlay=/srv/o,serial=x");
	ck_assert_str_eq(a->disks.texts[1], "nbd://host/e");
	ck_assert_str_eq(a->disks.texts[2], "/e,overlay=/o");
	ck_assert_int_eq(parse("[guest]\nname = a\nimage = i,overlay\nconsole = none\n"), 0);
	ck_assert_str_eq(definition("a")->image, "/srv/i,overlay");
	ck_assert_str_eq(definition("a")->console, "none");
}
END_TEST

START_TEST(a_definition_stands_for_as_many_as_it_counts)
{
	const char *const wanted[] = { "db", "web-2" };

	ck_assert_int_eq(parse("[defaults]\nkernel = k\n[guest]\nname = web\ncount = 3\n"
			       "[guest]\nname = db\n"),
			 0);
	ck_assert_uint_eq(file->member_count, 4);
	ck_assert_str_eq(file->members[2].name, "web-3");
	ck_assert_uint_eq(file->members[2].index, 2);
	ck_assert_int_eq(fleet_file_narrow(file, wanted, 2, &why), 0);
	ck_assert_uint_eq(file->member_count, 2);
	ck_assert_str_eq(file->members[0].name, "web-2");
	ck_assert_int_eq(fleet_file_narrow(file, (const char *const[]){ "web-1" }, 1, &why),
			 -ENOENT);
}
END_TEST

START_TEST(each_file_is_a_domain_of_its_own)
{
	static const char text[] = "[guest]\nname = a\nkernel = k\n";
	struct fleet_file *other;

	ck_assert_int_eq(parse(text), 0);
	ck_assert_int_eq(fleet_file_parse("shop.conf", "/srv/shop.conf", text, strlen(text),
					  &nothing, &other, &why),
			 0);
	ck_assert_str_eq(file->domain, other->domain);
	ck_assert_int_eq(strncmp(file->domain, "@shop-conf.", 11), 0);
	fleet_file_free(other);
	ck_assert_int_eq(fleet_file_parse("shop.conf", "/srw/shop.conf", text, strlen(text),
					  &nothing, &other, &why),
			 0);
	ck_assert_str_ne(file->domain, other->domain);
	fleet_file_free(other);
}
END_TEST

/* What the same guest says when it runs differs where its line in the file does, and only there. */
START_TEST(a_changed_definition_is_seen)
{
	struct guest_plan *plan, *changed;
	char names[64];

	ck_assert_int_eq(parse("[guest]\nname = a\nkernel = k\ndisk = d,ro\ncount = 2\n"), 0);
	ck_assert_int_eq(
		guest_plan_create(&file->definitions[0], 1, file->domain, true, &plan, &why), 0);
	ck_assert_ptr_nonnull(strstr(guest_plan_config(plan)->definition, "name = a-2\n"));
	ck_assert_ptr_nonnull(strstr(guest_plan_config(plan)->definition, "disk = /srv/d,ro\n"));
	ck_assert_int_eq(parse("[guest]\nkernel = k\nname = a\ndisk = d,ro\ndisk = e,ro\n"
			       "mem = 1G\ncount = 3\n"),
			 0);
	ck_assert_int_eq(
		guest_plan_create(&file->definitions[0], 1, file->domain, true, &changed, &why), 0);
	definition_text_compare(guest_plan_config(plan)->definition,
				guest_plan_config(changed)->definition, names, sizeof(names));
	ck_assert_str_eq(names, "disk, mem");
	definition_text_compare(guest_plan_config(plan)->definition,
				guest_plan_config(plan)->definition, names, sizeof(names));
	ck_assert_str_eq(names, "");
	guest_plan_free(plan);
	guest_plan_free(changed);
}
END_TEST

static const struct {
	const char *text, *said;
} refused[] = {
	{ "", "begin one with a line [guest]" },
	{ "[defaults]\nmem = 1G\n", "begin one with a line [guest]" },
	{ "kernel = k\n", "shop.conf:1: 'kernel' stands before the first section" },
	{ "[guest]\nkernel = k\n", "shop.conf:1: this guest has no name" },
	{ "[guest]\nname = a\n", "shop.conf:1: --kernel is missing" },
	{ "[gast]\n", "shop.conf:1: there is no section [gast]" },
	{ "[guest]\nname = a\nmemory = 1G\n", "shop.conf:3: there is no setting 'memory'" },
	{ "[guest]\nname = a\nkernel=k=\n", "" },
	{ "[guest]\nname = a\nname = b\n", "shop.conf:3: 'name' is given twice" },
	{ "[guest]\nname = ../a\n", "shop.conf:2: --name '../a' is not a name" },
	{ "[guest]\nname = a\npaused = yes\n",
	  "shop.conf:3: --paused 'yes' is neither on nor off" },
	{ "[guest]\nname = a\nkernel =\n", "shop.conf:3: 'kernel' needs a value" },
	{ "[guest]\nname = a\ndetach = on\n", "shop.conf:3: 'detach' is the command's own" },
	{ "[guest]\nname = a\nconfig = x\n", "shop.conf:3: there is no setting 'config'" },
	{ "[defaults]\nname = a\n", "shop.conf:2: a name is one guest's own" },
	{ "[defaults]\n[defaults]\n", "shop.conf:2: [defaults] is there already, in line 1" },
	{ "[guest]\nname = a\nkernel = k\n[defaults]\n", "shop.conf:4: [defaults] has to stand" },
	{ "[guest]\nname = a\nkernel = k\ncount = 2\n[guest]\nname = a-2\nkernel = k\n",
	  "shop.conf:5: there is a guest 'a-2' already, from line 1" },
	{ "[guest]\nname = a\nkernel = k\ncount = 2\ndisk = d\n", "shop.conf:1: several guests" },
	{ "[guest]\nname = a\nkernel = k\ncount = 999\n[guest]\nname = b\nkernel = k\ncount = 2\n",
	  "shop.conf:5: with this one the file has more than 1000 guests" },
	{ "[guest]\nname = a\nkernel = k\nconsole = stdio\n", "--console stdio and --detach" },
};

START_TEST(what_is_wrong_is_named_with_its_line)
{
	int rc = parse(refused[_i].text);

	ck_assert_int_eq(rc < 0, *refused[_i].said != '\0');
	ck_assert_msg(strstr(why.text, refused[_i].said), "'%s' does not say '%s'", why.text,
		      refused[_i].said);
}
END_TEST

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s", scratch_path, name);
	to = fopen(path, "w");
	ck_assert_ptr_nonnull(to);
	fputs(text, to);
	fclose(to);
}

START_TEST(a_guest_is_found_in_a_directory)
{
	scratch_make();
	write_file("one.conf", "[guest]\nname = a\nkernel = k\n");
	write_file("two.conf", "[guest]\nname = b\nkernel = k\n[guest]\nname = c\nkernel = k\n");
	write_file("three.conf.old", "[guest]\nname = d\nkernel = k\n");
	write_file("wrong.conf", "[guest\n");
	ck_assert_int_eq(fleet_file_open(scratch_path, "c", &nothing, &file, &why), 0);
	ck_assert_uint_eq(file->member_count, 1);
	ck_assert_str_eq(file->members[0].name, "c");
	fleet_file_free(file);
	file = NULL;
	ck_assert_int_eq(fleet_file_open(scratch_path, "d", &nothing, &file, &why), -ENOENT);
	ck_assert_int_eq(fleet_file_open(scratch_path, NULL, &nothing, &file, &why), -EISDIR);
	write_file("four.conf", "[guest]\nname = a\nkernel = k\n");
	ck_assert_int_eq(fleet_file_open(scratch_path, "a", &nothing, &file, &why), -EEXIST);
	scratch_remove();
}
END_TEST

START_TEST(what_is_no_file_of_definitions_is_not_read)
{
	char path[128];
	FILE *to;

	scratch_make();
	snprintf(path, sizeof(path), "%s/fifo", scratch_path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(fleet_file_open(path, NULL, &nothing, &file, &why), -EINVAL);
	snprintf(path, sizeof(path), "%s/large", scratch_path);
	ck_assert_int_eq(fleet_file_open(path, NULL, &nothing, &file, &why), -ENOENT);
	to = fopen(path, "w");
	for (unsigned int i = 0; i < FLEET_FILE_MAX_BYTES / 16 + 1; i++)
		fputs("# comment 12345\n", to);
	fclose(to);
	ck_assert_int_eq(fleet_file_open(path, NULL, &nothing, &file, &why), -EFBIG);
	scratch_remove();
}
END_TEST

static void free_file(void)
{
	fleet_file_free(file);
}

static const struct suite_test tests[] = {
	{ "core", &a_guest_goes_before_the_defaults },
	{ "core", &the_command_line_goes_before_the_file },
	{ "core", &lists_are_replaced_as_a_whole },
	{ "core", &paths_begin_at_the_file },
	{ "core", &a_definition_stands_for_as_many_as_it_counts },
	{ "core", &each_file_is_a_domain_of_its_own },
	{ "core", &a_changed_definition_is_seen },
	{ "core", &a_guest_is_found_in_a_directory },
	{ "misuse", &what_is_wrong_is_named_with_its_line, ARRAY_SIZE(refused) },
	{ "misuse", &what_is_no_file_of_definitions_is_not_read },
};

SUITE_MAIN_AROUND("fleet_file", tests, NULL, free_file)
