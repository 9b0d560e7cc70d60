/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passt.c - a net through passt, which makes a guest's connections a user's sockets
 *
 * passt runs beside the guest's process, with one end of a socket pair as its only
 * connection, and ends when the other end is closed: also when this process is killed.
 * It starts in the foreground, says on standard error what is wrong, and moves to the
 * background when it is ready: then its first process exits with 0, and the error
 * stream is closed.
 *
 * The guest gets the host's address by DHCP, and reaches what the host reaches, but
 * not what listens on the host's own loopback (--no-map-gw).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "net/backend.h"
#include "net/name_servers.h"
#include "net/stream.h"

#define PASST_FD	 3     /* where it finds its socket */
#define PASST_MTU	 65520 /* what it tells the guest by DHCP, too */
#define START_TIMEOUT_NS (10 * NS_PER_SEC)
#define WORDS_SIZE	 4096 /* of what it says at its start, the end is kept */
#define SPEC_SIZE	 (INET6_ADDRSTRLEN + sizeof("/65535:65535"))

/* Its command line. */
struct command {
	char specs[NET_MAX_FORWARDS][SPEC_SIZE];
	char servers[NAME_SERVERS_MAX][INET6_ADDRSTRLEN];
	char *words[8 + 2 * NAME_SERVERS_MAX + 2 * NET_MAX_FORWARDS];
	unsigned int count;
};

static void command_add(struct command *command, const char *word)
{
	command->words[command->count++] = (char *)(uintptr_t)word;
	command->words[command->count] = NULL;
}

/* It reads the default file itself, and leaves out whom the guest can't ask. */
static void command_add_servers(struct command *command)
{
	unsigned int count = 0;

	if (name_servers_read(NAME_SERVERS_DEFAULT, command->servers) == 0)
		count = name_servers_read(NAME_SERVERS_SYSTEMD, command->servers);
	for (unsigned int i = 0; i < count; i++) {
		command_add(command, "--dns");
		command_add(command, command->servers[i]);
	}
}

static void command_make(struct command *command, const struct net_config *config)
{
	command->count = 0;
	command_add(command, "passt");
	command_add(command, "--quiet");
	command_add(command, "--no-map-gw");
	command_add(command, "--fd");
	command_add(command, "3");
	command_add_servers(command);
	for (unsigned int i = 0; i < config->forward_count; i++) {
		const struct net_forward *forward = &config->forwards[i];

		snprintf(command->specs[i], SPEC_SIZE, "%s/%u:%u", forward->address, forward->host,
			 forward->guest);
		command_add(command, forward->is_udp ? "--udp-ports" : "--tcp-ports");
		command_add(command, command->specs[i]);
	}
}

/* Returns a positive errno value, or 0. */
static int command_spawn(const struct command *command, int socket_fd, int error_fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, ignored;
	int rc;

	sigemptyset(&none);
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE); /* by us */
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, error_fd, 2);
	posix_spawn_file_actions_adddup2(&actions, socket_fd, PASST_FD);
	posix_spawn_file_actions_addclosefrom_np(&actions, PASST_FD + 1);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &ignored);
	/* a session of its own: what is typed at the guest's terminal must not end it */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawnp(ret_pid, command->words[0], &actions, &attributes, command->words,
			  environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* -------------------------------------------------------------- its start */

/* Waits until the descriptor can be read; false: not before the deadline. */
static bool wait_readable(int fd, uint64_t deadline_ns)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int n;

	do {
		uint64_t now = now_ns();
		uint64_t left = now < deadline_ns ? deadline_ns - now : 0;

		n = poll(&poll_fd, 1, (int)(left / NS_PER_MS));
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* The end of what it says until it closes the stream; false: it did not in time. */
static bool read_words(int fd, uint64_t deadline_ns, char words[WORDS_SIZE])
{
	size_t used = 0;
	ssize_t n = -1;

	while (n != 0 && wait_readable(fd, deadline_ns)) {
		if (used == WORDS_SIZE - 1) {
			used /= 2;
			memmove(words, words + WORDS_SIZE - 1 - used, used);
		}
		n = read(fd, words + used, WORDS_SIZE - 1 - used);
		if (n > 0)
			used += (size_t)n;
		if (n < 0 && errno != EINTR)
			break;
	}
	words[used] = '\0';
	return n == 0;
}

/* The last line is what it ended for. Complaints about a missing syslog are none. */
static const char *last_words(char *words)
{
	const char *last = "it gave no reason";
	char *rest = words, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line && strncmp(line, "Failed to send", strlen("Failed to send")) != 0)
			last = line;
	return last;
}

static int wait_exit(pid_t pid, uint64_t deadline_ns, int *ret_status)
{
	AUTO_CLOSE int pid_fd = pidfd_open(pid, 0);
	bool in_time = pid_fd >= 0 && wait_readable(pid_fd, deadline_ns);

	if (!in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return in_time ? 0 : -ETIMEDOUT;
}

/* Waits until it is ready, or says why it is not. */
static int wait_ready(pid_t pid, int error_fd, struct fail *why)
{
	uint64_t deadline_ns = now_ns() + START_TIMEOUT_NS;
	char words[WORDS_SIZE];
	bool in_time = read_words(error_fd, deadline_ns, words);
	const char *last = last_words(words);
	int status = 0, rc = wait_exit(pid, in_time ? deadline_ns : 0, &status);

	if (rc == -ETIMEDOUT)
		return fail_set(why, ETIMEDOUT, "passt was not ready in 10 seconds: %s", last);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot wait for passt");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (strstr(last, "bind"))
		return fail_set(why, EADDRINUSE,
				"passt can't forward: a port is in use, or not for this user (%s)",
				last);
	return fail_set(why, EIO, "passt, which carries the network, did not start: %s", last);
}

static int passt_start(const struct net_config *config, int socket_fd, struct fail *why)
{
	AUTO_CLOSE int error_fd = -1;
	AUTO_CLOSE int its_error_fd = -1;
	struct command command;
	int pipe_fds[2], rc;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail_errno(why, errno, "cannot start passt");
	error_fd = pipe_fds[0];
	its_error_fd = pipe_fds[1];
	command_make(&command, config);
	rc = command_spawn(&command, socket_fd, its_error_fd, &pid);
	if (rc == ENOENT)
		return fail_set(why, ENOENT,
				"--net user needs the program passt: install the package 'passt'");
	if (rc != 0)
		return fail_errno(why, rc, "cannot start passt");
	close(TAKE_FD(its_error_fd));
	return wait_ready(pid, error_fd, why);
}

int passt_open(const struct net_config *config, struct net **ret_net, struct fail *why)
{
	AUTO_CLOSE int its_fd = -1;
	AUTO_CLOSE int fd = -1;
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return fail_errno(why, errno, "cannot make a socket for passt");
	fd = fds[0];
	its_fd = fds[1];
	rc = passt_start(config, its_fd, why);
	if (rc < 0)
		return rc;
	return stream_open(TAKE_FD(fd), config->name, PASST_MTU, ret_net, why);
}
