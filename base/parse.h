/* SPDX-License-Identifier: Apache-2.0 */
/* parse.h - numbers, sizes and names as people type them */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"

/* Longest name of a guest or domain: a socket's path has to hold it. */
#define NAME_MAX_LENGTH 63

/*
 * A whole decimal number in [low, high]. -EINVAL: not a number; -ERANGE: outside.
 */
CHECKED int parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret_number);

/*
 * A size in bytes: a whole number with an optional unit K, M, G or T (powers of
 * 1024; "B", "iB" may follow the unit, case does not matter). A bare number is
 * in MiB, as with the VMMs that people come from. -EINVAL, -ERANGE (over 64 bit).
 */
CHECKED int parse_size(const char *text, uint64_t *ret_bytes);

/*
 * Whether text can name a guest or a domain: 1 to 63 of [A-Za-z0-9._-], and the
 * first is a letter or a digit.
 */
bool name_is_valid(const char *text);

#endif
