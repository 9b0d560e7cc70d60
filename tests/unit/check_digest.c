/* SPDX-License-Identifier: Apache-2.0 */
/* check_digest.c - equal bytes have equal digests, and only within one domain */
#include "tests/unit/suite.h"

#include "base/auto.h"
#include "dedup/digest.h"

static struct digest_secret secret_of(uint8_t seed)
{
	struct digest_secret secret;

	for (size_t i = 0; i < sizeof(secret.bytes); i++)
		secret.bytes[i] = (uint8_t)(i * 31 + seed);
	return secret;
}

START_TEST(equal_pages_have_equal_digests)
{
	struct digest_secret secret = secret_of(1);
	uint8_t a[PAGE_BYTES], b[PAGE_BYTES + 1];

	memset(a, 7, sizeof(a));
	memcpy(b + 1, a, sizeof(a)); /* alignment makes no difference */
	ck_assert(digest_equal(digest_page(a, &secret), digest_page(b + 1, &secret)));
}
END_TEST

START_TEST(one_bit_anywhere_makes_another_digest)
{
	struct digest_secret secret = secret_of(1);
	uint8_t page[PAGE_BYTES] = { 0 };
	struct digest zero = digest_page(page, &secret);

	for (size_t i = 0; i < PAGE_BYTES; i++) {
		struct digest digest;

		page[i] = (uint8_t)(1u << (i % 8));
		digest = digest_page(page, &secret);
		ck_assert(digest.low != zero.low && digest.high != zero.high);
		page[i] = 0;
	}
}
END_TEST

START_TEST(another_domain_has_other_digests)
{
	struct digest_secret a = secret_of(1), b = secret_of(2);
	uint8_t page[PAGE_BYTES];

	memset(page, 7, sizeof(page));
	ck_assert(!digest_equal(digest_page(page, &a), digest_page(page, &b)));
}
END_TEST

START_TEST(both_halves_count_for_equality)
{
	struct digest a = { 1, 2 }, b = { 1, 3 }, c = { 4, 2 };

	ck_assert(digest_equal(a, a));
	ck_assert(!digest_equal(a, b));
	ck_assert(!digest_equal(a, c));
}
END_TEST

START_TEST(a_zero_page_has_no_byte_set)
{
	_Alignas(8) uint8_t page[PAGE_BYTES] = { 0 };

	ck_assert(page_is_zero(page));
	for (size_t i = 0; i < PAGE_BYTES; i++) {
		page[i] = 0x80;
		ck_assert(!page_is_zero(page));
		page[i] = 0;
	}
}
END_TEST

static const struct suite_test tests[] = {
	{ "core", &equal_pages_have_equal_digests },
	{ "core", &one_bit_anywhere_makes_another_digest },
	{ "core", &another_domain_has_other_digests },
	{ "core", &both_halves_count_for_equality },
	{ "core", &a_zero_page_has_no_byte_set },
};

SUITE_MAIN("digest", tests)
