/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_ram.c - samepage dump-ram: a guest's memory as a raw image
 *
 * The file is made here, with the caller's rights and directory, and passed to
 * the guest open. It gets its name when it is whole: a dump that fails leaves
 * neither half an image nor an older one destroyed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/client.h"
#include "cli/verb.h"

static const struct option options[] = { { 0 } };

/* Removed by a signal that ends us; async-signal-safe because it only is read then. */
static char part_path[PATH_MAX];

static void on_signal(int signal_number)
{
	unlink(part_path);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void remove_on_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

/* A fresh file beside the wanted one, so that a rename is enough. */
static int part_create(const char *path, int *ret_fd, struct fail *why)
{
	struct stat st;
	int n = snprintf(part_path, sizeof(part_path), "%s.XXXXXX", path);

	if (n < 0 || n >= (int)sizeof(part_path))
		return fail_set(why, ENAMETOOLONG, "the path '%s' is too long", path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return fail_set(why, EINVAL, "'%s' is not a regular file", path);
	/* with mode 0600: guest memory holds secrets */
	*ret_fd = mkostemp(part_path, O_CLOEXEC);
	if (*ret_fd < 0)
		return fail_errno(why, errno, "cannot create a file beside '%s'", path);
	remove_on_signals();
	return 0;
}

/* The guest knows what went wrong, but not what the file is called here. */
static int part_fill(struct client *client, int fd, const char *path, struct fail *why)
{
	struct fail cause;
	int rc = client_request(client, CONTROL_DUMP_RAM, fd, CLIENT_NO_TIMEOUT, &cause);

	return rc < 0 ? fail_set(why, -rc, "cannot fill '%s': %s", path, cause.text) : 0;
}

static int dump_ram_exec(const struct call *call, struct fail *why)
{
	AUTO_CLIENT struct client client = CLIENT_NONE;
	const char *path = call->operands[1];
	AUTO_CLOSE int fd = -1;
	int rc = client_connect(call->operands[0], &client, why);

	if (rc < 0)
		return rc;
	rc = part_create(path, &fd, why);
	if (rc == 0)
		rc = part_fill(&client, fd, path, why);
	if (rc == 0 && rename(part_path, path) < 0)
		rc = fail_errno(why, errno, "cannot rename '%s' to '%s'", part_path, path);
	if (rc < 0 && fd >= 0)
		unlink(part_path);
	return rc;
}

const struct verb verb_dump_ram = {
	.name = "dump-ram",
	.purpose = "write the memory of a guest to a file, with the guest paused meanwhile",
	.synopsis = "NAME FILE",
	.example = "  samepage dump-ram web-1 web-1.ram\n",
	.options = options,
	.operands = OPERANDS_GUEST_AND_FILE,
	.min_operands = 2,
	.max_operands = 2,
	.exec = dump_ram_exec,
};
