/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - what a process tells its operator, on standard error */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

static const char *const part_names[] = {
	"base", "broker", "cli", "dedup", "devices", "disk", "net", "vmm", "wire",
};
#define ALL_PARTS ((1u << ARRAY_SIZE(part_names)) - 1)

/* Set once at start-up, before other threads exist. */
static enum log_level log_limit = LOG_LEVEL_WARN;
static const char *log_name;

static atomic_uint debug_parts; /* a bit for each part */

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

/* ALL_PARTS + 1: there is no such part. */
static unsigned int part_find(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(part_names); i++)
		if (strlen(part_names[i]) == length && memcmp(part_names[i], name, length) == 0)
			return 1u << i;
	return ALL_PARTS + 1;
}

int log_parts_parse(const char *text, unsigned int *ret_parts)
{
	unsigned int parts = 0;

	if (strcmp(text, "all") == 0)
		parts = ALL_PARTS;
	else if (strcmp(text, "none") != 0)
		for (const char *name = text, *end; name; name = *end ? end + 1 : NULL) {
			end = strchrnul(name, ',');
			parts |= part_find(name, (size_t)(end - name));
		}
	if (parts & ~ALL_PARTS)
		return -EINVAL;
	*ret_parts = parts;
	return 0;
}

void log_set_debug(unsigned int parts)
{
	atomic_store_explicit(&debug_parts, parts, memory_order_relaxed);
}

/* The folder is what stands before the last slash, and behind the one before it. */
bool log_debug_enabled(const char *file)
{
	unsigned int parts = atomic_load_explicit(&debug_parts, memory_order_relaxed);
	const char *end, *begin;

	if (parts == 0 || log_enabled(LOG_LEVEL_DEBUG))
		return log_enabled(LOG_LEVEL_DEBUG);
	end = strrchr(file, '/');
	if (!end)
		return false;
	begin = memrchr(file, '/', (size_t)(end - file));
	begin = begin ? begin + 1 : file;
	return part_find(begin, (size_t)(end - begin)) & parts;
}

void log_at(enum log_level level, const char *format, ...)
{
	char line[1024];
	size_t used;
	va_list args;

	if (level != LOG_LEVEL_DEBUG && !log_enabled(level))
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

bool log_brake_lets_pass(struct log_brake *brake, uint64_t now_ns)
{
	const uint64_t step_ns = 60 * NS_PER_SEC;

	if (brake->due_ns < now_ns)
		brake->due_ns = now_ns;
	if (brake->due_ns - now_ns > (LOG_BRAKE_LINES - 1) * step_ns)
		return false;
	brake->due_ns += step_ns;
	return true;
}
