/* SPDX-License-Identifier: Apache-2.0 */
/* check_listen_address.c - addresses as people type them, and sockets that listen there */
#include "tests/unit/suite.h"

#include <errno.h>
#include <unistd.h>

#include "cli/listen_address.h"

static struct listen_address address;
static struct fail why;

START_TEST(an_address_may_lack_its_port_or_its_host)
{
	static const struct {
		const char *text, *read;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1:9733" },
		{ "10.1.2.3:80", "10.1.2.3:80" },
		{ ":81", "127.0.0.1:81" },
		{ "::1", "[::1]:9733" },
		{ "[::1]", "[::1]:9733" },
		{ "[::1]:82", "[::1]:82" },
		{ "::", "[::]:9733" },
		{ "0.0.0.0:0", "0.0.0.0:0" },
		{ "[2001:db8::7]:65535", "[2001:db8::7]:65535" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_int_eq(listen_address_parse(rows[i].text, 9733, &address, &why), 0);
		ck_assert_str_eq(address.text, rows[i].read);
	}
}
END_TEST

START_TEST(nonsense_is_refused)
{
	static const char *const texts[] = {
		"localhost",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"1.2.3",
		"1.2.3.4:5:6",
		"[::1",
		"[::1]80",
		"[127.0.0.1",
		"::1]:80",
		"http://127.0.0.1",
		"127.0.0.1:8o",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_msg(listen_address_parse(texts[i], 9733, &address, &why) == -EINVAL,
			      "%s was taken", texts[i]);
	ck_assert_ptr_nonnull(strstr(why.text, "no address to listen at"));
}
END_TEST

START_TEST(port_0_becomes_one_that_is_free_and_is_taken_then)
{
	struct listen_address again;
	int fd, other;

	ck_assert_int_eq(listen_address_parse("127.0.0.1:0", 9733, &address, &why), 0);
	ck_assert_int_eq(listen_address_open(&address, &fd, &why), 0);
	ck_assert_str_ne(address.text, "127.0.0.1:0");
	ck_assert_int_eq(listen_address_parse(address.text, 9733, &again, &why), 0);
	ck_assert_int_eq(listen_address_open(&again, &other, &why), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(why.text, address.text));
	close(fd);
}
END_TEST

START_TEST(an_address_of_somebody_else_is_an_error)
{
	int fd;

	ck_assert_int_eq(listen_address_parse("192.0.2.1:0", 9733, &address, &why), 0);
	ck_assert_int_eq(listen_address_open(&address, &fd, &why), -EADDRNOTAVAIL);
	ck_assert_ptr_nonnull(strstr(why.text, "192.0.2.1:0"));
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &an_address_may_lack_its_port_or_its_host },
	{ "core", &port_0_becomes_one_that_is_free_and_is_taken_then },
	{ "misuse", &nonsense_is_refused },
	{ "faults", &an_address_of_somebody_else_is_an_error },
};

SUITE_MAIN("listen_address", tests)
