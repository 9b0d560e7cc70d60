/* SPDX-License-Identifier: Apache-2.0 */
/* mac.c - a guest's Ethernet addresses */
#include "net/mac.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define GROUP_BIT 0x01 /* of the first byte: not one station's address */

void mac_of_guest(const char *name, unsigned int index, uint8_t ret_mac[MAC_BYTES])
{
	uint64_t draw = XXH3_64bits_withSeed(name, strlen(name), index);

	ret_mac[0] = MAC_PREFIX;
	for (unsigned int i = 1; i < MAC_BYTES; i++)
		ret_mac[i] = (uint8_t)(draw >> 8 * i);
}

/* One byte of two digits, and what must follow it. */
static bool byte_parse(const char *text, char end, uint8_t *ret_byte)
{
	unsigned int byte;

	if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
	    text[2] != end || sscanf(text, "%2x", &byte) != 1)
		return false;
	*ret_byte = (uint8_t)byte;
	return true;
}

int mac_parse(const char *text, uint8_t ret_mac[MAC_BYTES], struct fail *why)
{
	static const uint8_t nobody[MAC_BYTES];
	uint8_t mac[MAC_BYTES];

	for (unsigned int i = 0; i < MAC_BYTES; i++)
		if (!byte_parse(text + (size_t)i * 3, i + 1 < MAC_BYTES ? ':' : '\0', &mac[i]))
			return fail_set(
				why, EINVAL,
				"'%s' is not an Ethernet address: six bytes in hexadecimal, "
				"such as 5e:00:00:00:00:01",
				text);
	if (mac[0] & GROUP_BIT || memcmp(mac, nobody, sizeof(mac)) == 0)
		return fail_set(
			why, EINVAL,
			"'%s' can't be a guest's Ethernet address: the first byte of one is "
			"even, and not all are 0",
			text);
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

void mac_print(const uint8_t mac[MAC_BYTES], char ret_text[MAC_TEXT_SIZE])
{
	snprintf(ret_text, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
}
