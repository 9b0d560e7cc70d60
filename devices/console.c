/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.c - the far end of the serial cable: two descriptors of the host, and a hub
 *
 * Descriptors that came from outside are often shared with other programs (a
 * terminal's three are one), so that we must not make them non-blocking. Output
 * opens them anew where that works; else it asks poll() first and writes little.
 * A regular file can't be polled and never blocks for long: it is written at once.
 *
 * Bytes flow out of the serial port into the hub, and `out` reads them there. Without
 * watchers, more is taken only when `out` has all, so that the serial port's queue is
 * what fills up: then the guest waits, and nothing is lost.
 */
#include "devices/console.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "devices/console_hub.h"

#define WRITE_BYTES 4096 /* no more than PIPE_BUF: a pipe that polls writable takes it whole */
#define INPUT_BYTES 256
#define FLUSH_MS    500		/* without progress */
#define PUMP_BYTES  (64u << 10) /* at a time: the loop has other work than a guest that floods */

/*
 * How long output gathers before it is written. A guest sends byte by byte: waking
 * the loop for each one costs more than all the rest of its console.
 */
#define GATHER_NS (4 * NS_PER_MS)

struct console {
	struct serial *serial;
	struct console_hub *hub;
	struct console_reader reader; /* what `out` has got of the hub's bytes */
	struct loop_source *wake;     /* a vCPU wrote, or has read */
	struct loop_source *gather;   /* runs while output gathers */
	struct loop_source *in_source;
	struct loop_source *out_source;
	int in;
	int out;
	int own_out; /* out, opened anew; -1: we use the caller's */
	bool in_is_file;
	bool in_ended;
	console_filter_fn *filter;
	void *filter_context;
};

static void out_watch(struct console *console, bool wanted)
{
	if (console->out_source && loop_set_events(console->out_source, wanted ? EPOLLOUT : 0) < 0)
		log_debug("console: cannot watch its output");
}

static void in_watch(struct console *console, bool wanted)
{
	if (console->in_source && loop_set_events(console->in_source, wanted ? EPOLLIN : 0) < 0)
		log_debug("console: cannot watch its input");
}

static void out_give_up(struct console *console)
{
	log_warn("console: output is gone (%m); the guest's messages are dropped from here on");
	loop_remove(console->out_source);
	console->out_source = NULL;
	console->out = -1;
}

static bool out_is_ready(const struct console *console)
{
	struct pollfd poll_fd = { .fd = console->out, .events = POLLOUT };

	return poll(&poll_fd, 1, 0) > 0;
}

/* Writes what `out` has not got yet: true if that is all of it. */
static bool out_write(struct console *console)
{
	const struct console_ring *ring = console_hub_ring(console->hub);
	const void *bytes;
	size_t length;

	while (console->out >= 0 &&
	       (length = console_reader_peek(&console->reader, ring, &bytes)) > 0) {
		ssize_t n;

		if (!out_is_ready(console))
			return false;
		n = write(console->out, bytes, length < WRITE_BYTES ? length : WRITE_BYTES);
		if (n >= 0)
			console_reader_take(&console->reader, ring, (size_t)n);
		else if (errno == EAGAIN)
			return false;
		else if (errno != EINTR)
			out_give_up(console);
	}
	return true;
}

/* From the serial port to the hub and out. True: `out` has all. */
static bool output_pump(struct console *console)
{
	unsigned char bytes[WRITE_BYTES];

	for (size_t taken = 0; taken < PUMP_BYTES;) {
		bool is_out = out_write(console);
		size_t n;

		if (!is_out && !console_hub_is_watched(console->hub))
			return false;
		n = serial_take_output(console->serial, bytes, sizeof(bytes));
		if (n == 0)
			return is_out;
		console_hub_feed(console->hub, bytes, n);
		taken += n;
	}
	loop_arm(console->gather, GATHER_NS);
	return out_write(console);
}

static void input_end(struct console *console)
{
	console->in_ended = true;
	loop_remove(console->in_source);
	console->in_source = NULL;
}

/* One read; false: there is nothing more to do now. */
static bool input_pump(struct console *console)
{
	unsigned char bytes[INPUT_BYTES];
	size_t room = serial_input_room(console->serial);
	ssize_t n;

	in_watch(console, room > 0);
	if (room == 0)
		return false;
	n = read(console->in, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		input_end(console);
	if (n <= 0)
		return false;
	if (console->filter)
		n = (ssize_t)console->filter(console->filter_context, bytes, (size_t)n);
	/* we are the only ones to fill the queue, so the room is still there */
	serial_put_input(console->serial, bytes, (size_t)n);
	return true;
}

static void output_go_on(struct console *console)
{
	out_watch(console, !output_pump(console));
}

static void on_out(void *context, uint32_t events)
{
	output_go_on(context);
}

static void on_in(void *context, uint32_t events)
{
	input_pump(context);
}

static void on_wake(void *context)
{
	struct console *console = context;

	loop_arm(console->gather, GATHER_NS);
	console_hub_input_ready(console->hub);
	if (console->in_is_file && !console->in_ended)
		while (input_pump(console) && !console->in_ended)
			;
	else
		in_watch(console, serial_input_room(console->serial) > 0);
}

static void on_gathered(void *context)
{
	output_go_on(context);
}

static size_t hub_input_room(void *context)
{
	return serial_input_room(((struct console *)context)->serial);
}

static void hub_input(void *context, const void *bytes, size_t length)
{
	serial_put_input(((struct console *)context)->serial, bytes, length);
}

/* Called by the serial port on any thread, with its lock held. */
static void on_serial_moved(void *context)
{
	struct console *console = context;

	if (console->wake)
		loop_wake(console->wake);
}

/* A descriptor of our own for the same pipe or terminal, which may be non-blocking. */
static int out_reopen(int fd)
{
	char path[64];
	struct stat status;

	if (fstat(fd, &status) < 0 || !(S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int output_open(struct console *console, struct loop *loop, int fd)
{
	int rc;

	if (fd < 0)
		return 0;
	console->own_out = out_reopen(fd);
	console->out = console->own_out >= 0 ? console->own_out : fd;
	rc = loop_add_fd(loop, console->out, 0, on_out, console, &console->out_source);
	return rc == -EPERM ? 0 : rc; /* a regular file is always ready */
}

static int input_open(struct console *console, struct loop *loop, int fd)
{
	int rc;

	console->in = fd;
	if (fd < 0)
		return 0;
	rc = loop_add_fd(loop, fd, EPOLLIN, on_in, console, &console->in_source);
	if (rc != -EPERM)
		return rc;
	console->in_is_file = true;
	loop_wake(console->wake);
	return 0;
}

/* The serial port with all that stands behind it but the descriptors. */
static int parts_create(struct console *console, const struct console_config *config,
			struct loop *loop)
{
	struct serial_hooks serial_hooks = {
		.set_irq = config->set_irq,
		.irq_context = config->irq_context,
		.output_ready = on_serial_moved,
		.input_ready = on_serial_moved,
		.context = console,
	};
	struct console_hub_hooks hub_hooks = {
		.input_room = hub_input_room,
		.input = hub_input,
		.context = console,
	};
	int rc = loop_add_wake(loop, on_wake, console, &console->wake);

	if (rc == 0)
		rc = loop_add_timer(loop, on_gathered, console, &console->gather);
	if (rc == 0)
		rc = console_hub_create(loop, &hub_hooks, &console->hub);
	if (rc == 0)
		rc = serial_create(&serial_hooks, &console->serial);
	return rc;
}

int console_create(const struct console_config *config, struct loop *loop,
		   struct console **ret_console, struct fail *why)
{
	struct console *console = calloc(1, sizeof(*console));
	int rc;

	if (!console)
		return fail_errno(why, ENOMEM, "cannot make the console");
	console->in = console->out = console->own_out = -1;
	console->filter = config->filter;
	console->filter_context = config->filter_context;
	rc = parts_create(console, config, loop);
	if (rc == 0)
		rc = output_open(console, loop, config->out);
	if (rc == 0)
		rc = input_open(console, loop, config->in);
	if (rc < 0) {
		console_free(console);
		return fail_errno(why, -rc, "cannot use the console's descriptors");
	}
	*ret_console = console;
	return 0;
}

void console_free(struct console *console)
{
	if (!console)
		return;
	loop_remove(console->wake);
	loop_remove(console->gather);
	loop_remove(console->in_source);
	loop_remove(console->out_source);
	console_hub_free(console->hub);
	serial_free(console->serial);
	if (console->own_out >= 0)
		close(console->own_out);
	free(console);
}

struct serial *console_serial(struct console *console)
{
	return console->serial;
}

int console_attach(struct console *console, int fd, bool kept_only, struct fail *why)
{
	int rc = console_hub_attach(console->hub, fd, kept_only, why);

	/* from now on, an output that is stuck holds nothing back */
	if (rc == 0)
		output_go_on(console);
	return rc;
}

void console_flush(struct console *console)
{
	unsigned char bytes[WRITE_BYTES];
	size_t n;

	while (!output_pump(console)) {
		struct pollfd poll_fd = { .fd = console->out, .events = POLLOUT };

		if (poll(&poll_fd, 1, FLUSH_MS) <= 0)
			break;
	}
	/* what `out` did not take in time is still for the hub */
	while ((n = serial_take_output(console->serial, bytes, sizeof(bytes))) > 0)
		console_hub_feed(console->hub, bytes, n);
	console_hub_flush(console->hub);
}
