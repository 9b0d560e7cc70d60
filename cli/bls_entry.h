/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bls_entry.h - entries of the Boot Loader Specification: one small file for each kernel
 *
 * The format and the order in a menu are those of the UAPI Group's Boot Loader
 * Specification, type 1, with the version comparison of its Version Format
 * Specification; https://uapi-group.org/specifications/. Pure: text in, entry out.
 */
#ifndef CLI_BLS_ENTRY_H
#define CLI_BLS_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/boot_entry.h"

#define BLS_TEXT_SIZE 256

struct bls_entry {
	struct boot_entry boot; /* its kernel is empty where the entry starts something else */
	char id[BLS_TEXT_SIZE]; /* the file's name without counters and .conf */
	char sort_key[BLS_TEXT_SIZE], machine_id[BLS_TEXT_SIZE], version[BLS_TEXT_SIZE];
	bool is_spent;	 /* its counter of boot attempts is at zero */
	bool is_foreign; /* it is for another architecture */
};

/*
 * Replaces variables in a field, as GRUB does with its own: to has size bytes.
 * 0, or -E2BIG.
 */
typedef int bls_expand(void *context, const char *text, char *to, size_t size);

/*
 * Reads the file NAME.conf. expand may be NULL: texts stay as they are. -EINVAL: not an
 * entry's name, or a malformed path; -E2BIG, -ENAMETOOLONG: more than an entry can have.
 */
CHECKED int bls_entry_parse(const char *name, const char *text, size_t length, bls_expand *expand,
			    void *context, struct bls_entry *ret_entry);

/* For qsort(): what belongs higher up in the menu comes first. */
int bls_entry_compare(const void *a, const void *b);

/* Whether pattern, a glob as in loader.conf, names the entry. */
bool bls_entry_is(const struct bls_entry *entry, const char *pattern);

/* The value of `default` in loader.conf; an empty text where there is none. */
void bls_loader_default(const char *text, size_t length, char ret_pattern[BLS_TEXT_SIZE]);

/* Below, at or above 0, as a is older than, the same as or newer than b. */
int version_compare(const char *a, const char *b);

#endif
