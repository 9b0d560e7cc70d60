/* SPDX-License-Identifier: Apache-2.0 */
/* definition_text.h - how a guest that runs was defined, and in what that differs from a file */
#ifndef CLI_DEFINITION_TEXT_H
#define CLI_DEFINITION_TEXT_H

#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"
#include "cli/client.h"

/* CONTROL_DEFINITION, in the guest's process. */
CHECKED int definition_text_write(const char *text, int fd, struct fail *why);

/* Asks a guest. The caller frees the text. */
CHECKED int definition_text_ask(struct client *client, char **ret_text, struct fail *why);

/*
 * The names of the options in which two definitions differ, with commas between them,
 * as far as there is room. Empty: in none.
 */
void definition_text_compare(const char *one, const char *other, char *ret_names, size_t size);

#endif
