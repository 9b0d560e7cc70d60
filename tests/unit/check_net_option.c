/* SPDX-License-Identifier: Apache-2.0 */
/* check_net_option.c - --net: what it says is what the guest gets */
#include "cli/net_option.h"

#include "net/mac.h"

#include "tests/unit/suite.h"

static struct net_options options;
static struct fail why;

/* list: up to a NULL. */
static struct option_texts texts_of(const char *const *list)
{
	struct option_texts texts = { 0 };

	for (; list[texts.count]; texts.count++)
		texts.texts[texts.count] = list[texts.count];
	return texts;
}

static int parse(const char *guest, const char *const *list)
{
	struct option_texts texts = texts_of(list);

	why.text[0] = '\0';
	return net_options_parse(&texts, guest, 4, &options, &why);
}

#define PARSE(...) parse("web", (const char *const[]){ __VA_ARGS__, NULL })

START_TEST(a_tap_has_a_name_and_queues)
{
	ck_assert_int_eq(PARSE("tap=tap0"), 0);
	ck_assert_uint_eq(options.count, 1);
	ck_assert_int_eq(options.nets[0].config.kind, NET_TAP);
	ck_assert_str_eq(options.nets[0].config.tap, "tap0");
	ck_assert_uint_eq(options.nets[0].config.pairs, 4);
	ck_assert(options.nets[0].vhost);
	ck_assert_int_eq(PARSE("tap=t-%n-x,vhost=off"), 0);
	ck_assert_str_eq(options.nets[0].config.tap, "t-web-x");
	ck_assert(!options.nets[0].vhost);
}
END_TEST

START_TEST(a_users_network_has_forwards)
{
	ck_assert_int_eq(PARSE("user,forward=8080:80,forward=0.0.0.0:53:53/udp"), 0);
	ck_assert_int_eq(options.nets[0].config.kind, NET_USER);
	ck_assert_uint_eq(options.nets[0].config.forward_count, 2);
	ck_assert_uint_eq(options.nets[0].config.forwards[0].host, 8080);
	ck_assert_str_eq(options.nets[0].config.forwards[0].address, "127.0.0.1");
	ck_assert(options.nets[0].config.forwards[1].is_udp);
	ck_assert_int_eq(PARSE("user"), 0);
	ck_assert_uint_eq(options.nets[0].config.forward_count, 0);
}
END_TEST

START_TEST(addresses_follow_from_guest_and_place_unless_given)
{
	uint8_t first[6], second[6];

	ck_assert_int_eq(PARSE("user", "tap=tap0", "user,mac=52:54:00:12:34:56"), 0);
	ck_assert_uint_eq(options.count, 3);
	mac_of_guest("web", 0, first);
	mac_of_guest("web", 1, second);
	ck_assert_mem_eq(options.nets[0].mac, first, 6);
	ck_assert_mem_eq(options.nets[1].mac, second, 6);
	ck_assert_mem_eq(options.nets[2].mac, "\x52\x54\x00\x12\x34\x56", 6);
}
END_TEST

START_TEST(none_is_none)
{
	ck_assert_int_eq(PARSE("none"), 0);
	ck_assert_uint_eq(options.count, 0);
	ck_assert_int_eq(parse("web", (const char *const[]){ NULL }), 0);
	ck_assert_uint_eq(options.count, 0);
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
	static const char *const wrong[] = {
		"",
		"tap",
		"tap=",
		"tap=a-name-of-16-let",
		"tap=tap0,",
		"tap=tap0,mac=",
		"tap=tap0,mac=01:00:00:00:00:01",
		"tap=tap0,vhost=maybe",
		"tap=tap0,forward=80:80",
		"tap=tap0,tap=tap1",
		"tap0",
		"user=",
		"user,vhost=on",
		"user,forward=",
		"user,forward=80",
		"user,user",
		"users",
		"none,mac=52:54:00:12:34:56",
		"bridge=br0",
		",user",
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		ck_assert_msg(PARSE(wrong[i]) == -EINVAL, "'%s' passed", wrong[i]);
		ck_assert_str_ne(why.text, "");
		ck_assert_ptr_null(strchr(why.text, '\n'));
	}
	ck_assert_int_eq(PARSE("user", "none"), -EINVAL);
	ck_assert_int_eq(parse("a-guest-with-a-long-name", (const char *const[]){ "tap=%n", NULL }),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "a-guest-with-a-long-name"));
}
END_TEST

START_TEST(there_is_an_end_to_networks_and_forwards)
{
	char text[NET_MAX_FORWARDS * 32 + 64] = "user";

	ck_assert_int_eq(PARSE("user", "user", "user", "user", "user", "user", "user", "user"), 0);
	ck_assert_int_eq(
		PARSE("user", "user", "user", "user", "user", "user", "user", "user", "user"),
		-EINVAL);
	for (unsigned int i = 0; i < NET_MAX_FORWARDS; i++)
		strcat(text, ",forward=8080:80");
	ck_assert_int_eq(PARSE(text), 0);
	strcat(text, ",forward=8080:80");
	ck_assert_int_eq(PARSE(text), -EINVAL);
}
END_TEST

START_TEST(several_guests_cannot_share_everything)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{ "tap=tap0", "%n" },
		{ "tap=%n,mac=52:54:00:12:34:56", "address" },
		{ "user,forward=8080:80", "port" },
		{ "nonsense", "nonsense" },
		{ "tap=tap-%n", NULL },
		{ "user", NULL },
		{ "none", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct option_texts texts = { .texts = { rows[i].text }, .count = 1 };
		int rc = net_options_check_shared(&texts, &why);

		ck_assert_int_eq(rc, rows[i].said ? -EINVAL : 0);
		if (rows[i].said)
			ck_assert_ptr_nonnull(strstr(why.text, rows[i].said));
	}
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_tap_has_a_name_and_queues },
	{ "core", &a_users_network_has_forwards },
	{ "core", &addresses_follow_from_guest_and_place_unless_given },
	{ "core", &none_is_none },
	{ "limits", &there_is_an_end_to_networks_and_forwards },
	{ "misuse", &what_is_wrong_is_refused },
	{ "misuse", &several_guests_cannot_share_everything },
};
SUITE_MAIN("net_option", tests)
