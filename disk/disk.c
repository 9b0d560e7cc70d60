/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.c - bytes that outlive the guest: what all kinds of disks have in common
 *
 * Here a request is checked, once, before any kind of disk sees it, and here it is
 * done, once: done() is called in one place.
 */
#include "disk/disk.h"

#include <assert.h>
#include <stdlib.h>

#include "disk/disk_type.h"

void disk_requests_push(struct disk_requests *list, struct disk_request *request)
{
	request->next = NULL;
	if (list->last)
		list->last->next = request;
	else
		list->first = request;
	list->last = request;
}

struct disk_request *disk_requests_pop(struct disk_requests *list)
{
	struct disk_request *request = list->first;

	if (request)
		list->first = request->next;
	if (!list->first)
		list->last = NULL;
	return request;
}

int disk_open(const struct disk_config *config, struct loop *loop, struct disk **ret_disk,
	      struct fail *why)
{
	if (nbd_is_address(config->file)) {
		if (config->overlay)
			return fail_set(why, EINVAL,
					"disk '%s': an overlay needs a file or a block device, "
					"not a server",
					config->file);
		return nbd_open(config, loop, ret_disk, why);
	}
	if (config->overlay)
		return overlay_open(config, loop, ret_disk, why);
	return raw_open(config, loop, ret_disk, why);
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	disk_drain(disk);
	disk->type->close(disk);
}

const struct disk_traits *disk_traits(const struct disk *disk)
{
	return &disk->traits;
}

void disk_count(const struct disk *disk, struct disk_counters *ret_counters)
{
	for (unsigned int i = 0; i < DISK_OPS; i++) {
		ret_counters->requests[i] = atomic_load(&disk->counters.requests[i]);
		ret_counters->bytes[i] = atomic_load(&disk->counters.bytes[i]);
	}
	ret_counters->errors = atomic_load(&disk->counters.errors);
}

void disk_set_turn(struct disk *disk, void (*turn)(void *context), void *context)
{
	disk->turn = turn;
	disk->turn_context = context;
}

static int request_check(const struct disk *disk, const struct disk_request *request)
{
	const struct disk_traits *traits = &disk->traits;

	if (request->op == DISK_FLUSH)
		return 0;
	if (request->offset % DISK_SECTOR || request->length % DISK_SECTOR)
		return -EINVAL;
	if (request->offset > traits->bytes || request->length > traits->bytes - request->offset)
		return -EIO;
	if (traits->read_only && request->op != DISK_READ)
		return -EROFS;
	return 0;
}

void disk_submit(struct disk *disk, struct disk_request *request)
{
	int rc = request_check(disk, request);

	request->disk = disk;
	request->progress = 0;
	disk->in_flight++;
	disk->has_submitted = true;
	if (rc < 0 || (request->length == 0 && request->op != DISK_FLUSH))
		disk_complete(request, rc);
	else
		disk->type->submit(disk, request);
}

/* One thread writes, so that no add has to be atomic. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, value + more, memory_order_relaxed);
}

void disk_complete(struct disk_request *request, int error)
{
	struct disk *disk = request->disk;

	count(&disk->counters.requests[request->op], 1);
	if (error < 0)
		count(&disk->counters.errors, 1);
	else if (request->op != DISK_FLUSH)
		count(&disk->counters.bytes[request->op], request->length);
	request->error = error;
	disk_requests_push(&disk->completed, request);
}

void disk_turn(struct disk *disk)
{
	struct disk_request *request;
	bool was_any = false;

	if (disk->is_turning)
		return; /* from done(): the turn goes on */
	disk->is_turning = true;
	do {
		disk->has_submitted = false;
		disk->type->start(disk);
		while ((request = disk_requests_pop(&disk->completed))) {
			assert(disk->in_flight > 0);
			disk->in_flight--;
			was_any = true;
			request->done(request, request->error);
		}
	} while (disk->has_submitted);
	disk->is_turning = false;
	if (was_any && disk->turn)
		disk->turn(disk->turn_context);
}

void disk_start(struct disk *disk)
{
	disk_turn(disk);
}

void disk_drain(struct disk *disk)
{
	disk_turn(disk);
	while (disk->in_flight > 0) {
		disk->type->wait(disk);
		disk_turn(disk);
	}
}
