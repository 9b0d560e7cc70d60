/* SPDX-License-Identifier: Apache-2.0 */
/* broker_watch.h - the end of a broker, seen from outside */
#ifndef CLI_BROKER_WATCH_H
#define CLI_BROKER_WATCH_H

#include "base/auto.h"
#include "base/fail.h"

/* Its process has ended, and its files are gone. -ETIMEDOUT: guests use it, or it hangs. */
CHECKED int broker_wait_gone(const char *domain, int timeout_ms, struct fail *why);

/* Removes the files of a broker that was killed. Nothing happens where one listens. */
void broker_sweep(const char *domain);

#endif
