/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h - what a page's bytes hash to within one domain
 *
 * XXH3, 128 bits, keyed with a secret that the domain's broker drew: a guest of
 * another domain, or a program inside a guest, can't compute digests that collide.
 * A digest is a hint: equal digests are a reason to compare, never a proof.
 */
#ifndef DEDUP_DIGEST_H
#define DEDUP_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/race.h"

#define PAGE_BYTES	    4096u
#define DIGEST_SECRET_BYTES 192u /* XXH3 asks for at least 136 */

struct digest {
	uint64_t low;
	uint64_t high;
};

struct digest_secret {
	uint8_t bytes[DIGEST_SECRET_BYTES];
};

/* page: PAGE_BYTES bytes that may change while they are read. */
struct digest digest_page(const void *page, const struct digest_secret *secret);

/* Most pages that are not zero show it in their first words; 64 bytes a step after that. */
static inline bool page_is_zero(const void *page)
{
	RACES_WITH_GUEST;
	const uint64_t *words = page;

	for (unsigned int i = 0; i < PAGE_BYTES / sizeof(*words); i += 8) {
		uint64_t any = words[i] | words[i + 1] | words[i + 2] | words[i + 3] |
			       words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7];

		if (any != 0)
			return false;
	}
	return true;
}

static inline bool digest_equal(struct digest a, struct digest b)
{
	return a.low == b.low && a.high == b.high;
}

#endif
