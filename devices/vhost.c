/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost.c - queues of a virtio device that the host's kernel serves
 *
 * The kernel gets what we would look at ourselves: the same memory, rings at the same
 * addresses (checked by virtqueue_start() already), the same eventfd for kicks, and the
 * one that the carrier has for interrupts. It begins where the queue stands, so that
 * what was taken before is not taken again.
 */
#include "devices/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "vmm/gmem_dirty.h"

/* What the kernel has to know of the rings, whatever the device is. */
#define RING_FEATURES                                                                              \
	(VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | VIRTIO_FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |        \
	 VIRTIO_FEATURE(VIRTIO_RING_F_EVENT_IDX))

struct vhost {
	int fd;
	int error_fd; /* an eventfd: the kernel finds a queue wrong */
	unsigned int queues;
	uint64_t features;
	bool logs; /* what it writes to guest memory, for the dedup thread to look at */

	/* while started */
	struct virtio *virtio; /* NULL: not started */
	unsigned int first;
	struct loop_source *error;
	loop_fn *on_error;
	void *context;
};

/* An ioctl as a row: its failures are all alike. */
static int request(const struct vhost *vhost, unsigned long number, void *argument,
		   const char *what, struct fail *why)
{
	if (ioctl(vhost->fd, number, argument) < 0)
		return fail_errno(why, errno, "the kernel can't serve a queue: %s", what);
	return 0;
}

int vhost_open(const char *path, unsigned int queues, struct vhost **ret_vhost, struct fail *why)
{
	struct vhost *vhost = calloc(1, sizeof(*vhost));
	__u64 features;
	int rc;

	if (!vhost)
		return fail_errno(why, ENOMEM, "cannot open '%s'", path);
	vhost->queues = queues < VHOST_MAX_QUEUES ? queues : VHOST_MAX_QUEUES;
	vhost->error_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vhost->fd = vhost->error_fd < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (vhost->fd < 0)
		rc = fail_errno(why, errno, "cannot open '%s'", path);
	else if (ioctl(vhost->fd, VHOST_SET_OWNER) < 0)
		rc = fail_errno(why, errno, "cannot own '%s'", path);
	else
		rc = request(vhost, VHOST_GET_FEATURES, &features, "features", why);
	if (rc < 0) {
		vhost_close(vhost);
		return rc;
	}
	vhost->features = features;
	*ret_vhost = vhost;
	return 0;
}

void vhost_close(struct vhost *vhost)
{
	if (!vhost)
		return;
	loop_remove(vhost->error);
	auto_close(&vhost->error_fd);
	auto_close(&vhost->fd);
	free(vhost);
}

int vhost_fd(const struct vhost *vhost)
{
	return vhost->fd;
}

uint64_t vhost_features(const struct vhost *vhost)
{
	return vhost->features;
}

bool vhost_is_started(const struct vhost *vhost)
{
	return vhost->virtio != NULL;
}

bool vhost_can_serve(const struct vhost *vhost, const struct virtio *virtio, uint64_t also)
{
	uint64_t wanted = virtio->driver_features & (RING_FEATURES | also);

	return !(wanted & ~vhost->features);
}

static int set_memory(const struct vhost *vhost, const struct gmem *gmem, struct fail *why)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region regions[GMEM_MAX_REGIONS];
	} table = { 0 };
	struct gmem_region regions[GMEM_MAX_REGIONS];

	table.head.nregions = (uint32_t)gmem_regions(gmem, regions);
	for (uint32_t i = 0; i < table.head.nregions; i++)
		table.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = regions[i].gpa,
			.memory_size = regions[i].bytes,
			.userspace_addr = (uintptr_t)gmem_base(gmem) + regions[i].offset,
		};
	return request(vhost, VHOST_SET_MEM_TABLE, &table, "memory", why);
}

/* The kernel sets a bit for each page that it writes to: gmem_dirty.h. */
static int set_log(struct vhost *vhost, struct gmem *gmem, struct fail *why)
{
	__u64 base = (uintptr_t)gmem_dirty_marks(gmem_dirty(gmem));

	vhost->logs = (vhost->features & VIRTIO_FEATURE(VHOST_F_LOG_ALL)) &&
		      gmem_dirty_is_wanted(gmem_dirty(gmem));
	return vhost->logs ? request(vhost, VHOST_SET_LOG_BASE, &base, "log", why) : 0;
}

