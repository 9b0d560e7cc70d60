/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - what a process tells its operator, on standard error
 *
 * Lower layers (base, dedup, wire) never log above debug. One line is one
 * event. Any thread may log: a line is one write.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

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

/* A line of LOG_LEVEL_DEBUG is written in any case: log_debug() has asked. */
void log_at(enum log_level level, const char *format, ...) PRINTF(2, 3);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_debug_enabled(__FILE__))                                                   \
			log_at(LOG_LEVEL_DEBUG, __VA_ARGS__);                                      \
	} while (0)

/*
 * For lines that a guest causes as often as it likes, by rebooting if nothing else: lets
 * LOG_BRAKE_LINES pass, and from then on one a minute. Zeroed at first; for one thread.
 */
#define LOG_BRAKE_LINES 8
struct log_brake {
	uint64_t due_ns; /* when all that has passed would have, one a minute */
};
bool log_brake_lets_pass(struct log_brake *brake, uint64_t now_ns);

#endif
