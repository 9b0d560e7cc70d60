/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c - the user's terminal as a guest's console */
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define PREFIX 0x01 /* Ctrl-A */

/* The process has one terminal, and atexit() takes no context. */
static struct {
	volatile sig_atomic_t is_raw;
	bool has_hooks;
	int fd;
	struct termios before;
} terminal;

void terminal_restore(void)
{
	int saved = errno;

	if (terminal.is_raw) {
		terminal.is_raw = 0;
		tcsetattr(terminal.fd, TCSANOW, &terminal.before);
	}
	errno = saved;
}

/* A crash: give the terminal back, then die of the same signal. */
static void on_crash(int number)
{
	terminal_restore();
	signal(number, SIG_DFL);
	raise(number);
}

static void hooks_install(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT };

	if (terminal.has_hooks)
		return;
	terminal.has_hooks = true;
	atexit(terminal_restore);
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
		struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_NODEFER }, old;

		if (sigaction(crashes[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(crashes[i], &action, NULL);
	}
}

int terminal_make_raw(int fd)
{
	struct termios raw;

	if (tcgetattr(fd, &raw) < 0)
		return -ENOTTY;
	terminal_restore();
	terminal.fd = fd;
	terminal.before = raw;
	cfmakeraw(&raw);
	raw.c_oflag = terminal.before.c_oflag; /* our own messages still end in a new line */
	hooks_install();
	terminal.is_raw = 1;
	if (tcsetattr(fd, TCSANOW, &raw) < 0) {
		terminal.is_raw = 0;
		return -errno;
	}
	return 0;
}

static enum escape_action escape_action(const struct escape *escape, unsigned char key)
{
	switch (key) {
	case 'x':
		return escape->is_attached ? ESCAPE_NONE : ESCAPE_QUIT;
	case 'd':
		return escape->is_attached ? ESCAPE_DETACH : ESCAPE_NONE;
	case 'h':
		return ESCAPE_HELP;
	default: /* no sequence of ours: neither byte is for the guest */
		return ESCAPE_NONE;
	}
}

size_t escape_filter(struct escape *escape, unsigned char *bytes, size_t length,
		     enum escape_action *ret_action)
{
	size_t kept = 0;

	*ret_action = ESCAPE_NONE;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = bytes[i];
		enum escape_action action;

		if (!escape->after_prefix && byte == PREFIX) {
			escape->after_prefix = true;
			continue;
		}
		if (!escape->after_prefix || byte == PREFIX) {
			escape->after_prefix = false;
			bytes[kept++] = byte;
			continue;
		}
		escape->after_prefix = false;
		action = escape_action(escape, byte);
		if (action != ESCAPE_NONE)
			*ret_action = action;
		if (action == ESCAPE_QUIT || action == ESCAPE_DETACH)
			return kept;
	}
	return kept;
}
