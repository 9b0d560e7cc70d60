/* SPDX-License-Identifier: Apache-2.0 */
/* raw.c - a disk that is a file or a block device: byte for byte, a request is one job */
#include <stddef.h>
#include <stdlib.h>

#include "disk/disk_type.h"
#include "disk/file_io.h"
#include "disk/image.h"

struct raw {
	struct disk disk; /* first: the type's functions get a pointer to it */
	struct image image;
	struct file_io *io;
};

static struct raw *raw_of(struct disk *disk)
{
	return (struct raw *)disk;
}

static void on_job_done(struct file_job *job, int error)
{
	struct disk_request *request =
		(struct disk_request *)((char *)job - offsetof(struct disk_request, job));

	disk_complete(request, error);
}

static void raw_submit(struct disk *disk, struct disk_request *request)
{
	static const enum file_op ops[] = {
		[DISK_READ] = FILE_READ,	 [DISK_WRITE] = FILE_WRITE,
		[DISK_FLUSH] = FILE_SYNC,	 [DISK_DISCARD] = FILE_PUNCH,
		[DISK_WRITE_ZEROES] = FILE_ZERO,
	};
	struct raw *raw = raw_of(disk);

	request->job = (struct file_job){
		.op = ops[request->op],
		.fd = raw->image.fd,
		.offset = request->offset,
		.length = request->length,
		.parts = request->parts,
		.part_count = request->part_count,
		.may_unmap = request->may_unmap,
		.done = on_job_done,
	};
	file_io_submit(raw->io, &request->job);
}

static void raw_start(struct disk *disk)
{
	file_io_start(raw_of(disk)->io);
}

static void raw_wait(struct disk *disk)
{
	file_io_wait(raw_of(disk)->io);
}

static void raw_close(struct disk *disk)
{
	struct raw *raw = raw_of(disk);

	file_io_free(raw->io);
	image_close(&raw->image);
	free(raw);
}

static const struct disk_type raw_type = {
	.submit = raw_submit,
	.start = raw_start,
	.wait = raw_wait,
	.close = raw_close,
};

static void on_turn(void *context)
{
	disk_turn(context);
}

int raw_open(const struct disk_config *config, struct loop *loop, struct disk **ret_disk,
	     struct fail *why)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	int rc;

	if (!raw)
		return fail_errno(why, ENOMEM, "cannot open disk '%s'", config->file);
	raw->disk.type = &raw_type;
	raw->image.fd = -1;
	rc = image_open(config->file, !config->read_only, config->raw, &raw->image, why);
	if (rc == 0)
		rc = file_io_create(loop, on_turn, &raw->disk, &raw->io, why);
	if (rc < 0) {
		raw_close(&raw->disk);
		return rc;
	}
	raw->disk.traits = (struct disk_traits){
		.bytes = raw->image.bytes,
		.read_only = config->read_only,
		.can_discard = true,
		.block_bytes = raw->image.block_bytes,
	};
	*ret_disk = &raw->disk;
	return 0;
}
