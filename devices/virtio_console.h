/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_console.h - up to two ports: a second console, and one for the guest agent
 *
 * Format: VIRTIO 1.2, section 5.3, with several ports. What is at the host's end of a
 * port is not the device's business (console_end.h). A driver that knows only one port
 * has the second console.
 *
 * A port's bytes wait where they are: in the guest's buffers, or with whoever sends
 * them. What the guest still has to be told is kept as facts, not as messages: it is
 * bounded however often the guest asks.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/console_end.h"
#include "devices/virtio.h"

/* Borrowed for the life of the device; <linux/virtio_*.h> call the guest's view "config". */
struct virtio_console_setup {
	const char *name; /* for log lines: "console" */
	struct gmem *gmem;
	struct loop *loop;	     /* of the I/O thread, and of the ends */
	struct console_end *console; /* NULL: no second console */
	struct console_end *agent;   /* NULL: no port for an agent */
};

struct virtio_console;

/* Both: main thread, while the I/O thread does not run. */
CHECKED int virtio_console_create(const struct virtio_console_setup *setup,
				  struct virtio_console **ret_console, struct fail *why);
void virtio_console_free(struct virtio_console *console); /* NULL is fine */

struct virtio *virtio_console_virtio(struct virtio_console *console);

#endif
