/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.h - guests that systemd looks after, one unit samepage@NAME.service for each
 *
 * The unit finds its guest by its name in the files of one directory, and has a run-time
 * directory that is not root's, since another user runs it.
 */
#ifndef CLI_UNIT_H
#define CLI_UNIT_H

#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"

/* The run-time directory is that of the units, unless the environment names another. */
void unit_use_rundir(void);

/* Whether units find what this file defines. absolute: its whole path. */
CHECKED int unit_check_file(const char *absolute, struct fail *why);

/* "start" or "stop": becomes systemctl, for the units of these guests. Returns only -errno. */
CHECKED int unit_become(const char *verb, const char *const *guests, size_t count,
			struct fail *why);

#endif
