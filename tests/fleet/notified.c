/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notified.c - runs a command as a service manager would, and prints what it says of itself
 *
 *   notified [-t TEXT] COMMAND...
 *
 * Each datagram to $NOTIFY_SOCKET is a line, in which '|' stands for an end of a line. Once
 * one of them begins with TEXT the command gets a SIGTERM. Ends with the command's status,
 * or with 1 where it takes longer than a minute.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_SECONDS 60

/* In no file system; the kernel draws the name. */
static int manager_listen(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(sa_family_t);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0)
		abort();
	length = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		abort();
	address.sun_path[0] = '@';
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	return fd;
}

/* Whether the datagram begins with the text that is waited for. */
static int datagram_print(int fd, const char *awaited)
{
	char text[4096] = "";
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return 0;
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = '|';
	puts(text);
	fflush(stdout);
	return awaited && strncmp(text, awaited, strlen(awaited)) == 0;
}

int main(int count, char **arguments)
{
	const char *awaited = count > 2 && strcmp(arguments[1], "-t") == 0 ? arguments[2] : NULL;
	char **command = arguments + (awaited ? 3 : 1);
	struct pollfd manager = { .fd = manager_listen(), .events = POLLIN };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	for (int tries = 0; waitpid(pid, &status, WNOHANG) == 0; tries++) {
		if (tries > PATIENCE_SECONDS * 10) {
			kill(pid, SIGKILL);
			return EXIT_FAILURE;
		}
		if (poll(&manager, 1, 100) > 0 && datagram_print(manager.fd, awaited))
			kill(pid, SIGTERM);
	}
	while (poll(&manager, 1, 0) > 0)
		datagram_print(manager.fd, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
