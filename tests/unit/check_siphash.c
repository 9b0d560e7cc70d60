/* SPDX-License-Identifier: Apache-2.0 */
/* check_siphash.c - the authors' vectors: key 00 01 .. 0f, text 00 01 .. of each length */
#include "base/siphash.h"

#include "tests/unit/suite.h"

START_TEST(it_agrees_with_its_authors)
{
	/* from the reference implementation's vectors.h: lengths 0 to 8, 15 and 63 */
	static const struct {
		size_t length;
		uint64_t number;
	} vectors[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },  { 1, UINT64_C(0x74f839c593dc67fd) },
		{ 2, UINT64_C(0x0d6c8009d9a94f5a) },  { 3, UINT64_C(0x85676696d7fb7e2d) },
		{ 4, UINT64_C(0xcf2794e0277187b7) },  { 5, UINT64_C(0x18765564cd99a68d) },
		{ 6, UINT64_C(0xcbc9466e58fee3ce) },  { 7, UINT64_C(0xab0200f58b01d137) },
		{ 8, UINT64_C(0x93f5f5799a932462) },  { 15, UINT64_C(0xa129ca6149be45e5) },
		{ 63, UINT64_C(0x958a324ceb064572) },
	};
	unsigned char key[SIPHASH_KEY_BYTES], text[64];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)i;
	memcpy(key, text, sizeof(key));
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		ck_assert_uint_eq(siphash(key, text, vectors[i].length), vectors[i].number);
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &it_agrees_with_its_authors },
};

SUITE_MAIN("siphash", tests)
