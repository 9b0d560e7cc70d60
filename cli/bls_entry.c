/* SPDX-License-Identifier: Apache-2.0 */
/* bls_entry.c - entries of the Boot Loader Specification: one small file for each kernel */
#include "cli/bls_entry.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX	   ".conf"
#define VALUE_SIZE BOOT_CMDLINE_SIZE

static const char blanks[] = " \t\r\v\f";

/* ----------------------------------------------------------------- versions */

/* What may stand in a version; everything else separates like a blank. */
static bool is_version_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("~-^.", c));
}

static const char *skip_separators(const char *text)
{
	while (*text && !is_version_char(*text))
		text++;
	return text;
}

static size_t span(const char *text, int (*is_member)(int))
{
	size_t length = 0;

	while (is_member((unsigned char)text[length]))
		length++;
	return length;
}

static int sign(long number)
{
	return (number > 0) - (number < 0);
}

/* Runs of digits as numbers of any length, runs of letters as text; both move on. */
static int compare_runs(const char **a, const char **b)
{
	bool is_number = isdigit((unsigned char)**a) || isdigit((unsigned char)**b);
	size_t length_a, length_b;
	int order;

	if (is_number) {
		*a += strspn(*a, "0");
		*b += strspn(*b, "0");
	}
	length_a = span(*a, is_number ? isdigit : isalpha);
	length_b = span(*b, is_number ? isdigit : isalpha);
	order = memcmp(*a, *b, length_a < length_b ? length_a : length_b);
	if (order == 0 || (is_number && length_a != length_b))
		order = sign((long)length_a - (long)length_b);
	*a += length_a;
	*b += length_b;
	return sign(order);
}

/*
 * ~ is older than even the end, then come the end, -, ^ and . , each older than a text
 * that goes on in another way.
 */
static int compare_mark(const char **a, const char **b, char mark)
{
	bool in_a = **a == mark, in_b = **b == mark;

	if (in_a != in_b)
		return in_a ? -1 : 1;
	if (in_a) {
		++*a;
		++*b;
	}
	return 0;
}

int version_compare(const char *a, const char *b)
{
	static const char marks[] = "-^.";
	int order = 0;

	for (;;) {
		a = skip_separators(a);
		b = skip_separators(b);
		order = compare_mark(&a, &b, '~');
		if (order == 0 && (!*a || !*b))
			return (*a != '\0') - (*b != '\0');
		for (const char *mark = marks; order == 0 && *mark; mark++)
			order = compare_mark(&a, &b, *mark);
		if (order == 0)
			order = compare_runs(&a, &b);
		if (order != 0)
			return order;
	}
}

/* -------------------------------------------------------------------- lines */

/* With its end cut off where it does not fit: only for what is compared or shown. */
static void copy_text(char to[BLS_TEXT_SIZE], const char *text)
{
	size_t length = strnlen(text, BLS_TEXT_SIZE - 1);

	memcpy(to, text, length);
	to[length] = '\0';
}

struct lines {
	const char *at, *end;
};

/*
 * The next line that has a key and a value, both cut out; false at the end.
 * -E2BIG in *ret_rc: a value is longer than any can be.
 */
