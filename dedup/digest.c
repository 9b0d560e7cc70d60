/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - what a page's bytes hash to within one domain */
#include "dedup/digest.h"

#include <xxhash.h>

struct digest digest_page(const void *page, const struct digest_secret *secret)
{
	RACES_WITH_GUEST;
	XXH128_hash_t hash =
		XXH3_128bits_withSecret(page, PAGE_BYTES, secret->bytes, sizeof(secret->bytes));

	return (struct digest){ .low = hash.low64, .high = hash.high64 };
}
