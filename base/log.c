/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - what a process tells its operator, on standard error */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

/* Set once at start-up, before other threads exist. */
static enum log_level log_limit = LOG_LEVEL_WARN;
static const char *log_name;

void log_set_level(enum log_level level)
{
	log_limit = level;
}

enum log_level log_get_level(void)
{
	return log_limit;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

bool log_enabled(enum log_level level)
{
	return level <= log_limit;
}

void log_set_name(const char *name)
{
	log_name = name;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_at(enum log_level level, const char *format, ...)
{
	char line[1024];
	size_t used;
	va_list args;

	if (!log_enabled(level))
		return;
	snprintf(line, sizeof(line), "samepage%s%s: %s", log_name ? " " : "",
		 log_name ? log_name : "", level == LOG_LEVEL_WARN ? "warning: " : "");
	used = strlen(line);
	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	used = strlen(line);
	line[used++] = '\n';
	/* nothing can be done for a line that standard error does not take */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}
