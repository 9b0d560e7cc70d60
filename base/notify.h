/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - telling the service manager how far a service is, sd_notify(3)
 *
 * The protocol is one datagram to the socket that $NOTIFY_SOCKET names, of lines such as
 * READY=1. A library for it would cost each guest more memory than these lines.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include "base/auto.h"

/*
 * Nothing happens where nobody wants to know. Never waits, and fails silently but for a
 * debug line: a service manager that does not listen is no reason to stop.
 */
void notify_send(const char *format, ...) PRINTF(1, 2);

/* This process is not the service: what it says from now on goes to nobody. */
void notify_forget(void);

#endif
