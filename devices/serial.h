/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serial.h - a 16550A serial port
 *
 * Between the guest's side (vCPU threads) and the other side (one host thread) are
 * two bounded queues. A full output queue shows to the guest as a transmitter
 * that is still busy; kernels wait a moment for it, then go on: a console that
 * nobody reads slows its guest down and loses text, but never stops it.
 */
#ifndef DEVICES_SERIAL_H
#define DEVICES_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "devices/bus.h"

#define SERIAL_PORTS 8 /* length of its region; all accesses are bytes */

/* Called with the port's lock held, on any thread; must not call back. */
struct serial_hooks {
	void (*set_irq)(void *irq_context, bool level);
	void *irq_context;
	/* the output queue is no longer empty; NULL: nobody listens, output is dropped */
	void (*output_ready)(void *context);
	/* the input queue has room again */
	void (*input_ready)(void *context);
	void *context;
};

/* What the guest sees: complete, and nothing but numbers. */
struct serial_state {
	uint8_t interrupt_enable;
	uint8_t fifo_control;
	uint8_t line_control;
	uint8_t modem_control;
	uint8_t scratch;
	uint8_t divisor[2];
	bool transmit_pending; /* "transmitter empty" was not yet read or answered */
};

struct serial;

CHECKED int serial_create(const struct serial_hooks *hooks, struct serial **ret_serial);
void serial_free(struct serial *serial); /* NULL is fine */

/* As after power-on, for a guest that starts anew; what is queued stays. Any thread. */
void serial_reset(struct serial *serial);

extern const struct bus_ops serial_ops; /* context: the struct serial */

/* The host's side, any thread. Both return the bytes that were moved. */
size_t serial_take_output(struct serial *serial, void *to, size_t room);
size_t serial_put_input(struct serial *serial, const void *from, size_t length);
size_t serial_input_room(struct serial *serial);

/* Bytes that were dropped because the guest did not wait for the transmitter. */
uint64_t serial_dropped_bytes(struct serial *serial);

#endif
