/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backends.h - the host's side of a machine's devices: what a reboot of the guest leaves alone
 *
 * Disks, networks and sockets are opened once for the life of a machine. Each boot has
 * a new board, which they are plugged into.
 *
 * Main thread, while the I/O thread does not run.
 */
#ifndef CLI_BACKENDS_H
#define CLI_BACKENDS_H

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "cli/board.h"
#include "cli/machine.h"

struct backends {
	struct hvc *hvc;     /* NULL: no second console */
	struct agent *agent; /* NULL: no port for one */
	struct disk *disks[BOARD_MAX_DISKS];
	struct net *nets[BOARD_MAX_NETS];
	char net_names[BOARD_MAX_NETS][24];
};

/* ret_backends: zeroed. After a failure what was opened is closed by backends_close(). */
CHECKED int backends_open(const struct machine_config *config, struct loop *io_loop,
			  struct backends *ret_backends, struct fail *why);
void backends_close(struct backends *backends); /* no board uses them any more */

/* Fills in the board's part. */
void backends_plug(const struct backends *backends, const struct machine_config *config,
		   struct board_config *board);

#endif
