/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hvc.h - the host's end of the guest's second console: a hub, and what was typed
 *
 * What the guest says is kept and shown to those who watch (console_hub.h), and never
 * waits. What they type waits with them, but for a little that the guest has not yet
 * fetched.
 */
#ifndef DEVICES_HVC_H
#define DEVICES_HVC_H

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/console_end.h"

struct hvc;

CHECKED int hvc_create(struct loop *loop, struct hvc **ret_hvc, struct fail *why);
/* Before the loop; those who watch get what they have not yet read. NULL is fine. */
void hvc_free(struct hvc *hvc);

struct console_end *hvc_end(struct hvc *hvc);

/* console_hub_attach(). The loop's thread, or while that does not run. */
CHECKED int hvc_attach(struct hvc *hvc, int fd, bool kept_only, struct fail *why);

#endif
