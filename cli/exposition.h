/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposition.h - the report as Prometheus reads it
 *
 * The text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). All series of a
 * metric stand together below its HELP and TYPE, which are there without any series too: what
 * can come is known before the first guest runs. A series is known by names alone, so that a
 * guest that is started anew goes on where it was.
 */
#ifndef CLI_EXPOSITION_H
#define CLI_EXPOSITION_H

#include <stdio.h>

#include "cli/report.h"
#include "cli/verb.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* took_ns: to gather the report. */
CHECKED int exposition_print(const struct report *report, uint64_t took_ns, FILE *to,
			     struct fail *why);

/* Asks everybody first, and is of the guests that the call means and that run. */
CHECKED int exposition_collect(const struct call *call, FILE *to, struct fail *why);

#endif
