/* SPDX-License-Identifier: Apache-2.0 */
/* virtio_net.c - a network card: a guest's frames to and from a net */
#include "devices/virtio_net.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "base/log.h"
#include "devices/virtio_net_card.h"

#define PCI_CLASS_ETHERNET 0x020000
#define MTU_MIN		   68 /* what IPv4 needs, and drivers insist on */

/* The guest's configuration ends behind the MTU: nothing is known of speeds. */
#define CONFIG_SIZE offsetof(struct virtio_net_config, speed)

/* One row for each that depends on the net. */
static const struct {
	enum net_offload offload;
	unsigned int host, guest; /* feature bits: sending, receiving */
} offload_features[] = {
	{ NET_CSUM, VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM },
	{ NET_TSO4, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_GUEST_TSO4 },
	{ NET_TSO6, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_GUEST_TSO6 },
	{ NET_ECN, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_GUEST_ECN },
};

static uint64_t card_features(const struct net_traits *traits)
{
	uint64_t features =
		VIRTIO_FEATURE(VIRTIO_NET_F_MAC) | VIRTIO_FEATURE(VIRTIO_NET_F_STATUS) |
		VIRTIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF) | VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_VQ) |
		VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_RX) | VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_MAC_ADDR);

	if (traits->pairs > 1)
		features |= VIRTIO_FEATURE(VIRTIO_NET_F_MQ);
	if (traits->mtu >= MTU_MIN)
		features |= VIRTIO_FEATURE(VIRTIO_NET_F_MTU);
	if (traits->offloads & NET_CSUM)
		features |= VIRTIO_FEATURE(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	/* without headers nothing is left to be checked by the guest */
	if (!traits->has_header)
		features |= VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM);
	for (size_t i = 0; i < ARRAY_SIZE(offload_features); i++)
		if (traits->offloads & offload_features[i].offload)
			features |= VIRTIO_FEATURE(offload_features[i].host) |
				    VIRTIO_FEATURE(offload_features[i].guest);
	return features;
}

/* -------------------------------------------------------------------- queues */

static unsigned int control_queue(const struct virtio_net *card)
{
	return virtio_has_feature(&card->virtio, VIRTIO_NET_F_MQ) ? 2 * card->pairs : 2;
}

static void card_serve(struct virtio *virtio, unsigned int queue)
{
	struct virtio_net *card = (struct virtio_net *)virtio;
	unsigned int control = control_queue(card);

	if (queue == control && virtio_has_feature(virtio, VIRTIO_NET_F_CTRL_VQ))
		net_control_serve(card, queue);
	if (queue >= control || card->is_vhost)
		return;
	if (queue % 2 == 0)
		net_rx_serve(card, queue / 2);
	else
		net_tx_serve(card, queue / 2);
}

static int card_activate(struct virtio *virtio)
{
	struct virtio_net *card = (struct virtio_net *)virtio;

	card->is_mergeable = virtio_has_feature(virtio, VIRTIO_NET_F_MRG_RXBUF);
	card->used_pairs = 1;
	net_control_set_offloads(card, virtio->driver_features);
	if (net_vhost_start(card))
		log_debug("%s: served by vhost", virtio->config.name);
	return 0;
}

static bool card_reset(struct virtio *virtio)
{
	struct virtio_net *card = (struct virtio_net *)virtio;

	net_vhost_stop(card);
	for (unsigned int i = 0; i < card->pairs; i++) {
		net_want_frames(card->net, i, false);
		net_rx_reset(card, i);
	}
	if (net_use_pairs(card->net, 1) < 0)
		log_debug("%s keeps more than one queue", virtio->config.name);
	net_set_offloads(card->net, 0);
	pthread_mutex_lock(&virtio->lock);
	memcpy(card->config.mac, card->mac, MAC_BYTES);
	pthread_mutex_unlock(&virtio->lock);
	return true;
}

static void card_pause(struct virtio *virtio)
{
	virtio_net_pause((struct virtio_net *)virtio);
}

static void card_resume(struct virtio *virtio)
{
	virtio_net_resume((struct virtio_net *)virtio);
}

static void card_free(struct virtio *virtio)
{
	virtio_net_free((struct virtio_net *)virtio);
}

