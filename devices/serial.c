/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serial.c - a 16550A serial port
 *
 * Registers as in the data sheet of the PC16550D. What is left out never happens
 * here: line errors, breaks, modem lines that change, and speed.
 *
 * The interrupt line is a function of the state (irq_wanted), looked at after
 * each change and driven only when it differs: the guest's controller sees an
 * edge for each new reason, and a burst of output costs one.
 */
#include "devices/serial.h"

#include <pthread.h>
#include <stdlib.h>

#define OUTPUT_BYTES 16384
#define INPUT_BYTES  256
#define FIFO_BYTES   16 /* what a guest may send once the transmitter is empty */

enum {
	REG_DATA = 0,		  /* or the divisor's low byte */
	REG_INTERRUPT_ENABLE = 1, /* or its high byte */
	REG_INTERRUPT_ID = 2,	  /* writes: FIFO control */
	REG_LINE_CONTROL = 3,
	REG_MODEM_CONTROL = 4,
	REG_LINE_STATUS = 5,
	REG_MODEM_STATUS = 6,
	REG_SCRATCH = 7,
};

#define IER_RECEIVE  0x01
#define IER_TRANSMIT 0x02
#define IER_MASK     0x0f

#define IIR_NONE     0x01
#define IIR_TRANSMIT 0x02
#define IIR_RECEIVE  0x04
#define IIR_FIFOS    0xc0

#define FCR_ENABLE	  0x01
#define FCR_CLEAR_RECEIVE 0x02
#define FCR_STORED	  0xc9

#define LCR_DIVISOR 0x80

#define MCR_OUT2 0x08 /* on a PC, the gate between the chip and its interrupt line */
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DATA_READY	      0x01
#define LSR_TRANSMITTER_EMPTY 0x60 /* holding register and shifter */

#define MSR_READY 0xb0 /* carrier, data set ready, clear to send */

struct ring {
	unsigned char *bytes;
	size_t size;
	size_t head; /* next to take */
	size_t used;
};

struct serial {
	struct serial_hooks hooks;
	pthread_mutex_t lock; /* protects all below; the hooks are called inside it */
	struct serial_state state;
	struct ring output;
	struct ring input;
	bool irq_level; /* as last driven */
	uint64_t dropped_bytes;
	unsigned char output_bytes[OUTPUT_BYTES];
	unsigned char input_bytes[INPUT_BYTES];
};

static bool ring_put(struct ring *ring, unsigned char byte)
{
	if (ring->used == ring->size)
		return false;
	ring->bytes[(ring->head + ring->used++) % ring->size] = byte;
	return true;
}

static bool ring_take(struct ring *ring, unsigned char *ret_byte)
{
	if (ring->used == 0)
		return false;
	*ret_byte = ring->bytes[ring->head];
	ring->head = (ring->head + 1) % ring->size;
	ring->used--;
	return true;
}

static const struct serial_state power_on = {
	.divisor = { 12 }, /* 9600 baud, as after firmware */
};

int serial_create(const struct serial_hooks *hooks, struct serial **ret_serial)
{
	struct serial *serial = calloc(1, sizeof(*serial));

	if (!serial)
		return -ENOMEM;
	serial->hooks = *hooks;
	serial->output = (struct ring){ .bytes = serial->output_bytes, .size = OUTPUT_BYTES };
	serial->input = (struct ring){ .bytes = serial->input_bytes, .size = INPUT_BYTES };
	serial->state = power_on;
	pthread_mutex_init(&serial->lock, NULL);
	*ret_serial = serial;
	return 0;
}

void serial_free(struct serial *serial)
{
	if (!serial)
		return;
	pthread_mutex_destroy(&serial->lock);
	free(serial);
}

void serial_reset(struct serial *serial)
{
	pthread_mutex_lock(&serial->lock);
	serial->state = power_on;
	serial->irq_level = false;
	serial->hooks.set_irq(serial->hooks.irq_context, false);
	pthread_mutex_unlock(&serial->lock);
}

static bool transmitter_is_empty(const struct serial *serial)
{
	return serial->output.size - serial->output.used >= FIFO_BYTES;
}

static uint8_t interrupt_id(const struct serial *serial)
{
	const struct serial_state *state = &serial->state;

	if ((state->interrupt_enable & IER_RECEIVE) && serial->input.used > 0)
		return IIR_RECEIVE;
	if ((state->interrupt_enable & IER_TRANSMIT) && state->transmit_pending)
		return IIR_TRANSMIT;
	return IIR_NONE;
}

static void irq_update(struct serial *serial)
{
	bool wanted = interrupt_id(serial) != IIR_NONE &&
		      (serial->state.modem_control & MCR_OUT2) &&
		      !(serial->state.modem_control & MCR_LOOP);

	if (wanted == serial->irq_level)
		return;
	serial->irq_level = wanted;
	serial->hooks.set_irq(serial->hooks.irq_context, wanted);
}

static uint8_t data_read(struct serial *serial)
{
	unsigned char byte = 0;
	bool was_full = serial->input.used == serial->input.size;

	if (ring_take(&serial->input, &byte) && was_full)
		serial->hooks.input_ready(serial->hooks.context);
	return byte;
}

static void data_write(struct serial *serial, uint8_t byte)
{
	if (serial->state.modem_control & MCR_LOOP) {
		if (!ring_put(&serial->input, byte))
			serial->dropped_bytes++;
	} else if (serial->hooks.output_ready) {
		bool was_empty = serial->output.used == 0;

		if (!ring_put(&serial->output, byte))
			serial->dropped_bytes++;
		else if (was_empty)
			serial->hooks.output_ready(serial->hooks.context);
	}
	serial->state.transmit_pending = transmitter_is_empty(serial);
}