static bool next_pair(struct lines *lines, char key[32], char value[VALUE_SIZE], int *ret_rc)
{
	while (lines->at < lines->end) {
		const char *line = lines->at, *end;
		size_t key_length, length;

		end = memchr(line, '\n', (size_t)(lines->end - line));
		if (!end)
			end = lines->end;
		lines->at = end < lines->end ? end + 1 : end;
		while (line < end && strchr(blanks, *line))
			line++;
		while (line < end && strchr(blanks, end[-1]))
			end--;
		for (key_length = 0; line + key_length < end; key_length++)
			if (strchr(blanks, line[key_length]))
				break;
		if (line == end || *line == '#' || key_length >= 32)
			continue;
		snprintf(key, 32, "%.*s", (int)key_length, line);
		line += key_length;
		while (line < end && strchr(blanks, *line))
			line++;
		length = (size_t)(end - line);
		if (length >= VALUE_SIZE) {
			*ret_rc = -E2BIG;
			return false;
		}
		memcpy(value, line, length);
		value[length] = '\0';
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------ entries */

static int add_initrds(struct boot_entry *boot, char *paths)
{
	char *rest;
	int rc = 0;

	for (char *path = strtok_r(paths, blanks, &rest); rc == 0 && path;
	     path = strtok_r(NULL, blanks, &rest))
		rc = boot_entry_add_initrd(boot, path);
	return rc;
}

static bool is_our_architecture(const char *name)
{
	return strcasecmp(name, "x64") == 0 || strcasecmp(name, "x86-64") == 0;
}

static int take_pair(struct bls_entry *entry, const char *key, char *value)
{
	if (strcmp(key, "linux") == 0)
		return boot_entry_set_kernel(&entry->boot, value);
	if (strcmp(key, "initrd") == 0)
		return add_initrds(&entry->boot, value);
	if (strcmp(key, "options") == 0)
		return boot_entry_add_cmdline(&entry->boot, value);
	if (strcmp(key, "title") == 0)
		boot_entry_set_title(&entry->boot, value);
	else if (strcmp(key, "version") == 0)
		copy_text(entry->version, value);
	else if (strcmp(key, "sort-key") == 0)
		copy_text(entry->sort_key, value);
	else if (strcmp(key, "machine-id") == 0)
		copy_text(entry->machine_id, value);
	else if (strcmp(key, "architecture") == 0)
		entry->is_foreign = !is_our_architecture(value);
	return 0;
}

/* The name may end in +LEFT or +LEFT-DONE, before .conf: attempts to boot it. */
static int take_name(struct bls_entry *entry, const char *name)
{
	size_t length = strlen(name), suffix = strlen(SUFFIX);
	char *counter;

	if (length <= suffix || length >= sizeof(entry->id) ||
	    strcmp(name + length - suffix, SUFFIX) != 0)
		return -EINVAL;
	snprintf(entry->id, sizeof(entry->id), "%.*s", (int)(length - suffix), name);
	counter = strrchr(entry->id, '+');
	if (!counter || !isdigit((unsigned char)counter[1]) ||
	    counter[1 + strspn(counter + 1, "0123456789-")])
		return 0;
	entry->is_spent = counter[1 + strspn(counter + 1, "0")] == '\0' ||
			  counter[1 + strspn(counter + 1, "0")] == '-';
	*counter = '\0';
	return 0;
}

int bls_entry_parse(const char *name, const char *text, size_t length, bls_expand *expand,
		    void *context, struct bls_entry *ret_entry)
{
	struct lines lines = { text, text + length };
	char key[32], value[VALUE_SIZE], expanded[VALUE_SIZE];
	struct bls_entry entry = { 0 };
	int rc = take_name(&entry, name);

	boot_entry_init(&entry.boot);
	if (rc == 0 && memchr(text, '\0', length))
		rc = -EINVAL;
	while (rc == 0 && next_pair(&lines, key, value, &rc)) {
		char *taken = value;

		if (expand) {
			rc = expand(context, value, expanded, sizeof(expanded));
			taken = expanded;
		}
		if (rc == 0)
			rc = take_pair(&entry, key, taken);
	}
	if (rc < 0)
		return rc;
	if (!entry.boot.title[0])
		boot_entry_set_title(&entry.boot, entry.id);
	*ret_entry = entry;
	return 0;
}

int bls_entry_compare(const void *a, const void *b)
{
	const struct bls_entry *one = a, *two = b;
	int order = one->is_spent - two->is_spent;

	if (order == 0)
		order = (two->sort_key[0] != '\0') - (one->sort_key[0] != '\0');
	if (order == 0 && one->sort_key[0]) {
		order = strcmp(one->sort_key, two->sort_key);
		if (order == 0)
			order = strcmp(one->machine_id, two->machine_id);
		if (order == 0)
			order = -version_compare(one->version, two->version);
	}
	return order ? order : -version_compare(one->id, two->id);
}

bool bls_entry_is(const struct bls_entry *entry, const char *pattern)
{
	char name[sizeof(entry->id) + sizeof(SUFFIX)];

	snprintf(name, sizeof(name), "%s" SUFFIX, entry->id);
	return fnmatch(pattern, entry->id, FNM_CASEFOLD) == 0 ||
	       fnmatch(pattern, name, FNM_CASEFOLD) == 0;
}

void bls_loader_default(const char *text, size_t length, char ret_pattern[BLS_TEXT_SIZE])
{
	struct lines lines = { text, text + length };
	char key[32], value[VALUE_SIZE];
	int rc = 0;

	ret_pattern[0] = '\0';
	while (next_pair(&lines, key, value, &rc))
		if (strcmp(key, "default") == 0)
			copy_text(ret_pattern, value);
}
