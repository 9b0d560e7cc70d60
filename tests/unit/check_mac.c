/* SPDX-License-Identifier: Apache-2.0 */
/* check_mac.c - addresses that stay, differ, and are a single station's */
#include "net/mac.h"

#include <stdio.h>

#include "tests/unit/suite.h"

START_TEST(a_name_always_has_the_same_address)
{
	uint8_t mac[MAC_BYTES];
	char text[MAC_TEXT_SIZE];

	mac_of_guest("web", 0, mac);
	mac_print(mac, text);
	/* known to leases and configurations outside: must never change */
	ck_assert_str_eq(text, "5e:2d:fe:bc:d0:8a");
}
END_TEST

START_TEST(names_and_networks_differ)
{
	static uint8_t macs[2000][MAC_BYTES];
	char name[32];

	for (unsigned int i = 0; i < ARRAY_SIZE(macs); i++) {
		snprintf(name, sizeof(name), "guest-%u", i / 2);
		mac_of_guest(name, i % 2, macs[i]);
		/* one station's, and of local meaning */
		ck_assert_uint_eq(macs[i][0] & 3, 2);
		for (unsigned int j = 0; j < i; j++)
			ck_assert_mem_ne(macs[i], macs[j], MAC_BYTES);
	}
}
END_TEST

START_TEST(what_is_printed_is_parsed)
{
	uint8_t mac[MAC_BYTES], again[MAC_BYTES] = { 0 };
	char text[MAC_TEXT_SIZE];
	struct fail why;

	mac_of_guest("any", 3, mac);
	mac_print(mac, text);
	ck_assert_int_eq(mac_parse(text, again, &why), 0);
	ck_assert_mem_eq(mac, again, MAC_BYTES);
	ck_assert_int_eq(mac_parse("52:54:00:AB:cd:0F", again, &why), 0);
	ck_assert_mem_eq(again, "\x52\x54\x00\xab\xcd\x0f", MAC_BYTES);
}
END_TEST

START_TEST(what_is_no_address_of_a_guest_is_refused)
{
	static const char *const texts[] = {
		"",
		"5e",
		"5e:00:00:00:00",
		"5e:00:00:00:00:01:02",
		"5e:00:00:00:00:0",
		"5e:00:00:00:00:001",
		"5e-00-00-00-00-01",
		"5e:00:00:00:00: 1",
		"5e:00:00:00:00:0x",
		"5g:00:00:00:00:01",
		" 5e:00:00:00:00:01",
		"01:00:5e:00:00:01", /* a group's */
		"ff:ff:ff:ff:ff:ff",
		"00:00:00:00:00:00",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		uint8_t mac[MAC_BYTES] = { 1, 2, 3, 4, 5, 6 };
		struct fail why = { "" };

		ck_assert_msg(mac_parse(texts[i], mac, &why) == -EINVAL, "'%s' passed", texts[i]);
		ck_assert_ptr_nonnull(strstr(why.text, texts[i]));
		ck_assert_mem_eq(mac, "\1\2\3\4\5\6", MAC_BYTES);
	}
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &a_name_always_has_the_same_address },
	{ "core", &names_and_networks_differ },
	{ "core", &what_is_printed_is_parsed },
	{ "misuse", &what_is_no_address_of_a_guest_is_refused },
};
SUITE_MAIN("mac", tests)
