/* SPDX-License-Identifier: Apache-2.0 */
/* prefix.c - several streams of text on one descriptor, told apart line by line */
#include "cli/prefix.h"

#include <errno.h>
#include <string.h>

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

/* One line is one write, so that lines of several processes don't mix. */
static int line_write(struct prefix *prefix, int to_fd)
{
	char whole[sizeof(prefix->line) + 128];
	size_t name_length = strnlen(prefix->name, 100), used = 0;

	memcpy(whole, prefix->name, name_length);
	used = name_length;
	whole[used++] = ':';
	whole[used++] = ' ';
	memcpy(whole + used, prefix->line, prefix->length);
	used += prefix->length;
	whole[used++] = '\n';
	prefix->length = 0;
	return write_all(to_fd, whole, used);
}

int prefix_write(struct prefix *prefix, const char *bytes, size_t length, int to_fd)
{
	int rc = 0;

	for (size_t i = 0; i < length && rc == 0; i++) {
		if (bytes[i] == '\n' || prefix->length == sizeof(prefix->line))
			rc = line_write(prefix, to_fd);
		if (rc == 0 && bytes[i] != '\n' && bytes[i] != '\r')
			prefix->line[prefix->length++] = bytes[i];
	}
	return rc;
}

int prefix_finish(struct prefix *prefix, int to_fd)
{
	return prefix->length > 0 ? line_write(prefix, to_fd) : 0;
}
