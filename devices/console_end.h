/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_end.h - the host's end of a port of the virtio console
 *
 * An end outlives the device: a guest that boots anew finds the same ends, with the
 * same people at them. The device asks and the end answers; what can't be done now is
 * done later, when the end says that it is ready. Nobody keeps bytes for the other:
 * an end takes what can go on at once, and gives what is asked for.
 *
 * All on the loop's thread, but for connect().
 */
#ifndef DEVICES_CONSOLE_END_H
#define DEVICES_CONSOLE_END_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct console_end;

struct console_end_ops {
	/* Bytes from the guest. Returns how many were taken; fewer: ready() follows. */
	size_t (*write)(struct console_end *end, const struct iovec *parts, unsigned int count);
	/* Bytes for the guest. Returns how many there were; 0: ready() follows. */
	size_t (*read)(struct console_end *end, const struct iovec *parts, unsigned int count);
	/* Whether somebody is there. */
	bool (*is_open)(struct console_end *end);
};

/* The device's side. Neither may free anything. */
struct console_end_hooks {
	void (*ready)(void *context); /* write or read anew */
	void (*opened)(void *context, bool is_open);
	void *context;
};

/* First in each end. */
struct console_end {
	const struct console_end_ops *ops;
	struct console_end_hooks hooks; /* all NULL: no device */
	bool is_heard;			/* the guest has opened the port; the device says so */
};

/* While the loop does not run. NULL: the device is gone. */
static inline void console_end_connect(struct console_end *end,
				       const struct console_end_hooks *hooks)
{
	end->hooks = hooks ? *hooks : (struct console_end_hooks){ 0 };
	end->is_heard = false;
}

/* For ends. */
static inline void console_end_is_ready(struct console_end *end)
{
	if (end->hooks.ready)
		end->hooks.ready(end->hooks.context);
}

static inline void console_end_opened(struct console_end *end, bool is_open)
{
	if (end->hooks.opened)
		end->hooks.opened(end->hooks.context, is_open);
}

#endif
