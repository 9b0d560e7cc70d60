/* SPDX-License-Identifier: Apache-2.0 */
/* siphash.c - a number that follows from a text and a key, and tells nothing of either */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

#define ROUNDS	      2
#define ROUNDS_AT_END 4

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void mix(struct state *s, int rounds)
{
	while (rounds-- > 0) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static void word_add(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s, ROUNDS);
	s->v0 ^= word;
}

static uint64_t word_at(const unsigned char *bytes, size_t length)
{
	uint64_t word = 0;

	memcpy(&word, bytes, length);
	return le64toh(word);
}

uint64_t siphash(const unsigned char key[SIPHASH_KEY_BYTES], const void *bytes, size_t length)
{
	uint64_t k0 = word_at(key, 8), k1 = word_at(key + 8, 8);
	struct state s = { .v0 = k0 ^ UINT64_C(0x736f6d6570736575),
			   .v1 = k1 ^ UINT64_C(0x646f72616e646f6d),
			   .v2 = k0 ^ UINT64_C(0x6c7967656e657261),
			   .v3 = k1 ^ UINT64_C(0x7465646279746573) };
	const unsigned char *at = bytes;
	size_t left = length;

	for (; left >= 8; left -= 8, at += 8)
		word_add(&s, word_at(at, 8));
	word_add(&s, word_at(at, left) | (uint64_t)length << 56);
	s.v2 ^= 0xff;
	mix(&s, ROUNDS_AT_END);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
