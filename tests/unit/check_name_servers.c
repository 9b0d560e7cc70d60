/* SPDX-License-Identifier: Apache-2.0 */
/* check_name_servers.c - only those that a guest can ask */
#include "net/name_servers.h"

#include "tests/unit/scratch.h"
#include "tests/unit/suite.h"

static char servers[NAME_SERVERS_MAX][INET6_ADDRSTRLEN];

static unsigned int read_text(const char *text)
{
	char path[sizeof(scratch_path) + 16];
	unsigned int count;
	FILE *file;

	scratch_make();
	snprintf(path, sizeof(path), "%s/resolv.conf", scratch_path);
	file = fopen(path, "we");
	fputs(text, file);
	fclose(file);
	memset(servers, 0, sizeof(servers));
	count = name_servers_read(path, servers);
	scratch_remove();
	return count;
}

START_TEST(servers_are_read_in_their_order)
{
	ck_assert_uint_eq(
		read_text("search example.org\nnameserver 192.0.2.1\n# nameserver 1.1.1.1\n"
			  "nameserver\t2001:db8::1 \noptions edns0\nnameserver 192.0.2.2"),
		3);
	ck_assert_str_eq(servers[0], "192.0.2.1");
	ck_assert_str_eq(servers[1], "2001:db8::1");
	ck_assert_str_eq(servers[2], "192.0.2.2");
}
END_TEST

START_TEST(what_a_guest_cannot_ask_is_left_out)
{
	ck_assert_uint_eq(read_text("nameserver 127.0.0.53\nnameserver 127.0.0.1\nnameserver ::1\n"
				    "nameserver 0.0.0.0\nnameserver ::\nnameserver fe80::1%eth0\n"
				    "nameserver localhost\nnameserver\n"),
			  0);
	ck_assert_uint_eq(read_text(""), 0);
	ck_assert_uint_eq(name_servers_read("/nonexistent", servers), 0);
}
END_TEST

START_TEST(there_is_an_end_to_them)
{
	ck_assert_uint_eq(read_text("nameserver 192.0.2.1\nnameserver 192.0.2.2\n"
				    "nameserver 192.0.2.3\nnameserver 192.0.2.4\n"),
			  NAME_SERVERS_MAX);
	ck_assert_str_eq(servers[2], "192.0.2.3");
	ck_assert_uint_eq(
		read_text("nameserver 1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111\n"
			  "nameserver 192.0.2.1\n"),
		1);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &servers_are_read_in_their_order },
	{ "core", &what_a_guest_cannot_ask_is_left_out },
	{ "limits", &there_is_an_end_to_them },
};
SUITE_MAIN("name_servers", tests)
