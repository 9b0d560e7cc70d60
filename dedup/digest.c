/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - what a page's bytes hash to within one domain */
#include "dedup/digest.h"

#include <xxhash.h>

struct digest digest_page(const void *page, const struct digest_secret *secret)
{
	XXH128_hash_t hash =
		XXH3_128bits_withSecret(page, PAGE_BYTES, secret->bytes, sizeof(secret->bytes));

	return (struct digest){ .low = hash.low64, .high = hash.high64 };
}

/* Most pages that are not zero show it in their first words; 64 bytes a step after that. */
bool page_is_zero(const void *page)
{
	const uint64_t *words = page;

	for (unsigned int i = 0; i < PAGE_BYTES / sizeof(*words); i += 8) {
		uint64_t any = words[i] | words[i + 1] | words[i + 2] | words[i + 3] |
			       words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7];

		if (any != 0)
			return false;
	}
	return true;
}
