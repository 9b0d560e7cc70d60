/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.c - samepage console: attach to the console of a guest that runs
 *
 * The guest gets one end of a pair of sockets. It closes its end when it ends, and
 * we close ours to detach; neither needs a message.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "cli/client.h"
#include "cli/conduit.h"
#include "cli/terminal.h"
#include "cli/verb.h"

struct settings {
	bool log, no_input, second;
};

static const struct option options[] = {
	{ "log", NULL, "print what was kept so far and return", OPTION_FLAG,
	  offsetof(struct settings, log), 0, 0, 0 },
	{ "no-input", NULL, "only watch: what is typed is not for the guest", OPTION_FLAG,
	  offsetof(struct settings, no_input), 0, 0, 0 },
	{ "second", NULL, "the second console (/dev/hvc0 in the guest), not the serial one",
	  OPTION_FLAG, offsetof(struct settings, second), 0, 0, 0 },
	{ 0 },
};

static const char help[] = "\r\nCtrl-A d  detach: the guest runs on\r\n"
			   "Ctrl-A Ctrl-A  send Ctrl-A\r\n"
			   "Ctrl-A h  this help\r\n";

static void on_signal(int number)
{
	terminal_restore();
	signal(number, SIG_DFL);
	raise(number);
}

/* Whatever ends us gives the terminal back first. */
static void restore_on_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

/* *ret_socket: our end of the console's stream. */
static int console_open(struct client *client, const struct settings *settings, int *ret_socket,
			struct fail *why)
{
	struct control_request request = {
		.type = CONTROL_CONSOLE,
		.number = settings->second ? CONTROL_CONSOLE_SECOND : CONTROL_CONSOLE_SERIAL,
	};
	int ends[2], rc;

	if (settings->log)
		request.number |= CONTROL_CONSOLE_KEPT;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail_errno(why, errno, "cannot make a socket for the console");
	rc = client_request_number(client, &request, ends[1], CLIENT_TIMEOUT_MS, why);
	close(ends[1]);
	if (rc < 0)
		close(ends[0]);
	else
		*ret_socket = ends[0];
	return rc;
}

/* On a terminal: says where the user is, and what has become of it afterwards. */
static int console_run(struct conduit *conduit, const char *name, struct fail *why)
{
	enum conduit_end end = CONDUIT_CLOSED;
	int rc;

	restore_on_signals();
	conduit->has_escapes = conduit->in >= 0 && terminal_make_raw(conduit->in) == 0;
	conduit->help = help;
	if (conduit->has_escapes)
		fprintf(stderr, "[samepage: console of '%s'; Ctrl-A d detaches]\r\n", name);
	rc = conduit_run(conduit, &end);
	terminal_restore();
	if (rc < 0)
		return fail_errno(why, -rc, "cannot write what guest '%s' says", name);
	if (conduit->has_escapes && end == CONDUIT_DETACHED)
		fprintf(stderr, "\n[samepage: detached from '%s', which runs on]\n", name);
	else if (conduit->has_escapes)
		fprintf(stderr, "\n[samepage: '%s' has ended]\n", name);
	return 0;
}

static int console_exec(const struct call *call, struct fail *why)
{
	const struct settings *settings = call->settings;
	AUTO_CLIENT struct client client = CLIENT_NONE;
	AUTO_CLOSE int console = -1;
	struct conduit conduit = {
		.in = settings->log || settings->no_input ? -1 : STDIN_FILENO,
		.out = STDOUT_FILENO,
	};
	int rc = client_connect(call->operands[0], &client, why);

	if (rc == 0)
		rc = console_open(&client, settings, &console, why);
	if (rc < 0)
		return rc;
	conduit.socket = console;
	return console_run(&conduit, client.name, why);
}

const struct verb verb_console = {
	.name = "console",
	.purpose = "attach to the console of a guest that runs",
	.synopsis = "[OPTIONS] NAME",
	.example = "  samepage console web-1\n"
		   "  samepage console --log web-1 | tail\n",
	.options = options,
	.settings_size = sizeof(struct settings),
	.operands = OPERANDS_GUESTS,
	.min_operands = 1,
	.max_operands = 1,
	.exec = console_exec,
};
