/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_console.c - up to two ports: a second console, and one for the guest agent
 *
 * Each port has two queues, and two more are for messages about ports:
 *
 *	0, 1	port 0, the console: to the guest, from the guest
 *	2, 3	messages: to the guest, from the guest
 *	4, 5	port 1, the agent: to the guest, from the guest
 *
 * The guest says that it is ready, hears of the ports that there are, says of each that
 * it is ready, and then hears what the port is, what it is called, and whether anybody
 * is there. Bytes flow to the guest once it has opened the port, from it at any time.
 */
#include "devices/virtio_console.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "devices/agent.h"

#define PORTS		  2
#define QUEUES		  6
#define QUEUE_SIZE	  64
#define STEPS_IN_ONE_GO	  16
#define STEP_BYTES	  16384u /* carried at once, however long a chain is */
#define PCI_CLASS_CONSOLE 0x078000

enum { QUEUE_MESSAGES_IN = 2, QUEUE_MESSAGES_OUT = 3 };

/* What the guest has still to be told of a port, in this order. */
enum {
	NEWS_ADDED = 1 << 0,
	NEWS_CONSOLE = 1 << 1,
	NEWS_NAME = 1 << 2,
	NEWS_CLOSED = 1 << 3,
	NEWS_OPENED = 1 << 4,
};

struct port {
	struct virtio_console *console;
	struct console_end *end; /* NULL: there is no such port */
	uint32_t id;
	unsigned int in, out; /* queues: to the guest, from the guest */
	const char *name;     /* NULL: it is a console, and has none */

	bool is_added; /* the guest was told, or will be */
	bool is_ready; /* it has looked at the port */
	unsigned int news;
	bool holds; /* `chain`, of which `sent` bytes are gone */
	uint64_t sent;
	struct chain chain;
};

struct virtio_console {
	struct virtio virtio; /* first: the device is found by it */
	struct virtio_console_config config;
	struct port ports[PORTS];
	struct chain chain; /* at hand: messages, and what goes to the guest */
};

