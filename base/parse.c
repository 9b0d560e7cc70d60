/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c - numbers, sizes and names as people type them */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* Digits only: strtoull alone would take signs, blanks and an empty string. */
static int parse_digits(const char *text, uint64_t *ret_number, const char **ret_rest)
{
	char *rest;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*ret_number = strtoull(text, &rest, 10);
	*ret_rest = rest;
	return -errno;
}

int parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret_number)
{
	uint64_t number;
	const char *rest;
	int rc = parse_digits(text, &number, &rest);

	if (rc < 0)
		return rc;
	if (*rest != '\0')
		return -EINVAL;
	if (number < low || number > high)
		return -ERANGE;
	*ret_number = number;
	return 0;
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	uint64_t number;
	unsigned int shift = 20;
	const char *rest, *unit;
	int rc = parse_digits(text, &number, &rest);

	if (rc < 0)
		return rc;
	if (*rest != '\0') {
		unit = strchr(units, toupper((unsigned char)*rest));
		if (!unit)
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
		rest++;
		if (*rest != '\0' && strcasecmp(rest, "b") != 0 && strcasecmp(rest, "ib") != 0)
			return -EINVAL;
	}
	if (number > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = number << shift;
	return 0;
}

bool name_is_valid(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > NAME_MAX_LENGTH || !isalnum((unsigned char)text[0]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return false;
	return true;
}
