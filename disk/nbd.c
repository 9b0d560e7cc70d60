/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nbd.c - a disk that a server has: any NBD server, and so any format that one can read
 *
 * A request becomes commands, one for each of its parts, since libnbd takes no lists;
 * at most MAX_COMMANDS are with the server. A request is complete when its last command
 * is, with the first error.
 *
 * libnbd calls back while it holds its lock, and must not be called from there:
 * on_command() only counts. What it completes is done in the turn that follows.
 *
 * When the connection is lost, what is under way and all that follows fails with -EIO.
 * There is no second connection: what the server had promised to write could be gone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "disk/disk_type.h"
#include "disk/nbd_library.h"

#define MAX_COMMANDS	64u
#define MAX_TRANSFER	(4u << 20)   /* bytes of one command; each server takes 32 MiB */
#define MAX_RANGE	(1u << 30)   /* bytes to trim or zero with one command */
#define ZEROES_BYTES	(256u << 10) /* where the server can't make them */
#define CONNECT_SECONDS 30u
#define DRAIN_SECONDS	10u
#define BLOCK_BYTES	4096u

struct nbd {
	struct disk disk; /* first: the type's functions get a pointer to it */
	const struct nbd_library *library;
	struct nbd_handle *handle;
	struct loop *loop;
	struct loop_source *source;
	uint32_t events; /* that the loop waits for */
	bool can_flush, can_trim, can_zero;
	bool is_lost;
	unsigned int outstanding;      /* commands */
	struct disk_requests to_issue; /* the first perhaps in part */
	uint64_t drain_until;	       /* 0: nobody waits yet */
};

/* Never written to. */
static char zeroes[ZEROES_BYTES];

static struct nbd *nbd_of(struct disk *disk)
{
	return (struct nbd *)disk;
}

