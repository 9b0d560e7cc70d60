/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.h - the far end of the serial cable: two descriptors of the host, and a hub
 *
 * Lives on the loop's thread. Neither side can hold the other up: output that
 * the descriptor does not take waits in the serial port's bounded queue, input
 * that the guest does not read stays with whoever sends it.
 *
 * All output passes the hub, which keeps it and shows it to those who watch. While
 * somebody does, output that the descriptor does not take waits for nobody: then the
 * descriptor follows as one watcher more, and is overtaken like one.
 */
#ifndef DEVICES_CONSOLE_H
#define DEVICES_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/loop.h"
#include "devices/serial.h"

/*
 * Sees what was typed before the guest does and takes out what is not for it;
 * returns how much is left. May end the machine, but not free the console.
 */
typedef size_t console_filter_fn(void *context, unsigned char *bytes, size_t length);

struct console_config {
	int in;			   /* borrowed; -1: nothing is ever typed */
	int out;		   /* borrowed; -1: output goes to the hub alone */
	console_filter_fn *filter; /* NULL: none */
	void *filter_context;
	void (*set_irq)(void *context, bool level); /* the serial port's interrupt line */
	void *irq_context;
};

struct console;

/* Makes the serial port, too. */
CHECKED int console_create(const struct console_config *config, struct loop *loop,
			   struct console **ret_console, struct fail *why);
void console_free(struct console *console); /* before the loop; NULL is fine */

struct serial *console_serial(struct console *console);

/* Attaches a watcher: console_hub_attach(). */
CHECKED int console_attach(struct console *console, int fd, bool kept_only, struct fail *why);

/* Writes what is still queued; gives up when nothing is taken for a moment. */
void console_flush(struct console *console);

#endif
