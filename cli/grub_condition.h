/* SPDX-License-Identifier: Apache-2.0 */
/* grub_condition.h - what stands behind `if' in GRUB's script language */
#ifndef CLI_GRUB_CONDITION_H
#define CLI_GRUB_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the command succeeds: `[', `test', `true' and `search' (which finds what it
 * looks for). Commands whose success can't be known from the text alone have none.
 * Of all files only the environment block exists, if has_environment.
 */
bool grub_condition(char *const *words, size_t count, bool has_environment);

#endif
