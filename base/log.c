/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - what a process tells its operator, on standard error */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log_file.h"

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

/* ------------------------------------------------------------------ lines */

bool log_is_journal_stream(const char *stream, const struct stat *file)
{
	unsigned long long device, inode;
	char end;

	return stream && sscanf(stream, "%llu:%llu%c", &device, &inode, &end) == 2 &&
	       file->st_dev == device && file->st_ino == inode;
}

bool log_is_to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat file;

	return stream && fstat(STDERR_FILENO, &file) == 0 && log_is_journal_stream(stream, &file);
}

/* What stands before the text; its length. */
static size_t line_begin(char *line, size_t size, enum log_level level)
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = 3,
		[LOG_LEVEL_WARN] = 4,
		[LOG_LEVEL_INFO] = 6,
		[LOG_LEVEL_DEBUG] = 7,
	};
	char stamp[32] = "";
	time_t now = time(NULL);
	struct tm utc;

	if (log_is_to_journal()) /* which knows the program, and what level that is */
		snprintf(line, size, "<%d>%s%s", priorities[level], log_name ? log_name : "",
			 log_name ? ": " : "");
	else {
		if (log_file_is_open() && gmtime_r(&now, &utc))
			strftime(stamp, sizeof(stamp), "%FT%TZ ", &utc);
		snprintf(line, size, "%ssamepage%s%s: %s", stamp, log_name ? " " : "",
			 log_name ? log_name : "", level == LOG_LEVEL_WARN ? "warning: " : "");
	}
	return strlen(line);
}

/* Under the lock. */
static void line_write(enum log_level level, const char *text)
{
	char line[1024];
	size_t begin = line_begin(line, sizeof(line), level), end;

	snprintf(line + begin, sizeof(line) - begin - 1, "%s", text);
	end = strlen(line);
	/* a name, or a guest, that has a line break in it does not write lines of its own */
	for (size_t i = begin; i < end; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[end++] = '\n';
	/* nothing can be done for a line that standard error does not take */
	if (write(STDERR_FILENO, line, end) > 0)
		log_file_wrote(end);
}

/* ------------------------------------------------------------------- limits */

/* Guards sites, all that is in them, and the file. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_site *log_sites; /* that have ever dropped a line */

static void site_sum_up(struct log_site *site)
{
	char text[256];

	snprintf(text, sizeof(text), "%" PRIu64 " more lines like this were dropped: %s",
		 site->dropped, site->last);
	site->dropped = 0;
	line_write(site->level, text);
}

/* Where a line may be written again, or wherever something was dropped. */
static void sites_sum_up(uint64_t now, bool all)
{
	for (struct log_site *site = log_sites; site; site = site->next)
		if (site->dropped > 0 && (all || log_brake_lets_pass(&site->brake, now)))
			site_sum_up(site);
}

static void site_drop(struct log_site *site, enum log_level level, const char *text)
{
	static bool is_registered;

	if (!site->is_listed) {
		site->next = log_sites;
		log_sites = site;
		site->is_listed = true;
	}
	if (!is_registered)
		is_registered = atexit(log_finish) == 0;
	site->level = level;
	site->dropped++;
	snprintf(site->last, sizeof(site->last), "%.*s", (int)sizeof(site->last) - 1, text);
}

void log_finish(void)
{
	pthread_mutex_lock(&log_lock);
	sites_sum_up(0, true);
	pthread_mutex_unlock(&log_lock);
}

void log_at(struct log_site *site, enum log_level level, const char *format, ...)
{
	uint64_t now = now_ns();
	char text[1024];
	va_list args;

	if (level != LOG_LEVEL_DEBUG && !log_enabled(level))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&log_lock);
	sites_sum_up(now, false);
	if (site && level != LOG_LEVEL_DEBUG && !log_brake_lets_pass(&site->brake, now))
		site_drop(site, level, text);
	else
		line_write(level, text);
	pthread_mutex_unlock(&log_lock);
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
