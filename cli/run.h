/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - the options of samepage run that are a guest's own */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/definition.h"
#include "cli/option.h"

/* Their fields are those of struct definition; a file has them as lines. */
extern const struct option *const guest_options;

#endif
