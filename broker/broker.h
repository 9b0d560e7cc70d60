/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker.h - the process that keeps one trust domain's shared frames
 *
 * Started by the first guest of a domain, gone after the last. broker.c has the
 * theory of operation.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "base/fail.h"

/*
 * Serves the domain on a listening socket until its last guest has gone, or a
 * signal ends it. Takes listen_fd over. 0 at a regular end.
 */
CHECKED int broker_main(const char *domain, int listen_fd, struct fail *why);

#endif
