/* SPDX-License-Identifier: Apache-2.0 */
/* check_forward.c - which port leads where, and nothing open to the world by accident */
#include "net/forward.h"

#include "tests/unit/suite.h"

static const struct {
	const char *text, *address;
	uint16_t host, guest;
	bool is_udp;
} good[] = {
	{ "8080:80", "127.0.0.1", 8080, 80, false },
	{ "8080:80/tcp", "127.0.0.1", 8080, 80, false },
	{ "5353:53/udp", "127.0.0.1", 5353, 53, true },
	{ "1:65535", "127.0.0.1", 1, 65535, false },
	{ "0.0.0.0:8080:80", "0.0.0.0", 8080, 80, false },
	{ "192.0.2.7:22:22", "192.0.2.7", 22, 22, false },
	{ "[::1]:8080:80", "::1", 8080, 80, false },
	{ "[::]:8080:80/udp", "::", 8080, 80, true },
	{ "[2001:0db8::0:1]:1:2", "2001:db8::1", 1, 2, false },
};

START_TEST(a_forward_is_what_it_says)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct net_forward forward;
		struct fail why;

		ck_assert_msg(forward_parse(good[i].text, strlen(good[i].text), &forward, &why) ==
				      0,
			      "%s", why.text);
		ck_assert_str_eq(forward.address, good[i].address);
		ck_assert_uint_eq(forward.host, good[i].host);
		ck_assert_uint_eq(forward.guest, good[i].guest);
		ck_assert_int_eq(forward.is_udp, good[i].is_udp);
	}
}
END_TEST

START_TEST(only_its_own_bytes_count)
{
	struct net_forward forward;
	struct fail why;

	ck_assert_int_eq(forward_parse("8080:80,mac=x", 7, &forward, &why), 0);
	ck_assert_uint_eq(forward.guest, 80);
}
END_TEST

START_TEST(what_is_no_forward_is_refused)
{
	static const char *const texts[] = {
		"",
		"80",
		":",
		"80:",
		":80",
		"0:80",
		"80:0",
		"65536:80",
		"80:65536",
		"80:80:80",
		"-1:80",
		"8080:80/",
		"8080:80/sctp",
		"8080:80/udp/udp",
		"8080/udp:80",
		"localhost:8080:80",
		"127.0.0.300:8080:80",
		"127.0.0.1::80",
		"::1:8080:80",
		"[::1:8080:80",
		"[]:8080:80",
		"[127.0.0.1]:8080:80",
		"127.0.0.1%lo:8080:80",
		"127.0.0.1/8080:80",
		/* longer than any address */
		"[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1]:1:1",
		"11111111111111111111111111111111111111111111111111111111111111111111111111111:80",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct net_forward forward;
		struct fail why = { "" };

		ck_assert_msg(forward_parse(texts[i], strlen(texts[i]), &forward, &why) == -EINVAL,
			      "'%s' passed", texts[i]);
		ck_assert_str_ne(why.text, "");
	}
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_forward_is_what_it_says },
	{ "core", &only_its_own_bytes_count },
	{ "misuse", &what_is_no_forward_is_refused },
};
SUITE_MAIN("forward", tests)
