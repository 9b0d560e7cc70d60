/* SPDX-License-Identifier: Apache-2.0 */
/* definition_text.c - how a guest that runs was defined, and in what that differs from a file */
#include "cli/definition_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/run.h"

#define TEXT_MAX (1u << 20) /* more than all options with their longest values take */

int definition_text_write(const char *text, int fd, struct fail *why)
{
	size_t length = strlen(text);
	ssize_t n = pwrite(fd, text, length, 0);

	if (n < 0 || (size_t)n < length)
		return fail_errno(why, n < 0 ? errno : ENOSPC, "cannot write what was asked for");
	return 0;
}

static int text_read(int fd, char **ret_text)
{
	AUTO_FREE char *text = malloc(TEXT_MAX + 1);
	ssize_t n = text ? pread(fd, text, TEXT_MAX + 1, 0) : 0;

	if (!text || n < 0)
		return text ? -errno : -ENOMEM;
	if (n == 0 || (size_t)n > TEXT_MAX)
		return -EPROTO;
	text[n] = '\0';
	*ret_text = TAKE(text);
	return 0;
}

int definition_text_ask(struct client *client, char **ret_text, struct fail *why)
{
	AUTO_CLOSE int fd = memfd_create("samepage-definition", MFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return fail_errno(why, errno, "cannot make a file in memory");
	rc = client_request(client, CONTROL_DEFINITION, fd, CLIENT_TIMEOUT_MS, why);
	if (rc < 0)
		return rc;
	rc = text_read(fd, ret_text);
	return rc < 0 ? fail_errno(why, -rc, "cannot read how guest '%s' was defined", client->name)
		      : 0;
}

/* The line behind this one; at the end of the text: the end. */
static const char *line_next(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

static bool line_is_of(const char *line, const char *name)
{
	size_t length = strlen(name);

	return strncmp(line, name, length) == 0 && strncmp(line + length, " = ", 3) == 0;
}

/* Lines of one option stand together. */
static const char *lines_of(const char *text, const char *name, size_t *ret_length)
{
	const char *end;

	while (*text && !line_is_of(text, name))
		text = line_next(text);
	for (end = text; line_is_of(end, name);)
		end = line_next(end);
	*ret_length = (size_t)(end - text);
	return text;
}

void definition_text_compare(const char *one, const char *other, char *ret_names, size_t size)
{
	size_t used = 0;

	*ret_names = '\0';
	for (const struct option *option = guest_options; option->name; option++) {
		size_t length, other_length;
		const char *lines = lines_of(one, option->name, &length);
		const char *other_lines = lines_of(other, option->name, &other_length);

		if (length == other_length && memcmp(lines, other_lines, length) == 0)
			continue;
		used += (size_t)snprintf(ret_names + used, size - used, "%s%s", used ? ", " : "",
					 option->name);
		if (used >= size)
			return;
	}
}
