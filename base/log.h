/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - what a process tells its operator, on standard error
 *
 * Lower layers (base, dedup, wire) never log above debug. One line is one
 * event. Any thread may log: a line is one write.
 *
 * Where standard error is the journal's (JOURNAL_STREAM names it), a line begins with
 * its priority, "<4>", as sd-daemon(3) has it; where it is a file of log_file.h, with
 * the time.
 *
 * What is said again and again, because a guest causes it as often as it likes, is
 * said LOG_BRAKE_LINES times and then once a minute: the first line that may follow says
 * how many were left out, and the last of these. Debug lines were asked for: they are
 * all there.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/auto.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are dropped; warn at the start. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
const char *log_level_name(enum log_level level);
bool log_enabled(enum log_level level);

/* Put before each line after "samepage: "; NULL for none. Not copied. */
void log_set_name(const char *name);

/* "error", "warn", "info", "debug"; -EINVAL for anything else. */
CHECKED int log_level_parse(const char *text, enum log_level *ret_level);

/*
 * Debug lines of some parts of the program, whatever the level: a part is a folder of the
 * source. "dedup,disk", "all" or "none"; -EINVAL for anything else.
 */
CHECKED int log_parts_parse(const char *text, unsigned int *ret_parts);
void log_set_debug(unsigned int parts); /* any thread, any time */

/* file: a source file, as __FILE__ has it. */
bool log_debug_enabled(const char *file);

/*
 * Whether a file is what $JOURNAL_STREAM (stream; NULL is fine) names: systemd gives the
 * device and inode number, since whoever has redirected standard error meanwhile inherits
 * the variable all the same. See systemd.exec(5).
 */
bool log_is_journal_stream(const char *stream, const struct stat *file);
bool log_is_to_journal(void); /* this process's standard error */

/* Lets LOG_BRAKE_LINES pass, and from then on one a minute. Zeroed at first. */
#define LOG_BRAKE_LINES 8
struct log_brake {
	uint64_t due_ns; /* when all that has passed would have, one a minute */
};
bool log_brake_lets_pass(struct log_brake *brake, uint64_t now_ns);

/* A place in the source from which lines come; zeroed, and never freed. */
struct log_site {
	struct log_brake brake;
	struct log_site *next; /* among those that have dropped something */
	bool is_listed;
	enum log_level level;
	uint64_t dropped; /* since the last line that was written */
	char last[160];	  /* of these */
};

/*
 * site NULL: there is no limit. A line of LOG_LEVEL_DEBUG is written in any case:
 * log_debug() has asked.
 */
void log_at(struct log_site *site, enum log_level level, const char *format, ...) PRINTF(3, 4);

/* Says what has been dropped and not been said yet; done at exit(), too. */
void log_finish(void);

#define log_limited(level, ...)                                                                    \
	do {                                                                                       \
		static struct log_site site_;                                                      \
		log_at(&site_, level, __VA_ARGS__);                                                \
	} while (0)

#define log_error(...) log_limited(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_limited(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_limited(LOG_LEVEL_INFO, __VA_ARGS__)
/* Why a command failed: an answer to somebody, and so never dropped. */
#define log_answer(...) log_at(NULL, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_debug_enabled(__FILE__))                                                   \
			log_at(NULL, LOG_LEVEL_DEBUG, __VA_ARGS__);                                \
	} while (0)

#endif
