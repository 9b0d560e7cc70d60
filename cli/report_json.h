/* SPDX-License-Identifier: Apache-2.0 */
/* report_json.h - the report as an object: what `stats --json` prints, for those who embed it */
#ifndef CLI_REPORT_JSON_H
#define CLI_REPORT_JSON_H

#include <jansson.h>

#include "cli/report.h"

/* The caller owns it. NULL: no memory. */
CHECKED json_t *report_json(const struct report *report);

#endif
