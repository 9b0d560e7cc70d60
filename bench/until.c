/* SPDX-License-Identifier: Apache-2.0 */
/*
 * until.c - how long a program takes until it says a certain word
 *
 *   until SECONDS WORD COMMAND [ARGUMENT...]
 *
 * Starts the command with its output and its messages in one pipe, prints the
 * nanoseconds from just before its start to the arrival of WORD, and kills it.
 * Ends with 1, and passes on the last of what came, if the command ends without the
 * word or SECONDS are over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* More than a kernel's whole log; what comes after that is not looked at. */
#define KEPT_BYTES  (1 << 20)
#define SHOWN_BYTES 2000

static char kept[KEPT_BYTES];
static size_t kept_used;

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static pid_t command_start(char **command, int output)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execvp(command[0], command);
	fprintf(stderr, "until: %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

/* Whether the word has come by the deadline; it may arrive in pieces. */
static int word_arrives(int input, const char *word, uint64_t deadline_ns)
{
	size_t length = strlen(word);

	for (;;) {
		struct pollfd poll_fd = { .fd = input, .events = POLLIN };
		uint64_t now = now_ns();
		size_t from = kept_used < length ? 0 : kept_used - length;
		ssize_t n;

		if (now >= deadline_ns || kept_used == KEPT_BYTES)
			return 0;
		if (poll(&poll_fd, 1, (int)((deadline_ns - now) / 1000000) + 1) <= 0)
			continue;
		n = read(input, kept + kept_used, KEPT_BYTES - kept_used);
		if (n <= 0)
			return 0;
		kept_used += (size_t)n;
		if (memmem(kept + from, kept_used - from, word, length))
			return 1;
	}
}

int main(int argc, char **argv)
{
	uint64_t start_ns, end_ns;
	size_t shown;
	int ends[2], found;
	pid_t pid;

	if (argc < 4) {
		fprintf(stderr, "usage: until SECONDS WORD COMMAND [ARGUMENT...]\n");
		return 2;
	}
	if (pipe2(ends, O_CLOEXEC) < 0) {
		perror("until: pipe");
		return 1;
	}
	start_ns = now_ns();
	pid = command_start(argv + 3, ends[1]);
	if (pid < 0) {
		perror("until: fork");
		return 1;
	}
	close(ends[1]);
	found = word_arrives(ends[0], argv[2], start_ns + strtoull(argv[1], NULL, 10) * 1000000000);
	end_ns = now_ns();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (found) {
		printf("%llu\n", (unsigned long long)(end_ns - start_ns));
		return 0;
	}
	shown = kept_used < SHOWN_BYTES ? kept_used : SHOWN_BYTES;
	fwrite(kept + kept_used - shown, 1, shown, stderr);
	return 1;
}