static uint8_t modem_status(const struct serial *serial)
{
	uint8_t control = serial->state.modem_control;

	if (!(control & MCR_LOOP))
		return MSR_READY;
	/* looped back: RTS to CTS, DTR to DSR, OUT1 to RI, OUT2 to carrier */
	return (uint8_t)((control & 0x02) << 3 | (control & 0x01) << 5 | (control & 0x04) << 4 |
			 (control & 0x08) << 4);
}

static uint8_t register_read(struct serial *serial, unsigned int reg)
{
	struct serial_state *state = &serial->state;
	uint8_t id;

	if ((state->line_control & LCR_DIVISOR) && reg <= REG_INTERRUPT_ENABLE)
		return state->divisor[reg];
	switch (reg) {
	case REG_DATA:
		return data_read(serial);
	case REG_INTERRUPT_ENABLE:
		return state->interrupt_enable;
	case REG_INTERRUPT_ID:
		id = interrupt_id(serial);
		if (id == IIR_TRANSMIT)
			state->transmit_pending = false;
		return id | (state->fifo_control & FCR_ENABLE ? IIR_FIFOS : 0);
	case REG_LINE_CONTROL:
		return state->line_control;
	case REG_MODEM_CONTROL:
		return state->modem_control;
	case REG_LINE_STATUS:
		return (serial->input.used > 0 ? LSR_DATA_READY : 0) |
		       (transmitter_is_empty(serial) ? LSR_TRANSMITTER_EMPTY : 0);
	case REG_MODEM_STATUS:
		return modem_status(serial);
	default:
		return state->scratch;
	}
}

static void interrupt_enable_write(struct serial *serial, uint8_t value)
{
	uint8_t newly = value & (uint8_t)~serial->state.interrupt_enable;

	serial->state.interrupt_enable = value & IER_MASK;
	/* an empty transmitter says so as soon as it may */
	if ((newly & IER_TRANSMIT) && transmitter_is_empty(serial))
		serial->state.transmit_pending = true;
}

static void fifo_control_write(struct serial *serial, uint8_t value)
{
	bool toggles = (value ^ serial->state.fifo_control) & FCR_ENABLE;

	serial->state.fifo_control = value & FCR_STORED;
	if (toggles || (value & FCR_CLEAR_RECEIVE)) {
		serial->input.used = 0;
		serial->hooks.input_ready(serial->hooks.context);
	}
}

static void register_write(struct serial *serial, unsigned int reg, uint8_t value)
{
	struct serial_state *state = &serial->state;

	if ((state->line_control & LCR_DIVISOR) && reg <= REG_INTERRUPT_ENABLE) {
		state->divisor[reg] = value;
		return;
	}
	switch (reg) {
	case REG_DATA:
		data_write(serial, value);
		break;
	case REG_INTERRUPT_ENABLE:
		interrupt_enable_write(serial, value);
		break;
	case REG_INTERRUPT_ID:
		fifo_control_write(serial, value);
		break;
	case REG_LINE_CONTROL:
		state->line_control = value;
		break;
	case REG_MODEM_CONTROL:
		state->modem_control = value & MCR_MASK;
		break;
	case REG_SCRATCH:
		state->scratch = value;
		break;
	default: /* the status registers take no writes */
		break;
	}
}

static uint64_t serial_read(void *context, uint64_t offset, unsigned int size)
{
	struct serial *serial = context;
	uint8_t value;

	pthread_mutex_lock(&serial->lock);
	value = register_read(serial, (unsigned int)offset % SERIAL_PORTS);
	irq_update(serial);
	pthread_mutex_unlock(&serial->lock);
	return value;
}

static void serial_write(void *context, uint64_t offset, uint64_t value, unsigned int size)
{
	struct serial *serial = context;

	pthread_mutex_lock(&serial->lock);
	register_write(serial, (unsigned int)offset % SERIAL_PORTS, (uint8_t)value);
	irq_update(serial);
	pthread_mutex_unlock(&serial->lock);
}

size_t serial_take_output(struct serial *serial, void *to, size_t room)
{
	unsigned char *bytes = to;
	bool was_empty;
	size_t n = 0;

	pthread_mutex_lock(&serial->lock);
	was_empty = transmitter_is_empty(serial);
	while (n < room && ring_take(&serial->output, &bytes[n]))
		n++;
	if (!was_empty && transmitter_is_empty(serial)) {
		serial->state.transmit_pending = true;
		irq_update(serial);
	}
	pthread_mutex_unlock(&serial->lock);
	return n;
}

size_t serial_put_input(struct serial *serial, const void *from, size_t length)
{
	const unsigned char *bytes = from;
	size_t n = 0;

	pthread_mutex_lock(&serial->lock);
	while (n < length && ring_put(&serial->input, bytes[n]))
		n++;
	irq_update(serial);
	pthread_mutex_unlock(&serial->lock);
	return n;
}

size_t serial_input_room(struct serial *serial)
{
	size_t room;

	pthread_mutex_lock(&serial->lock);
	room = serial->input.size - serial->input.used;
	pthread_mutex_unlock(&serial->lock);
	return room;
}

uint64_t serial_dropped_bytes(struct serial *serial)
{
	uint64_t bytes;

	pthread_mutex_lock(&serial->lock);
	bytes = serial->dropped_bytes;
	pthread_mutex_unlock(&serial->lock);
	return bytes;
}

const struct bus_ops serial_ops = { .read = serial_read, .write = serial_write };
