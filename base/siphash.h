/* SPDX-License-Identifier: Apache-2.0 */
/*
 * siphash.h - a number that follows from a text and a key, and tells nothing of either
 *
 * SipHash-2-4: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_BYTES 16

uint64_t siphash(const unsigned char key[SIPHASH_KEY_BYTES], const void *bytes, size_t length);

#endif