bool nbd_is_address(const char *file)
{
	static const char *const schemes[] = { "nbd://",       "nbds://",      "nbd+unix://",
					       "nbds+unix://", "nbd+vsock://", "nbds+vsock://" };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (strncmp(file, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

/* --------------------------------------------------------------------------- commands */

static bool is_issued(const struct disk_request *request)
{
	return request->error < 0 ||
	       (request->op == DISK_FLUSH ? request->progress > 0
					  : request->progress == request->length);
}

static void fail_once(struct disk_request *request, int error)
{
	if (request->error == 0)
		request->error = -error;
}

static bool is_loss(int error)
{
	return error == ENOTCONN || error == ESHUTDOWN || error == ECONNRESET || error == EPIPE;
}

/* Under libnbd's lock. 1: the command needs no more attention. */
static int on_command(void *context, int *error)
{
	struct disk_request *request = context;
	struct nbd *nbd = nbd_of(request->disk);

	if (*error != 0)
		fail_once(request, is_loss(*error) ? EIO : *error);
	request->outstanding--;
	nbd->outstanding--;
	/* one that is not wholly issued is the first in the queue: see issue() */
	if (request->outstanding == 0 && is_issued(request) && nbd->to_issue.first != request)
		disk_complete(request, request->error);
	return 1;
}

static int64_t transfer(struct nbd *nbd, struct disk_request *request,
			nbd_completion_callback callback)
{
	struct iovec *part = request->parts;
	size_t bytes = part->iov_len < MAX_TRANSFER ? part->iov_len : MAX_TRANSFER;
	uint64_t offset = request->offset + request->progress;
	void *at = part->iov_base;

	part->iov_base = (char *)at + bytes;
	part->iov_len -= bytes;
	if (part->iov_len == 0) {
		request->parts++;
		request->part_count--;
	}
	request->progress += bytes;
	if (request->op == DISK_READ)
		return nbd->library->aio_pread(nbd->handle, at, bytes, offset, callback, 0);
	return nbd->library->aio_pwrite(nbd->handle, at, bytes, offset, callback, 0);
}

static int64_t clear(struct nbd *nbd, struct disk_request *request,
		     nbd_completion_callback callback)
{
	uint64_t left = request->length - request->progress;
	uint64_t offset = request->offset + request->progress;
	uint64_t most = request->op == DISK_DISCARD || nbd->can_zero ? MAX_RANGE : ZEROES_BYTES;
	uint64_t bytes = left < most ? left : most;

	request->progress += bytes;
	if (request->op == DISK_DISCARD)
		return nbd->library->aio_trim(nbd->handle, bytes, offset, callback, 0);
	if (nbd->can_zero)
		return nbd->library->aio_zero(nbd->handle, bytes, offset, callback,
					      request->may_unmap ? 0 : LIBNBD_CMD_FLAG_NO_HOLE);
	return nbd->library->aio_pwrite(nbd->handle, zeroes, bytes, offset, callback, 0);
}

/* Its next command. */
static void issue(struct nbd *nbd, struct disk_request *request)
{
	nbd_completion_callback callback = NBD_NULL_COMPLETION;
	int64_t rc;

	callback.callback = on_command;
	callback.user_data = request;
	request->outstanding++;
	nbd->outstanding++;
	if (request->op == DISK_FLUSH) {
		request->progress = 1;
		rc = nbd->library->aio_flush(nbd->handle, callback, 0);
	} else if (request->op == DISK_READ || request->op == DISK_WRITE) {
		rc = transfer(nbd, request, callback);
	} else {
		rc = clear(nbd, request, callback);
	}
	if (rc >= 0)
		return;
	/* not queued, so that on_command() is not called */
	request->outstanding--;
	nbd->outstanding--;
	fail_once(request, EIO);
}

/* Takes the first out of the queue. */
static void issue_end(struct nbd *nbd)
{
	struct disk_request *request = disk_requests_pop(&nbd->to_issue);

	if (request->outstanding == 0)
		disk_complete(request, request->error);
}

static void issue_all(struct nbd *nbd)
{
	struct disk_request *request;

	while ((request = nbd->to_issue.first)) {
		if (nbd->is_lost)
			fail_once(request, EIO);
		if (is_issued(request))
			issue_end(nbd);
		else if (nbd->outstanding < MAX_COMMANDS)
			issue(nbd, request);
		else
			return;
	}
}

/* ------------------------------------------------------------------------- connection */

static void lose(struct nbd *nbd)
{
	log_debug("a disk's server is gone: %u commands fail", nbd->outstanding);
	nbd->is_lost = true;
	loop_remove(nbd->source);
	nbd->source = NULL;
	issue_all(nbd);
}

/* The loop waits for what libnbd waits for. */
static void watch(struct nbd *nbd)
{
	unsigned int direction;
	uint32_t events = 0;

	if (nbd->is_lost)
		return;
	if (nbd->library->aio_is_dead(nbd->handle) || nbd->library->aio_is_closed(nbd->handle)) {
		lose(nbd);
		return;
	}
	direction = nbd->library->aio_get_direction(nbd->handle);
	if (direction & LIBNBD_AIO_DIRECTION_READ)
		events |= EPOLLIN;
	if (direction & LIBNBD_AIO_DIRECTION_WRITE)
		events |= EPOLLOUT;
	if (events == nbd->events)
		return;
	if (loop_set_events(nbd->source, events) < 0)
		lose(nbd);
	nbd->events = events;
}

static void nbd_submit(struct disk *disk, struct disk_request *request)
{
	struct nbd *nbd = nbd_of(disk);

	request->error = 0;
	request->outstanding = 0;
	if (nbd->is_lost)
		disk_complete(request, -EIO);
	else if ((request->op == DISK_FLUSH && !nbd->can_flush) ||
		 (request->op == DISK_DISCARD && !nbd->can_trim))
		disk_complete(request, 0);
	else
		disk_requests_push(&nbd->to_issue, request);
}

static void nbd_start(struct disk *disk)
{
	struct nbd *nbd = nbd_of(disk);

	issue_all(nbd);
	watch(nbd);
}

static void on_socket(void *context, uint32_t events)
{
	struct nbd *nbd = context;
	unsigned int direction = nbd->library->aio_get_direction(nbd->handle);

	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && (direction & LIBNBD_AIO_DIRECTION_READ))
		(void)nbd->library->aio_notify_read(nbd->handle);
	else if (direction & LIBNBD_AIO_DIRECTION_WRITE)
		(void)nbd->library->aio_notify_write(nbd->handle);
	disk_turn(&nbd->disk);
}

/* A server that does not answer any more is hung up on. */
static void nbd_wait(struct disk *disk)
{
	struct nbd *nbd = nbd_of(disk);
	uint64_t now = now_ns();

	if (nbd->is_lost)
		return;
	if (nbd->drain_until == 0)
		nbd->drain_until = now + DRAIN_SECONDS * NS_PER_SEC;
	if (now > nbd->drain_until)
		shutdown(nbd->library->aio_get_fd(nbd->handle), SHUT_RDWR);
	(void)nbd->library->poll(nbd->handle, 100);
	if (disk->completed.first)
		nbd->drain_until = 0;
}

static void nbd_close_disk(struct disk *disk)
{
	struct nbd *nbd = nbd_of(disk);

	loop_remove(nbd->source);
	if (nbd->handle) {
		if (nbd->library->aio_is_ready(nbd->handle) > 0)
			(void)nbd->library->aio_disconnect(nbd->handle, 0);
		nbd->library->close(nbd->handle);
	}
	free(nbd);
}

static const struct disk_type nbd_type = {
	.submit = nbd_submit,
	.start = nbd_start,
	.wait = nbd_wait,
	.close = nbd_close_disk,
};

/* ------------------------------------------------------------------------------- open */

static int nbd_fail(const struct nbd *nbd, const char *file, struct fail *why)
{
	const char *text = nbd->library->get_error();

	return fail_set(why, EIO, "cannot use disk '%s': %s", file,
			text ? text : "the server hung up");
}

/* Waits, but not for ever: the server may be there and say nothing. */
static int nbd_connect(struct nbd *nbd, const char *file, struct fail *why)
{
	uint64_t until = now_ns() + CONNECT_SECONDS * NS_PER_SEC;

	if (nbd->library->aio_connect_uri(nbd->handle, file) < 0)
		return nbd_fail(nbd, file, why);
	while (nbd->library->aio_is_ready(nbd->handle) <= 0) {
		if (nbd->library->aio_is_dead(nbd->handle) > 0 ||
		    nbd->library->aio_is_closed(nbd->handle) > 0)
			return nbd_fail(nbd, file, why);
		if (now_ns() > until)
			return fail_set(why, ETIMEDOUT,
					"disk '%s': the server says nothing for %u s", file,
					CONNECT_SECONDS);
		if (nbd->library->poll(nbd->handle, 1000) < 0)
			return nbd_fail(nbd, file, why);
	}
	return 0;
}

static int nbd_learn(struct nbd *nbd, const struct disk_config *config, struct fail *why)
{
	int64_t bytes = nbd->library->get_size(nbd->handle);
	int64_t least = nbd->library->get_block_size(nbd->handle, LIBNBD_SIZE_MINIMUM);
	int is_read_only = nbd->library->is_read_only(nbd->handle);

	if (bytes < 0 || is_read_only < 0)
		return nbd_fail(nbd, config->file, why);
	if (bytes == 0 || bytes % DISK_SECTOR)
		return fail_set(why, EINVAL,
				"disk '%s' has %" PRId64 " bytes, but disks are made of %u",
				config->file, bytes, DISK_SECTOR);
	if (least > (int64_t)DISK_SECTOR)
		return fail_set(why, EINVAL,
				"disk '%s': its server wants blocks of %" PRId64
				" bytes at least, but disks are made of %u",
				config->file, least, DISK_SECTOR);
	nbd->can_flush = nbd->library->can_flush(nbd->handle) > 0;
	nbd->can_trim = nbd->library->can_trim(nbd->handle) > 0;
	nbd->can_zero = nbd->library->can_zero(nbd->handle) > 0;
	nbd->disk.traits = (struct disk_traits){
		.bytes = (uint64_t)bytes,
		.read_only = config->read_only || is_read_only,
		.can_discard = nbd->can_trim,
		.block_bytes = BLOCK_BYTES,
	};
	return 0;
}

static int nbd_make(struct nbd *nbd, const struct disk_config *config, struct fail *why)
{
	int rc = nbd_library_load(&nbd->library, why), fd;

	if (rc < 0)
		return rc;
	nbd->handle = nbd->library->create();
	if (!nbd->handle)
		return nbd_fail(nbd, config->file, why);
	rc = nbd_connect(nbd, config->file, why);
	if (rc == 0)
		rc = nbd_learn(nbd, config, why);
	if (rc < 0)
		return rc;
	nbd->events = EPOLLIN;
	fd = nbd->library->aio_get_fd(nbd->handle);
	rc = loop_add_fd(nbd->loop, fd, nbd->events, on_socket, nbd, &nbd->source);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot wait for disk '%s'", config->file);
	return 0;
}

int nbd_open(const struct disk_config *config, struct loop *loop, struct disk **ret_disk,
	     struct fail *why)
{
	struct nbd *nbd = calloc(1, sizeof(*nbd));
	int rc;

	if (!nbd)
		return fail_errno(why, ENOMEM, "cannot open disk '%s'", config->file);
	nbd->disk.type = &nbd_type;
	nbd->loop = loop;
	rc = nbd_make(nbd, config, why);
	if (rc < 0) {
		nbd_close_disk(&nbd->disk);
		return rc;
	}
	*ret_disk = &nbd->disk;
	return 0;
}
