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

void log_at(enum log_level level, const char *format, ...) PRINTF(2, 3);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_enabled(LOG_LEVEL_DEBUG))                                                  \
			log_at(LOG_LEVEL_DEBUG, __VA_ARGS__);                                      \
	} while (0)

#endif
