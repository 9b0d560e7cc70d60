/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_net_vhost.c - the host's kernel serves a card's frames
 *
 * One descriptor of /dev/vhost-net serves one pair: it moves frames between the
 * guest's two queues and a queue of the tap device, on a thread of the kernel's. The
 * control queue stays ours. Whatever is missing or fails leaves the frames to us.
 */
#include <linux/vhost.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "devices/virtio_net_card.h"

#define VHOST_PATH "/dev/vhost-net"

/* Features of the card that the kernel has to do its part of. */
#define OWN_FEATURES VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF)

void net_vhost_close(struct virtio_net *card)
{
	for (unsigned int i = 0; i < NET_MAX_PAIRS; i++) {
		vhost_close(card->vhosts[i]);
		card->vhosts[i] = NULL;
	}
}

void net_vhost_open(struct virtio_net *card)
{
	struct fail why;
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < card->pairs; i++)
		rc = vhost_open(VHOST_PATH, 2, &card->vhosts[i], &why);
	if (rc == 0)
		return;
	log_debug("%s: no vhost: %s", card->virtio.config.name, why.text);
	net_vhost_close(card);
}

/* fd: of the net, or -1: the kernel stands still, and nothing is in flight after that. */
static int backend_set(const struct vhost *vhost, int fd)
{
	for (unsigned int i = 0; i < VHOST_MAX_QUEUES; i++) {
		struct vhost_vring_file file = { .index = i, .fd = fd };

		if (ioctl(vhost_fd(vhost), VHOST_NET_SET_BACKEND, &file) < 0)
			return -errno;
	}
	return 0;
}

static void on_error(void *context)
{
	struct virtio_net *card = context;

	net_vhost_stop(card);
	virtio_refuse(&card->virtio, "the kernel, which serves it, finds a queue wrong");
}

/* A guest may use fewer queues than there are: the rest is not started. */
static bool pair_is_enabled(const struct virtio_net *card, unsigned int pair)
{
	return virtio_queue_is_enabled(&card->virtio, CARD_RX(pair)) &&
	       virtio_queue_is_enabled(&card->virtio, CARD_TX(pair));
}

static int rings_start(struct virtio_net *card, unsigned int pairs, struct fail *why)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < pairs; i++)
		if (pair_is_enabled(card, i))
			rc = vhost_start(card->vhosts[i], &card->virtio, CARD_RX(i), OWN_FEATURES,
					 on_error, card, why);
	return rc;
}

/* ret_moves: frames go through the kernel already, so that there is no way back. */
static int backends_start(struct virtio_net *card, unsigned int pairs, bool *ret_moves,
			  struct fail *why)
{
	*ret_moves = false;
	for (unsigned int i = 0; i < pairs; i++) {
		int rc;

		if (!pair_is_enabled(card, i))
			continue;
		rc = backend_set(card->vhosts[i], net_fd(card->net, i));
		if (rc < 0)
			return fail_errno(why, -rc, "the kernel can't serve a tap device");
		*ret_moves = true;
		vhost_kick(card->vhosts[i]); /* what the guest has done until now */
	}
	return 0;
}

bool net_vhost_start(struct virtio_net *card)
{
	unsigned int pairs = virtio_has_feature(&card->virtio, VIRTIO_NET_F_MQ) ? card->pairs : 1;
	bool moves = false;
	struct fail why;
	int rc;

	if (!card->vhosts[0] || !net_is_up(card->net) || !pair_is_enabled(card, 0) ||
	    !vhost_can_serve(card->vhosts[0], &card->virtio, OWN_FEATURES))
		return false;
	card->is_vhost = true;
	rc = rings_start(card, pairs, &why);
	if (rc == 0)
		rc = backends_start(card, pairs, &moves, &why);
	if (rc < 0) {
		log_debug("%s: no vhost: %s", card->virtio.config.name, why.text);
		net_vhost_stop(card);
	}
	if (rc < 0 && moves)
		virtio_refuse(&card->virtio, "the kernel serves only some of its queues");
	return card->is_vhost;
}

void net_vhost_stop(struct virtio_net *card)
{
	if (!card->is_vhost)
		return;
	card->is_vhost = false;
	for (unsigned int i = 0; i < card->pairs; i++) {
		if (!vhost_is_started(card->vhosts[i]))
			continue;
		/* fails for a descriptor without a backend, which is what we want */
		(void)!backend_set(card->vhosts[i], -1);
		vhost_stop(card->vhosts[i]);
	}
}

void virtio_net_pause(struct virtio_net *card)
{
	for (unsigned int i = 0; card->is_vhost && i < card->pairs; i++)
		if (vhost_is_started(card->vhosts[i]))
			(void)!backend_set(card->vhosts[i], -1);
}

void virtio_net_resume(struct virtio_net *card)
{
	for (unsigned int i = 0; card->is_vhost && i < card->pairs; i++) {
		if (!vhost_is_started(card->vhosts[i]))
			continue;
		if (backend_set(card->vhosts[i], net_fd(card->net, i)) < 0)
			log_warn("%s: the kernel does not go on with it", card->virtio.config.name);
		vhost_kick(card->vhosts[i]);
	}
}