static bool has_messages(struct virtio_console *console)
{
	return virtio_has_feature(&console->virtio, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* Gives a chain back that is not as it has to be. */
static void chain_refuse(struct virtio *virtio, unsigned int queue, const struct chain *chain,
			 const char *reason)
{
	virtio_return(virtio, queue, chain, 0);
	virtio_refuse(virtio, reason);
}

/* ------------------------------------------------------- messages to the guest */

/* One of the port's news, as a message; returns its length. */
static size_t news_encode(const struct port *port, unsigned int news, unsigned char *bytes)
{
	struct virtio_console_control message = { .id = port->id, .value = 1 };
	size_t name_length = 0;

	if (news == NEWS_ADDED) {
		message.event = VIRTIO_CONSOLE_PORT_ADD;
	} else if (news == NEWS_CONSOLE) {
		message.event = VIRTIO_CONSOLE_CONSOLE_PORT;
	} else if (news == NEWS_NAME) {
		message.event = VIRTIO_CONSOLE_PORT_NAME;
		name_length = strlen(port->name);
		memcpy(bytes + sizeof(message), port->name, name_length);
	} else {
		message.event = VIRTIO_CONSOLE_PORT_OPEN;
		message.value = news == NEWS_OPENED;
	}
	memcpy(bytes, &message, sizeof(message));
	return sizeof(message) + name_length;
}

/* Tells the first thing that is to be told. False: no buffer for it. */
static bool news_tell(struct port *port)
{
	unsigned char bytes[sizeof(struct virtio_console_control) + sizeof(AGENT_PORT_NAME)];
	struct virtio_console *console = port->console;
	struct virtio *virtio = &console->virtio;
	unsigned int news = port->news & -port->news;
	size_t length = news_encode(port, news, bytes);

	if (!virtio_take(virtio, QUEUE_MESSAGES_IN, &console->chain))
		return false;
	if (console->chain.readable_count > 0 || console->chain.writable_bytes < length) {
		chain_refuse(virtio, QUEUE_MESSAGES_IN, &console->chain,
			     "a message from the host does not fit");
		return false;
	}
	chain_write(&console->chain, 0, bytes, length);
	virtio_return(virtio, QUEUE_MESSAGES_IN, &console->chain, (uint32_t)length);
	port->news &= ~news;
	return true;
}

/* False: the guest has not enough buffers for the port's news, which are few in any case. */
static bool port_tell(struct port *port)
{
	while (port->news)
		if (!news_tell(port) &&
		    !virtio_want_kicks(&port->console->virtio, QUEUE_MESSAGES_IN))
			return false;
	return true;
}

static void news_flush(struct virtio_console *console)
{
	if (!has_messages(console))
		return;
	for (unsigned int i = 0; i < PORTS; i++)
		if (!port_tell(&console->ports[i]))
			break;
	virtio_flush(&console->virtio, QUEUE_MESSAGES_IN);
}

/* ------------------------------------------------------------- bytes of a port */

static bool may_send(const struct port *port)
{
	return port->end && port->end->is_heard;
}

/* One buffer of the guest. False: nothing to put there, or none. */
static bool port_fill(struct port *port)
{
	struct virtio_console *console = port->console;
	struct virtio *virtio = &console->virtio;
	struct iovec parts[CHAIN_MAX_PARTS];
	const struct chain *chain = &console->chain;
	uint64_t room;
	size_t length;

	while (!virtio_take(virtio, port->in, &console->chain))
		if (!virtio_want_kicks(virtio, port->in))
			return false;
	if (chain->readable_count > 0 || chain->writable_count == 0) {
		chain_refuse(virtio, port->in, chain, "a buffer for input can't be written to");
		return false;
	}
	room = chain->writable_bytes < STEP_BYTES ? chain->writable_bytes : STEP_BYTES;
	length =
		port->end->ops->read(port->end, parts, chain_writable_slice(chain, 0, room, parts));
	chain_mark_written(chain, length);
	if (length > 0)
		virtio_return(virtio, port->in, chain, (uint32_t)length);
	else
		virtio_untake(virtio, port->in);
	return length > 0;
}

static void port_feed(struct port *port)
{
	struct virtio *virtio = &port->console->virtio;
	unsigned int step;

	for (step = 0; step < STEPS_IN_ONE_GO && may_send(port); step++)
		if (!port_fill(port))
			break;
	if (step == STEPS_IN_ONE_GO)
		virtio_serve_again(virtio, port->in);
	virtio_flush(virtio, port->in);
}

/* The next piece of the chain that is held. False: its end takes no more for now. */
static bool port_send(struct port *port)
{
	uint64_t left = port->chain.readable_bytes - port->sent;
	uint64_t length = left < STEP_BYTES ? left : STEP_BYTES;
	struct iovec parts[CHAIN_MAX_PARTS];
	unsigned int count = chain_readable_slice(&port->chain, port->sent, length, parts);
	size_t sent;

	if (length > 0 && port->end && port->end->ops->is_open(port->end))
		sent = port->end->ops->write(port->end, parts, count);
	else
		length = sent = left; /* nothing to say, or nobody there to hear it */
	port->sent += sent;
	if (port->sent == port->chain.readable_bytes) {
		virtio_return(&port->console->virtio, port->out, &port->chain, 0);
		port->holds = false;
	}
	return sent == length;
}

/* Makes `chain` the next one from the guest. False: there is none. */
static bool port_take(struct port *port)
{
	struct virtio *virtio = &port->console->virtio;

	while (!virtio_take(virtio, port->out, &port->chain))
		if (!virtio_want_kicks(virtio, port->out))
			return false;
	if (port->chain.writable_count > 0) {
		chain_refuse(virtio, port->out, &port->chain, "output can't be read");
		return false;
	}
	port->holds = true;
	port->sent = 0;
	return true;
}

static void port_drain(struct port *port)
{
	struct virtio *virtio = &port->console->virtio;
	unsigned int step;

	for (step = 0; step < STEPS_IN_ONE_GO; step++)
		if ((!port->holds && !port_take(port)) || !port_send(port))
			break;
	if (step == STEPS_IN_ONE_GO)
		virtio_serve_again(virtio, port->out);
	virtio_flush(virtio, port->out);
}

/*
 * Both only note what is to be done: an end calls from the midst of its own work, and
 * must not be called back from there.
 */
static void on_end_ready(void *context)
{
	struct port *port = context;

	virtio_serve_again(&port->console->virtio, port->in);
	if (port->holds)
		virtio_serve_again(&port->console->virtio, port->out);
}

static void on_end_opened(void *context, bool is_open)
{
	struct port *port = context;

	if (port->holds)
		virtio_serve_again(&port->console->virtio, port->out);
	if (!port->is_ready)
		return;
	if (is_open)
		port->news |= NEWS_OPENED;
	else if (port->news & NEWS_OPENED)
		port->news &= ~(unsigned int)NEWS_OPENED;
	else
		port->news |= NEWS_CLOSED;
	virtio_serve_again(&port->console->virtio, QUEUE_MESSAGES_IN);
}

/* ----------------------------------------------------- messages from the guest */

static void on_device_ready(struct virtio_console *console)
{
	for (unsigned int i = 0; i < PORTS; i++) {
		struct port *port = &console->ports[i];

		if (port->end && !port->is_added)
			port->news |= NEWS_ADDED;
		port->is_added = port->end != NULL;
	}
}

static void on_port_ready(struct port *port)
{
	port->is_ready = true;
	port->news |= port->name ? NEWS_NAME : NEWS_CONSOLE;
	if (port->end->ops->is_open(port->end))
		port->news |= NEWS_OPENED;
}

static void on_port_open(struct port *port, bool is_open)
{
	port->end->is_heard = is_open;
	if (is_open)
		virtio_serve_again(&port->console->virtio, port->in);
}

static void message_obey(struct virtio_console *console,
			 const struct virtio_console_control *message)
{
	struct port *port;

	if (message->event == VIRTIO_CONSOLE_DEVICE_READY) {
		if (message->value == 1)
			on_device_ready(console);
		return;
	}
	if (message->id >= PORTS || !console->ports[message->id].is_added) {
		virtio_refuse(&console->virtio, "a message is about a port that there is not");
		return;
	}
	port = &console->ports[message->id];
	if (message->event == VIRTIO_CONSOLE_PORT_READY && message->value == 1)
		on_port_ready(port);
	else if (message->event == VIRTIO_CONSOLE_PORT_OPEN)
		on_port_open(port, message->value == 1);
}

static bool message_step(struct virtio *virtio, unsigned int queue)
{
	struct virtio_console *console = (struct virtio_console *)virtio;
	struct virtio_console_control message;

	if (!virtio_take(virtio, queue, &console->chain))
		return virtio_want_kicks(virtio, queue);
	if (console->chain.writable_count > 0 ||
	    chain_read(&console->chain, 0, &message, sizeof(message)) < sizeof(message)) {
		chain_refuse(virtio, queue, &console->chain, "a message to the host is none");
		return false;
	}
	virtio_return(virtio, queue, &console->chain, 0);
	message_obey(console, &message);
	return true;
}

static void messages_serve(struct virtio_console *console)
{
	virtio_serve_steps(&console->virtio, QUEUE_MESSAGES_OUT, STEPS_IN_ONE_GO, message_step);
	virtio_flush(&console->virtio, QUEUE_MESSAGES_OUT);
	news_flush(console);
}

/* ------------------------------------------------------------ as a virtio device */

static void console_serve(struct virtio *virtio, unsigned int queue)
{
	struct virtio_console *console = (struct virtio_console *)virtio;

	if (queue == QUEUE_MESSAGES_IN)
		news_flush(console);
	else if (queue == QUEUE_MESSAGES_OUT)
		messages_serve(console);
	for (unsigned int i = 0; i < PORTS; i++) {
		if (queue == console->ports[i].in)
			port_feed(&console->ports[i]);
		else if (queue == console->ports[i].out)
			port_drain(&console->ports[i]);
	}
}

/* Without messages the one port is open from the start. */
static int console_activate(struct virtio *virtio)
{
	struct virtio_console *console = (struct virtio_console *)virtio;

	if (!has_messages(console) && console->ports[0].end)
		console->ports[0].end->is_heard = true;
	return 0;
}

static bool console_reset(struct virtio *virtio)
{
	struct virtio_console *console = (struct virtio_console *)virtio;

	for (unsigned int i = 0; i < PORTS; i++) {
		struct port *port = &console->ports[i];

		if (port->holds)
			virtio_drop(virtio, port->out);
		port->holds = port->is_added = port->is_ready = false;
		port->news = 0;
		if (port->end)
			port->end->is_heard = false;
	}
	return true;
}

static void console_free(struct virtio *virtio)
{
	virtio_console_free((struct virtio_console *)virtio);
}

static const struct virtio_type console_type = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.pci_class = PCI_CLASS_CONSOLE,
	.activate = console_activate,
	.serve = console_serve,
	.reset = console_reset,
	.free = console_free,
};

/* -------------------------------------------------------------------------- life */

static void port_init(struct virtio_console *console, uint32_t id, struct console_end *end,
		      const char *name)
{
	struct port *port = &console->ports[id];
	const struct console_end_hooks hooks = {
		.ready = on_end_ready,
		.opened = on_end_opened,
		.context = port,
	};

	*port = (struct port){
		.console = console,
		.end = end,
		.id = id,
		.in = id == 0 ? 0 : 2 + 2 * id,
		.out = id == 0 ? 1 : 3 + 2 * id,
		.name = name,
	};
	if (end)
		console_end_connect(end, &hooks);
}

int virtio_console_create(const struct virtio_console_setup *setup,
			  struct virtio_console **ret_console, struct fail *why)
{
	struct virtio_config virtio = {
		.type = &console_type,
		.name = setup->name,
		.features = VIRTIO_FEATURE(VIRTIO_CONSOLE_F_MULTIPORT),
		.queues = QUEUES,
		.queue_size = QUEUE_SIZE,
		.config_size = sizeof(struct virtio_console_config),
		.gmem = setup->gmem,
		.loop = setup->loop,
	};
	struct virtio_console *console = calloc(1, sizeof(*console));
	int rc;

	if (!console)
		return fail_errno(why, ENOMEM, "cannot make the %s", setup->name);
	console->config.max_nr_ports = PORTS;
	virtio.config = &console->config;
	rc = virtio_init(&console->virtio, &virtio, why);
	if (rc < 0) {
		free(console);
		return rc;
	}
	port_init(console, 0, setup->console, NULL);
	port_init(console, 1, setup->agent, AGENT_PORT_NAME);
	*ret_console = console;
	return 0;
}

void virtio_console_free(struct virtio_console *console)
{
	if (!console)
		return;
	for (unsigned int i = 0; i < PORTS; i++)
		if (console->ports[i].end)
			console_end_connect(console->ports[i].end, NULL);
	virtio_done(&console->virtio);
	free(console);
}

struct virtio *virtio_console_virtio(struct virtio_console *console)
{
	return &console->virtio;
}
