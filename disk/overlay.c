/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay.c - a disk over a base that is only read: what is written goes to a private file
 *
 * Theory of operation
 *
 * The base may be the base of many guests at once; its pages are in the host's cache
 * once. The private file has no name and goes with the process, so that a flush has
 * nothing to make durable. Both have each byte at the same offset. A map in memory says
 * for each block of 4 KiB which of the two has it: a block that the map does not have is
 * the base's, whatever the private file holds there.
 *
 *	read	in runs of blocks that are in the same file, one after the other
 *	write	to the private file; then its blocks are in the map
 *
 * A write that covers a block of the base in part copies the rest of it up first. So
 * two writes that are in flight and touch the same block of the base could lose what
 * the other wrote, though no byte is in both, and such a pair is what the guest may well
 * make. Therefore a write that touches blocks of the base is *listed* until it is done,
 * and one that shares a block with it waits. Writes to blocks that are in the map need
 * none of this: nobody copies over them.
 *
 * Zeroes are a hole in the private file. To discard makes a hole in what is in the map.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk/block_map.h"
#include "disk/disk_type.h"
#include "disk/file_io.h"
#include "disk/image.h"

#define BLOCK_BYTES 4096u

struct overlay {
	struct disk disk; /* first: the type's functions get a pointer to it */
	struct image base;
	int fd; /* of the private file */
	struct file_io *io;
	struct block_map map;

	struct disk_request *listed;	/* by `sibling`: writes that touch blocks of the base */
	struct disk_requests waiting;	/* for one that is listed */
	struct disk_requests to_copy;	/* listed, and wait for the copier */
	struct disk_request *copies_up; /* one at a time; NULL: nobody does */
	uint64_t copied_block;
	struct iovec copied_part;
	char copied[BLOCK_BYTES];
};

static struct overlay *overlay_of(const struct disk_request *request)
{
	return (struct overlay *)request->disk;
}

static struct disk_request *request_of(struct file_job *job)
{
	return (struct disk_request *)((char *)job - offsetof(struct disk_request, job));
}

static uint64_t request_end(const struct disk_request *request)
{
	return request->offset + request->length;
}

static uint64_t first_block(const struct disk_request *request)
{
	return request->offset / BLOCK_BYTES;
}

static uint64_t last_block(const struct disk_request *request)
{
	return (request_end(request) - 1) / BLOCK_BYTES;
}

/* ----------------------------------------------------------------------------- reads */

/* Takes the parts of the next `length` bytes into the job; the last may be cut in two. */
static void step_begin(struct disk_request *request, uint64_t length)
{
	unsigned int count = 0;
	uint64_t bytes = 0;

	while (count < request->part_count && bytes < length)
		bytes += request->parts[count++].iov_len;
	request->rest.iov_len = bytes - length;
	if (request->rest.iov_len > 0) {
		struct iovec *last = &request->parts[count - 1];

		last->iov_len -= request->rest.iov_len;
		request->rest.iov_base = (char *)last->iov_base + last->iov_len;
	}
	request->step_parts = count;
	request->job.parts = request->parts;
	request->job.part_count = count;
	request->job.length = length;
}

static void step_end(struct disk_request *request)
{
	unsigned int count = request->step_parts;

	if (request->rest.iov_len > 0)
		request->parts[--count] = request->rest;
	request->parts += count;
	request->part_count -= count;
	request->progress += request->job.length;
}

static void on_read(struct file_job *job, int error);

static void read_next(struct disk_request *request)
{
	struct overlay *overlay = overlay_of(request);
	uint64_t position = request->offset + request->progress;
	uint64_t block = position / BLOCK_BYTES;
	uint64_t run = block_map_run(&overlay->map, block, last_block(request) - block + 1);
	uint64_t run_end = (block + run) * BLOCK_BYTES, end = request_end(request);

	request->job = (struct file_job){
		.op = FILE_READ,
		.fd = block_map_has(&overlay->map, block) ? overlay->fd : overlay->base.fd,
		.offset = position,
		.done = on_read,
	};
	step_begin(request, (run_end < end ? run_end : end) - position);
	file_io_submit(overlay->io, &request->job);
}

static void on_read(struct file_job *job, int error)
{
	struct disk_request *request = request_of(job);

	step_end(request);
	if (error < 0 || request->progress == request->length)
		disk_complete(request, error);
	else
		read_next(request);
}

/* ---------------------------------------------------------------------------- writes */