static int set_ring(const struct vhost *vhost, unsigned int index, const struct virtqueue *queue,
		    struct fail *why)
{
	struct vhost_vring_state size = { .index = index, .num = queue->size };
	struct vhost_vring_state base = { .index = index, .num = queue->next_available };
	struct vhost_vring_addr addresses = {
		.index = index,
		.flags = vhost->logs ? 1u << VHOST_VRING_F_LOG : 0,
		.log_guest_addr = queue->used_gpa,
		.desc_user_addr = (uintptr_t)queue->descriptors,
		.avail_user_addr = (uintptr_t)queue->available,
		.used_user_addr = (uintptr_t)queue->used,
	};
	int rc = request(vhost, VHOST_SET_VRING_NUM, &size, "size", why);

	if (rc == 0)
		rc = request(vhost, VHOST_SET_VRING_BASE, &base, "index", why);
	if (rc == 0)
		rc = request(vhost, VHOST_SET_VRING_ADDR, &addresses, "addresses", why);
	return rc;
}

static int set_events(const struct vhost *vhost, unsigned int index, struct virtio *virtio,
		      unsigned int queue, struct fail *why)
{
	struct vhost_vring_file error = { .index = index, .fd = vhost->error_fd };
	struct vhost_vring_file call = { .index = index,
					 .fd = virtio_queue_call_fd(virtio, queue) };
	struct vhost_vring_file kick = { .index = index,
					 .fd = virtio_queue_kick_fd(virtio, queue) };
	int rc = request(vhost, VHOST_SET_VRING_ERR, &error, "errors", why);

	if (rc == 0)
		rc = request(vhost, VHOST_SET_VRING_CALL, &call, "interrupts", why);
	if (rc == 0)
		rc = request(vhost, VHOST_SET_VRING_KICK, &kick, "kicks", why);
	return rc;
}

static void on_error(void *context, uint32_t events)
{
	struct vhost *vhost = context;
	uint64_t count;

	if (read(vhost->error_fd, &count, sizeof(count)) < 0)
		return;
	/* once: a queue that is wrong stays wrong */
	loop_remove(vhost->error);
	vhost->error = NULL;
	vhost->on_error(vhost->context);
}

static int rings_start(struct vhost *vhost, struct fail *why)
{
	struct virtio *virtio = vhost->virtio;
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < vhost->queues; i++) {
		unsigned int queue = vhost->first + i;

		rc = set_ring(vhost, i, &virtio->queues[queue], why);
		if (rc == 0)
			rc = set_events(vhost, i, virtio, queue, why);
		if (rc == 0)
			rc = virtio_queue_hand_over(virtio, queue, true);
	}
	return rc;
}

int vhost_start(struct vhost *vhost, struct virtio *virtio, unsigned int first, uint64_t own,
		loop_fn *error_fn, void *context, struct fail *why)
{
	__u64 features = virtio->driver_features & (RING_FEATURES | own) & vhost->features;
	int rc;

	for (unsigned int i = 0; i < vhost->queues; i++)
		if (!virtio_queue_is_enabled(virtio, first + i))
			return fail_set(why, EINVAL, "the kernel can't serve a queue: it is off");
	vhost->virtio = virtio;
	vhost->first = first;
	vhost->on_error = error_fn;
	vhost->context = context;
	rc = loop_add_fd(virtio->config.loop, vhost->error_fd, EPOLLIN, on_error, vhost,
			 &vhost->error);
	if (rc < 0)
		fail_errno(why, -rc, "cannot wait for the kernel's errors");
	/* the log needs memory that is known, and its feature a log */
	if (rc == 0)
		rc = set_memory(vhost, virtio->config.gmem, why);
	if (rc == 0)
		rc = set_log(vhost, virtio->config.gmem, why);
	if (vhost->logs)
		features |= VIRTIO_FEATURE(VHOST_F_LOG_ALL);
	if (rc == 0)
		rc = request(vhost, VHOST_SET_FEATURES, &features, "features", why);
	if (rc == 0)
		rc = rings_start(vhost, why);
	if (rc < 0)
		vhost_stop(vhost);
	return rc;
}

void vhost_stop(struct vhost *vhost)
{
	struct virtio *virtio = vhost->virtio;

	if (!virtio)
		return;
	for (unsigned int i = 0; i < vhost->queues; i++) {
		struct vhost_vring_file none = { .index = i, .fd = -1 };

		/* the eventfds go with the device, and the kernel must not keep them */
		(void)ioctl(vhost->fd, VHOST_SET_VRING_KICK, &none);
		(void)ioctl(vhost->fd, VHOST_SET_VRING_CALL, &none);
		/* it fails for want of memory only, and then the guest waits for its next reset */
		(void)!virtio_queue_hand_over(virtio, vhost->first + i, false);
	}
	loop_remove(vhost->error);
	vhost->error = NULL;
	vhost->virtio = NULL;
}

void vhost_kick(const struct vhost *vhost)
{
	for (unsigned int i = 0; vhost->virtio && i < vhost->queues; i++)
		virtio_kick(vhost->virtio, vhost->first + i);
}
