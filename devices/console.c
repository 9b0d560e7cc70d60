/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.c - the far end of the serial cable: two descriptors of the host
 *
 * Descriptors that came from outside are often shared with other programs (a
 * terminal's three are one), so that we must not make them non-blocking. Output
 * opens them anew where that works; else it asks poll() first and writes little.
 * A regular file can't be polled and never blocks for long: it is written at once.
 *
 * Bytes flow out of the serial port into `pending`, and from there out; more is
 * taken only when pending is empty, so that order holds and the serial port's
 * queue is what fills up.
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

#define PENDING_BYTES 4096 /* no more than PIPE_BUF: a pipe that polls writable takes it whole */
#define INPUT_BYTES   256
#define FLUSH_MS      500 /* without progress */

/*
 * How long output gathers before it is written. A guest sends byte by byte: waking
 * the loop for each one costs more than all the rest of its console.
 */
#define GATHER_NS (4 * NS_PER_MS)

struct console {
	struct serial *serial;
	struct loop_source *wake;   /* a vCPU wrote, or has read */
	struct loop_source *gather; /* runs while output gathers */
	struct loop_source *in_source;
	struct loop_source *out_source;
	int in;
	int out;
	int own_out; /* out, opened anew; -1: we use the caller's */
	bool in_is_file;
	bool in_ended;
	console_filter_fn *filter;
	void *filter_context;
	size_t pending_start;
	size_t pending_end;
	unsigned char pending[PENDING_BYTES];
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

/* Writes until all is out (true) or no more is taken now. */
static bool output_pump(struct console *console)
{
	for (;;) {
		ssize_t n;

		if (console->pending_start == console->pending_end) {
			console->pending_start = 0;
			console->pending_end = serial_take_output(console->serial, console->pending,
								  sizeof(console->pending));
			if (console->pending_end == 0)
				return true;
		}
		if (console->out < 0) {
			console->pending_start = console->pending_end;
			continue;
		}
		if (!out_is_ready(console))
			return false;
		n = write(console->out, console->pending + console->pending_start,
			  console->pending_end - console->pending_start);
		if (n >= 0)
			console->pending_start += (size_t)n;
		else if (errno == EAGAIN)
			return false;
		else if (errno != EINTR)
			out_give_up(console);
	}
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

static void on_out(void *context, uint32_t events)
{
	struct console *console = context;

	if (output_pump(console))
		out_watch(console, false);
}

static void on_in(void *context, uint32_t events)
{
	input_pump(context);
}

static void on_wake(void *context)
{
	struct console *console = context;

	/* also where the output is gone: then output_pump() throws it away */
	loop_arm(console->gather, GATHER_NS);
	if (console->in_is_file && !console->in_ended)
		while (input_pump(console) && !console->in_ended)
			;
	else
		in_watch(console, serial_input_room(console->serial) > 0);
}

static void on_gathered(void *context)
{
	struct console *console = context;

	out_watch(console, !output_pump(console));
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
	rc = loop_add_wake(loop, on_wake, console, &console->wake);
	if (rc == 0)
		rc = loop_add_timer(loop, on_gathered, console, &console->gather);
	if (rc == 0) {
		struct serial_hooks hooks = {
			.set_irq = config->set_irq,
			.irq_context = config->irq_context,
			.output_ready = config->out >= 0 ? on_serial_moved : NULL,
			.input_ready = on_serial_moved,
			.context = console,
		};

		rc = serial_create(&hooks, &console->serial);
	}
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
	serial_free(console->serial);
	if (console->own_out >= 0)
		close(console->own_out);
	free(console);
}

struct serial *console_serial(struct console *console)
{
	return console->serial;
}

void console_flush(struct console *console)
{
	while (!output_pump(console)) {
		struct pollfd poll_fd = { .fd = console->out, .events = POLLOUT };

		if (poll(&poll_fd, 1, FLUSH_MS) <= 0)
			return;
	}
}