static bool has_all_blocks(const struct overlay *overlay, const struct disk_request *request)
{
	uint64_t first = first_block(request), count = last_block(request) - first + 1;

	return block_map_has(&overlay->map, first) &&
	       block_map_run(&overlay->map, first, count) == count;
}

static bool shares_block_with_listed(const struct overlay *overlay,
				     const struct disk_request *request)
{
	const struct disk_request *other = overlay->listed;

	while (other && (last_block(other) < first_block(request) ||
			 first_block(other) > last_block(request)))
		other = other->sibling;
	return other != NULL;
}

static void unlist(struct overlay *overlay, struct disk_request *request)
{
	struct disk_request **link = &overlay->listed;

	while (*link && *link != request)
		link = &(*link)->sibling;
	if (*link)
		*link = request->sibling;
}

static void write_begin(struct disk_request *request);

static void write_end(struct disk_request *request, int error)
{
	struct overlay *overlay = overlay_of(request);
	struct disk_requests waiting = overlay->waiting;
	struct disk_request *next;

	unlist(overlay, request);
	disk_complete(request, error);
	overlay->waiting = (struct disk_requests){ 0 };
	while ((next = disk_requests_pop(&waiting)))
		write_begin(next);
}

static void on_written(struct file_job *job, int error)
{
	struct disk_request *request = request_of(job);
	struct overlay *overlay = overlay_of(request);
	uint64_t first = first_block(request);

	if (error == 0)
		block_map_set(&overlay->map, first, last_block(request) - first + 1);
	write_end(request, error);
}

static void write_all(struct disk_request *request)
{
	struct overlay *overlay = overlay_of(request);

	request->job = (struct file_job){
		.op = request->op == DISK_WRITE ? FILE_WRITE : FILE_ZERO,
		.fd = overlay->fd,
		.offset = request->offset,
		.length = request->length,
		.parts = request->parts,
		.part_count = request->part_count,
		.may_unmap = true,
		.done = on_written,
	};
	file_io_submit(overlay->io, &request->job);
}

/* Whether a block of the base is covered in part, and which. */
static bool block_to_copy(const struct disk_request *request, uint64_t *ret_block)
{
	const struct overlay *overlay = overlay_of(request);
	uint64_t first = first_block(request), last = last_block(request);
	uint64_t end = request_end(request);

	if (request->offset % BLOCK_BYTES && !block_map_has(&overlay->map, first)) {
		*ret_block = first;
		return true;
	}
	/* the last block of the disk may be a short one */
	if (end % BLOCK_BYTES && end < overlay->base.bytes && !block_map_has(&overlay->map, last)) {
		*ret_block = last;
		return true;
	}
	return false;
}

static void write_step(struct disk_request *request);

static void copy_end(struct disk_request *request, int error)
{
	struct overlay *overlay = overlay_of(request);
	struct disk_request *next;

	overlay->copies_up = NULL;
	if (error < 0)
		write_end(request, error);
	else
		write_step(request);
	while (!overlay->copies_up && (next = disk_requests_pop(&overlay->to_copy)))
		write_step(next);
}

static void on_copied_up(struct file_job *job, int error)
{
	struct disk_request *request = request_of(job);
	struct overlay *overlay = overlay_of(request);

	if (error == 0)
		block_map_set(&overlay->map, overlay->copied_block, 1);
	copy_end(request, error);
}

static void copy_submit(struct disk_request *request, enum file_op op, int fd,
			void (*done)(struct file_job *job, int error))
{
	struct overlay *overlay = overlay_of(request);
	uint64_t offset = overlay->copied_block * BLOCK_BYTES;
	uint64_t left = overlay->base.bytes - offset;

	overlay->copied_part = (struct iovec){
		.iov_base = overlay->copied,
		.iov_len = left < BLOCK_BYTES ? left : BLOCK_BYTES,
	};
	request->job = (struct file_job){
		.op = op,
		.fd = fd,
		.offset = offset,
		.length = overlay->copied_part.iov_len,
		.parts = &overlay->copied_part,
		.part_count = 1,
		.done = done,
	};
	file_io_submit(overlay->io, &request->job);
}

static void on_copy_read(struct file_job *job, int error)
{
	struct disk_request *request = request_of(job);

	if (error < 0)
		copy_end(request, error);
	else
		copy_submit(request, FILE_WRITE, overlay_of(request)->fd, on_copied_up);
}

