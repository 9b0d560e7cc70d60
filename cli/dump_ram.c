/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_ram.c - samepage dump-ram: a guest's memory as a raw image
 *
 * The file is made here, with the caller's rights and directory, and passed to
 * the guest open.
 */
#include <errno.h>

#include "cli/client.h"
#include "cli/new_file.h"
#include "cli/verb.h"

static const struct option options[] = { { 0 } };

/* The guest knows what went wrong, but not what the file is called here. */
static int file_fill(struct client *client, int fd, const char *path, struct fail *why)
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
	/* for the user alone: guest memory holds secrets */
	rc = new_file_create(path, 0600, &fd, why);
	if (rc < 0)
		return rc;
	return new_file_end(path, file_fill(&client, fd, path, why), why);
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
