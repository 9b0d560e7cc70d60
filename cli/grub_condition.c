/* SPDX-License-Identifier: Apache-2.0 */
/* grub_condition.c - what stands behind `if' in GRUB's script language */
#include "cli/grub_condition.h"

#include <stdint.h>
#include <string.h>

#include "base/parse.h"

static bool is(const char *word, const char *other)
{
	return strcmp(word, other) == 0;
}

static bool compare_numbers(const char *left, const char *operator, const char * right)
{
	uint64_t a, b;

	if (parse_number(left, 0, UINT64_MAX, &a) < 0 || parse_number(right, 0, UINT64_MAX, &b) < 0)
		return false;
	return (is(operator, "-eq") && a == b) || (is(operator, "-ne") && a != b) ||
	       (is(operator, "-lt") && a < b) || (is(operator, "-le") && a <= b) ||
	       (is(operator, "-gt") && a > b) || (is(operator, "-ge") && a >= b);
}

static bool is_environment_block(const char *path)
{
	static const char name[] = "/grubenv";
	size_t length = strlen(path), suffix = strlen(name);

	return length >= suffix && is(path + length - suffix, name);
}

static bool test_unary(const char *operator, const char * word, bool has_environment)
{
	if (is(operator, "-n"))
		return *word;
	if (is(operator, "-z"))
		return !*word;
	return (is(operator, "-s") || is(operator, "-f") || is(operator, "-e")) &&
	       has_environment && is_environment_block(word);
}

/* No more than negations, and an operator with what belongs to it. */
static bool test_simple(char *const *words, size_t count, bool has_environment)
{
	bool holds = false, is_negated = false;

	for (; count > 1 && is(*words, "!"); words++, count--)
		is_negated = !is_negated;
	if (count == 1)
		holds = *words[0];
	else if (count == 2)
		holds = test_unary(words[0], words[1], has_environment);
	else if (count == 3 && (is(words[1], "=") || is(words[1], "==")))
		holds = is(words[0], words[2]);
	else if (count == 3 && is(words[1], "!="))
		holds = !is(words[0], words[2]);
	else if (count == 3)
		holds = compare_numbers(words[0], words[1], words[2]);
	return holds != is_negated;
}

/* Alternatives of conjunctions: -a binds more tightly than -o. */
static bool test_words(char *const *words, size_t count, bool has_environment)
{
	bool all = true;
	size_t start = 0;

	for (size_t i = 0; i < count; i++) {
		bool is_or = is(words[i], "-o");

		if (!is_or && !is(words[i], "-a"))
			continue;
		all = all && test_simple(words + start, i - start, has_environment);
		start = i + 1;
		if (is_or && all)
			return true;
		all = all || is_or;
	}
	return all && test_simple(words + start, count - start, has_environment);
}

bool grub_condition(char *const *words, size_t count, bool has_environment)
{
	if (count > 1 && is(words[0], "[") && is(words[count - 1], "]"))
		return test_words(words + 1, count - 2, has_environment);
	if (count > 0 && is(words[0], "test"))
		return test_words(words + 1, count - 1, has_environment);
	return count > 0 && (is(words[0], "true") || is(words[0], "search"));
}
