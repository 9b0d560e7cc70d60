/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost.h - queues of a virtio device that the host's kernel serves
 *
 * What /dev/vhost-net and /dev/vhost-vsock have in common: who owns it, the guest's
 * memory, rings, kicks and calls. The device switches its own backend on after
 * vhost_start(), and off before vhost_stop():
 *
 *   vhost_open()     nothing of a guest is known yet: which features are there?
 *   vhost_start()    the guest's driver is ready: queues are handed over
 *      the device: VHOST_NET_SET_BACKEND, VHOST_VSOCK_SET_RUNNING ..., vhost_kick()
 *      ... kicks and interrupts pass us by ...
 *      the device: switches it off; nothing of a queue is touched after that
 *   vhost_stop()     queues are ours again; may be started anew
 *   vhost_close()
 *
 * The kernel reads and writes guest memory through this process's page tables, with
 * copies: what is merged meanwhile stays right, since a writer waits or breaks as
 * any other.
 *
 * Main thread for open and close, while the I/O thread does not run; the rest
 * belongs to the I/O thread.
 */
#ifndef DEVICES_VHOST_H
#define DEVICES_VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/fail.h"
#include "devices/virtio.h"

#define VHOST_MAX_QUEUES 2 /* of one descriptor: all that Linux serves with one */

struct vhost;

/*
 * -ENOENT, -EACCES ...: it is not there for us. queues: how many of the device's this
 * descriptor serves, up to VHOST_MAX_QUEUES. Several may be open for one device.
 */
CHECKED int vhost_open(const char *path, unsigned int queues, struct vhost **ret_vhost,
		       struct fail *why);
void vhost_close(struct vhost *vhost); /* stopped, or the device is gone; NULL is fine */

int vhost_fd(const struct vhost *vhost);	    /* for the device's own requests */
uint64_t vhost_features(const struct vhost *vhost); /* what the kernel can do */

/*
 * Whether the kernel can serve a driver that has accepted these features: those of
 * rings, and those in `also`, must be among its own.
 */
bool vhost_can_serve(const struct vhost *vhost, const struct virtio *virtio, uint64_t also);

/*
 * Hands the device's queues first, first + 1 ... over, all of which the guest has
 * enabled. `own`: features of the device that the kernel has to know of, where the
 * driver accepted them. on_error: the kernel finds a queue wrong; called once, and
 * may call vhost_stop(). After -errno the queues are ours as before.
 */
CHECKED int vhost_start(struct vhost *vhost, struct virtio *virtio, unsigned int first,
			uint64_t own, loop_fn *on_error, void *context, struct fail *why);
void vhost_stop(struct vhost *vhost); /* fine when it is not started */
bool vhost_is_started(const struct vhost *vhost);

/* Makes the kernel look at the queues: for kicks that came before it did. */
void vhost_kick(const struct vhost *vhost);

#endif