/* What a listed write has to do next. */
static void write_step(struct disk_request *request)
{
	struct overlay *overlay = overlay_of(request);
	uint64_t block;

	if (!block_to_copy(request, &block)) {
		write_all(request);
	} else if (overlay->copies_up) {
		disk_requests_push(&overlay->to_copy, request);
	} else {
		overlay->copies_up = request;
		overlay->copied_block = block;
		copy_submit(request, FILE_READ, overlay->base.fd, on_copy_read);
	}
}

static void write_begin(struct disk_request *request)
{
	struct overlay *overlay = overlay_of(request);

	if (has_all_blocks(overlay, request)) {
		write_all(request);
	} else if (shares_block_with_listed(overlay, request)) {
		disk_requests_push(&overlay->waiting, request);
	} else {
		request->sibling = overlay->listed;
		overlay->listed = request;
		write_step(request);
	}
}

/* -------------------------------------------------------------------------- the rest */

static void on_discarded(struct file_job *job, int error)
{
	disk_complete(request_of(job), error);
}

static void discard(struct disk_request *request)
{
	struct overlay *overlay = overlay_of(request);

	request->job = (struct file_job){
		.op = FILE_PUNCH,
		.fd = overlay->fd,
		.offset = request->offset,
		.length = request->length,
		.done = on_discarded,
	};
	file_io_submit(overlay->io, &request->job);
}

static void overlay_submit(struct disk *disk, struct disk_request *request)
{
	switch (request->op) {
	case DISK_READ:
		read_next(request);
		break;
	case DISK_WRITE:
	case DISK_WRITE_ZEROES:
		write_begin(request);
		break;
	case DISK_DISCARD:
		discard(request);
		break;
	case DISK_FLUSH:
		disk_complete(request, 0);
		break;
	}
}

static void overlay_start(struct disk *disk)
{
	file_io_start(((struct overlay *)disk)->io);
}

static void overlay_wait(struct disk *disk)
{
	file_io_wait(((struct overlay *)disk)->io);
}

static void overlay_close(struct disk *disk)
{
	struct overlay *overlay = (struct overlay *)disk;

	file_io_free(overlay->io);
	block_map_done(&overlay->map);
	if (overlay->fd >= 0)
		close(overlay->fd);
	image_close(&overlay->base);
	free(overlay);
}

static const struct disk_type overlay_type = {
	.submit = overlay_submit,
	.start = overlay_start,
	.wait = overlay_wait,
	.close = overlay_close,
};

static void on_turn(void *context)
{
	disk_turn(context);
}

/* A file without a name. Not every file system can make one that never had any. */
static int private_file_open(const char *dir, struct fail *why)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	char path[4096];

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		snprintf(path, sizeof(path), "%s/samepage-overlay-XXXXXX", dir);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		return fail_errno(why, errno, "cannot make the overlay's file in '%s'", dir);
	return fd;
}

static const char *private_file_dir(const struct disk_config *config)
{
	const char *dir = config->overlay_dir;

	if (!dir)
		dir = getenv("TMPDIR");
	return dir && *dir ? dir : "/var/tmp";
}

static int overlay_make(struct overlay *overlay, const struct disk_config *config,
			struct loop *loop, struct fail *why)
{
	const char *dir = private_file_dir(config);
	int rc = image_open(config->file, false, config->raw, &overlay->base, why);

	if (rc < 0)
		return rc;
	overlay->fd = private_file_open(dir, why);
	if (overlay->fd < 0)
		return overlay->fd;
	if (ftruncate(overlay->fd, (off_t)overlay->base.bytes) < 0)
		return fail_errno(why, errno, "cannot make the overlay's file in '%s'", dir);
	rc = block_map_init(&overlay->map, (overlay->base.bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot make the overlay of disk '%s'", config->file);
	return file_io_create(loop, on_turn, &overlay->disk, &overlay->io, why);
}

int overlay_open(const struct disk_config *config, struct loop *loop, struct disk **ret_disk,
		 struct fail *why)
{
	struct overlay *overlay = calloc(1, sizeof(*overlay));
	int rc;

	if (!overlay)
		return fail_errno(why, ENOMEM, "cannot open disk '%s'", config->file);
	overlay->disk.type = &overlay_type;
	overlay->base.fd = -1;
	overlay->fd = -1;
	rc = overlay_make(overlay, config, loop, why);
	if (rc < 0) {
		overlay_close(&overlay->disk);
		return rc;
	}
	overlay->disk.traits = (struct disk_traits){
		.bytes = overlay->base.bytes,
		.read_only = config->read_only,
		.can_discard = true,
		.block_bytes = BLOCK_BYTES,
	};
	*ret_disk = &overlay->disk;
	return 0;
}
