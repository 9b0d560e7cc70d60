/* SPDX-License-Identifier: Apache-2.0 */
/* virtio_vsock.c - sockets between guest and host, served by the host's kernel */
#include "devices/virtio_vsock.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_vsock.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "devices/vhost.h"

#define PATH		   "/dev/vhost-vsock"
#define QUEUES		   3
#define QUEUE_SIZE	   128
#define KERNELS_QUEUES	   2 /* receive and transmit; behind them: events */
#define PCI_CLASS_NETWORK  0x028000
#define FEATURES_OF_KERNEL VIRTIO_FEATURE(VIRTIO_VSOCK_F_SEQPACKET)

struct virtio_vsock {
	struct virtio virtio; /* first: the device is found by it */
	struct virtio_vsock_config config;
	struct vhost *vhost;
};

static int kernel_run(struct virtio_vsock *vsock, int runs)
{
	return ioctl(vhost_fd(vsock->vhost), VHOST_VSOCK_SET_RUNNING, &runs) < 0 ? -errno : 0;
}

static void kernel_stop(struct virtio_vsock *vsock)
{
	if (!vhost_is_started(vsock->vhost))
		return;
	(void)!kernel_run(vsock, 0); /* it fails for who does not own it, and we do */
	vhost_stop(vsock->vhost);
}

static void on_error(void *context)
{
	struct virtio_vsock *vsock = context;

	kernel_stop(vsock);
	virtio_refuse(&vsock->virtio, "the kernel finds a queue wrong");
}

static int vsock_activate(struct virtio *virtio)
{
	struct virtio_vsock *vsock = (struct virtio_vsock *)virtio;
	struct fail why;
	int rc;

	if (!vhost_can_serve(vsock->vhost, virtio, FEATURES_OF_KERNEL))
		return -EOPNOTSUPP;
	rc = vhost_start(vsock->vhost, virtio, 0, FEATURES_OF_KERNEL, on_error, vsock, &why);
	if (rc == 0) {
		rc = kernel_run(vsock, 1);
		if (rc < 0) {
			fail_errno(&why, -rc, "the kernel does not start");
			kernel_stop(vsock);
		}
	}
	if (rc < 0) {
		log_warn("%s: %s", virtio->config.name, why.text);
		return rc;
	}
	vhost_kick(vsock->vhost);
	return 0;
}

/* Only the guest's buffers for events come here, and they stay where they are. */
static void vsock_serve(struct virtio *virtio, unsigned int queue)
{
}

static bool vsock_reset(struct virtio *virtio)
{
	kernel_stop((struct virtio_vsock *)virtio);
	return true;
}

static void vsock_pause(struct virtio *virtio)
{
	struct virtio_vsock *vsock = (struct virtio_vsock *)virtio;

	if (vhost_is_started(vsock->vhost))
		(void)!kernel_run(vsock, 0);
}

static void vsock_resume(struct virtio *virtio)
{
	struct virtio_vsock *vsock = (struct virtio_vsock *)virtio;

	if (!vhost_is_started(vsock->vhost))
		return;
	if (kernel_run(vsock, 1) < 0)
		log_warn("%s: the kernel does not go on with it", virtio->config.name);
	vhost_kick(vsock->vhost);
}

static void vsock_free(struct virtio *virtio)
{
	virtio_vsock_free((struct virtio_vsock *)virtio);
}

static const struct virtio_type vsock_type = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.pci_class = PCI_CLASS_NETWORK,
	.activate = vsock_activate,
	.serve = vsock_serve,
	.reset = vsock_reset,
	.pause = vsock_pause,
	.resume = vsock_resume,
	.free = vsock_free,
};

static int kernel_open(struct virtio_vsock *vsock, const struct virtio_vsock_setup *setup,
		       struct fail *why)
{
	__u64 cid = setup->cid;
	struct fail reason;
	int rc = vhost_open(setup->path ? setup->path : PATH, KERNELS_QUEUES, &vsock->vhost,
			    &reason);

	if (rc == -ENOENT || rc == -ENODEV || rc == -ENXIO)
		return fail_set(why, -rc,
				"%s: load the host's kernel module vhost_vsock for --vsock",
				reason.text);
	if (rc < 0)
		return fail_set(why, -rc, "%s", reason.text);
	if (ioctl(vhost_fd(vsock->vhost), VHOST_VSOCK_SET_GUEST_CID, &cid) == 0)
		return 0;
	if (errno == EADDRINUSE)
		return fail_set(why, EADDRINUSE,
				"another guest of this host has --vsock %u: choose another number",
				setup->cid);
	return fail_errno(why, errno, "cannot set --vsock %u", setup->cid);
}

int virtio_vsock_create(const struct virtio_vsock_setup *setup, struct virtio_vsock **ret_vsock,
			struct fail *why)
{
	struct virtio_config virtio = {
		.type = &vsock_type,
		.name = setup->name,
		.queues = QUEUES,
		.queue_size = QUEUE_SIZE,
		.config_size = sizeof(struct virtio_vsock_config),
		.gmem = setup->gmem,
		.loop = setup->loop,
	};
	struct virtio_vsock *vsock = calloc(1, sizeof(*vsock));
	int rc;

	if (!vsock)
		return fail_errno(why, ENOMEM, "cannot make the %s", setup->name);
	vsock->config.guest_cid = setup->cid;
	virtio.config = &vsock->config;
	rc = kernel_open(vsock, setup, why);
	if (rc == 0) {
		virtio.features = vhost_features(vsock->vhost) & FEATURES_OF_KERNEL;
		rc = virtio_init(&vsock->virtio, &virtio, why);
	}
	if (rc < 0) {
		virtio_vsock_free(vsock);
		return rc;
	}
	*ret_vsock = vsock;
	return 0;
}

void virtio_vsock_free(struct virtio_vsock *vsock)
{
	if (!vsock)
		return;
	if (vsock->vhost)
		kernel_stop(vsock);
	virtio_done(&vsock->virtio);
	vhost_close(vsock->vhost);
	free(vsock);
}

struct virtio *virtio_vsock_virtio(struct virtio_vsock *vsock)
{
	return &vsock->virtio;
}