static const struct virtio_type card_type = {
	.name = "network",
	.id = VIRTIO_ID_NET,
	.pci_class = PCI_CLASS_ETHERNET,
	.activate = card_activate,
	.serve = card_serve,
	.reset = card_reset,
	.pause = card_pause,
	.resume = card_resume,
	.free = card_free,
};

/* ------------------------------------------------------------- the net calls */

static void on_readable(void *context, unsigned int pair)
{
	net_rx_serve(context, pair);
}

static void on_writable(void *context, unsigned int pair)
{
	struct virtio_net *card = context;

	virtio_serve_again(&card->virtio, CARD_TX(pair));
}

static void change_link_down(void *context)
{
	struct virtio_net *card = context;

	card->config.status = 0;
}

static void on_ended(void *context)
{
	struct virtio_net *card = context;

	log_warn("%s: what carries it has ended; the guest sees its link go down",
		 card->virtio.config.name);
	virtio_change_config(&card->virtio, change_link_down, card);
	/* frames that waited for room are lost, as on a wire that is cut */
	for (unsigned int i = 0; i < card->pairs; i++)
		virtio_serve_again(&card->virtio, CARD_TX(i));
}

static const struct net_watcher watcher = {
	.readable = on_readable,
	.writable = on_writable,
	.ended = on_ended,
};

/* ---------------------------------------------------------------------- life */

static void card_configure(struct virtio_net *card, const uint8_t mac[MAC_BYTES])
{
	const struct net_traits *traits = net_traits(card->net);

	card->has_header = traits->has_header;
	card->pairs = traits->pairs;
	memcpy(card->mac, mac, MAC_BYTES);
	memcpy(card->config.mac, mac, MAC_BYTES);
	card->config.status = net_is_up(card->net) ? VIRTIO_NET_S_LINK_UP : 0;
	card->config.max_virtqueue_pairs = (uint16_t)traits->pairs;
	card->config.mtu = traits->mtu;
}

static int card_init(struct virtio_net *card, const struct virtio_net_setup *setup,
		     struct fail *why)
{
	struct net_watcher watch = watcher;
	struct virtio_config virtio = {
		.type = &card_type,
		.name = setup->name,
		.features = card_features(net_traits(setup->net)),
		.queues = 2 * net_traits(setup->net)->pairs + 1,
		.queue_size = VIRTQUEUE_MAX_SIZE,
		.config = &card->config,
		.config_size = CONFIG_SIZE,
		.gmem = setup->gmem,
		.loop = setup->loop,
	};
	int rc = 0;

	card->net = setup->net;
	card_configure(card, setup->mac);
	for (unsigned int i = 0; rc == 0 && i < card->pairs; i++)
		rc = net_rx_create(&card->rx[i]);
	if (rc < 0)
		return fail_errno(why, -rc, "cannot make %s", setup->name);
	rc = virtio_init(&card->virtio, &virtio, why);
	if (rc < 0)
		return rc;
	watch.context = card;
	return net_attach(card->net, setup->loop, &watch, why);
}

int virtio_net_create(const struct virtio_net_setup *setup, struct virtio_net **ret_net,
		      struct fail *why)
{
	struct virtio_net *card = calloc(1, sizeof(*card));
	int rc;

	if (!card)
		return fail_errno(why, ENOMEM, "cannot make %s", setup->name);
	rc = card_init(card, setup, why);
	if (rc < 0) {
		virtio_net_free(card);
		return rc;
	}
	if (setup->vhost && net_fd(card->net, 0) >= 0)
		net_vhost_open(card);
	*ret_net = card;
	return 0;
}

void virtio_net_free(struct virtio_net *card)
{
	if (!card)
		return;
	/* the kernel must not go on with memory that is about to be freed */
	net_vhost_stop(card);
	net_vhost_close(card);
	net_detach(card->net);
	virtio_done(&card->virtio);
	for (unsigned int i = 0; i < NET_MAX_PAIRS; i++)
		net_rx_free(card->rx[i]);
	free(card);
}

struct virtio *virtio_net_virtio(struct virtio_net *card)
{
	return &card->virtio;
}
