/* SPDX-License-Identifier: Apache-2.0 */
/* check_domain_seed.c - guests of a domain have a random number in common, and nobody else has it
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/rundir.h"
#include "cli/domain_seed.h"
#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"

static struct fail why;
static char path[128];

static void before(void)
{
	scratch_make();
	snprintf(path, sizeof(path), "%s/run/seed", scratch_path);
	ck_assert_int_eq(rundir_create(&why), 0);
}

static uint64_t seed_of(const char *domain)
{
	struct domain_seed seed = { .domain = domain };
	uint64_t number;

	ck_assert_int_eq(domain_seed_get(&seed, &number, &why), 0);
	return number;
}

START_TEST(a_domain_has_one_number_and_each_its_own)
{
	uint64_t web = seed_of("web"), shop = seed_of("shop");

	ck_assert_uint_ne(web, shop);
	ck_assert_uint_ne(web, seed_of("web-1"));
	ck_assert_uint_eq(seed_of("web"), web);
	ck_assert_uint_eq(seed_of("shop"), shop);
	ck_assert_int_eq(unlink(path), 0); /* as after a reboot of the host */
	ck_assert_uint_ne(seed_of("web"), web);
}
END_TEST

START_TEST(a_guest_keeps_its_number)
{
	struct domain_seed seed = { .domain = "web" };
	uint64_t first, second;

	ck_assert_int_eq(domain_seed_get(&seed, &first, &why), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(domain_seed_get(&seed, &second, &why), 0);
	ck_assert_uint_eq(first, second);
}
END_TEST

START_TEST(nobody_else_can_read_it)
{
	struct stat status;

	umask(0);
	seed_of("web");
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

START_TEST(what_was_not_written_to_its_end_is_made_anew)
{
	uint64_t web = seed_of("web");

	ck_assert_int_eq(truncate(path, 10), 0);
	ck_assert_uint_ne(seed_of("web"), web);
	web = seed_of("web");
	ck_assert_uint_eq(seed_of("web"), web);
}
END_TEST

START_TEST(a_link_is_not_followed)
{
	struct domain_seed seed = { .domain = "web" };
	char target[128];
	uint64_t number;

	snprintf(target, sizeof(target), "%s/elsewhere", scratch_path);
	ck_assert_int_eq(symlink(target, path), 0);
	ck_assert_int_eq(domain_seed_get(&seed, &number, &why), -ELOOP);
	ck_assert_ptr_nonnull(strstr(why.text, "/run/seed"));
	ck_assert_int_lt(access(target, F_OK), 0);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_domain_has_one_number_and_each_its_own },
	{ "core", &a_guest_keeps_its_number },
	{ "core", &nobody_else_can_read_it },
	{ "faults", &what_was_not_written_to_its_end_is_made_anew },
	{ "faults", &a_link_is_not_followed },
};

SUITE_MAIN_AROUND("domain_seed", tests, before, scratch_remove)
