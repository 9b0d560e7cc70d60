/* SPDX-License-Identifier: Apache-2.0 */
/* guest_report.h - a guest's figures, gathered in its own process */
#ifndef CLI_GUEST_REPORT_H
#define CLI_GUEST_REPORT_H

#include "cli/machine.h"
#include "vmm/gmem_share.h"
#include "wire/control.h"

/*
 * Fills all but the domain, cpus and uptime. share: NULL where the guest does not
 * share. A figure that the kernel does not tell is 0. The loop's thread.
 */
void guest_report_fill(struct machine *machine, struct gmem_share *share,
		       struct control_report *report);

#endif
