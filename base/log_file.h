/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_file.h - a log of bounded size, for who has nobody at standard error
 *
 * Standard error is the file. When it has LOG_FILE_BYTES it is put aside, in place of
 * an older one, and a new file is begun: what was said last is always there, and never
 * more than twice as much. What an earlier process has left is put aside at once.
 *
 * One for each process.
 */
#ifndef BASE_LOG_FILE_H
#define BASE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"

#define LOG_FILE_BYTES	   (1u << 20)
#define LOG_FILE_PATH_SIZE 108 /* of paths in the run-time directory */

/* Puts the file in place of standard error. old_path: what is put aside. */
CHECKED int log_file_open(const char *path, const char *old_path);
bool log_file_is_open(void);

/* For log.c: so many bytes were added. */
void log_file_wrote(size_t bytes);

/* Nothing was said: removes the file, which is not to be written to any more. */
void log_file_drop_empty(void);

#endif
