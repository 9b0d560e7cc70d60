/* SPDX-License-Identifier: Apache-2.0 */
/* each.h - a verb that does the same to several guests */
#ifndef CLI_EACH_H
#define CLI_EACH_H

#include "cli/verb.h"
#include "wire/control.h"

typedef int each_fn(const char *name, const struct call *call, struct fail *why);

/*
 * Calls fn for each operand. A guest that fails does not spare the others: its
 * sentence is printed, the last one's is left to the caller. The verb fails then.
 */
CHECKED int each_guest(const struct call *call, each_fn *fn, struct fail *why);

/* Sends one request to the guest, for verbs that are nothing but that. */
CHECKED int each_request(const char *name, enum control_type type, struct fail *why);

#endif
