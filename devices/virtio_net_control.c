/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_net_control.c - what a guest's driver asks of its network card
 *
 * A command is two bytes, class and number, and what belongs to it; the answer is one
 * byte. A card hears all that its net carries, so what it should hear is agreed to and
 * changes nothing.
 */
#include <errno.h>
#include <string.h>

#include "devices/virtio_net_card.h"

#define COMMANDS_IN_ONE_GO 16
#define PAYLOAD_MAX	   8u

struct command {
	uint8_t class, number;
	unsigned int feature; /* without it there is no such command */
	unsigned int bytes;   /* of the payload, at least; those that count */
	/* -errno: the answer is an error; NULL: agreed to */
	int (*run)(struct virtio_net *card, const uint8_t payload[PAYLOAD_MAX]);
};

static const struct {
	unsigned int feature;
	enum net_offload offload;
} guest_offloads[] = {
	{ VIRTIO_NET_F_GUEST_CSUM, NET_CSUM },
	{ VIRTIO_NET_F_GUEST_TSO4, NET_TSO4 },
	{ VIRTIO_NET_F_GUEST_TSO6, NET_TSO6 },
	{ VIRTIO_NET_F_GUEST_ECN, NET_ECN },
};

void net_control_set_offloads(struct virtio_net *card, uint64_t features)
{
	unsigned int offloads = 0;

	for (size_t i = 0; i < ARRAY_SIZE(guest_offloads); i++)
		if (features & VIRTIO_FEATURE(guest_offloads[i].feature))
			offloads |= guest_offloads[i].offload;
	/* segments that are not cut have no checksums either */
	net_set_offloads(card->net, offloads & NET_CSUM ? offloads : 0);
}

static int run_offloads(struct virtio_net *card, const uint8_t payload[PAYLOAD_MAX])
{
	uint64_t features;

	memcpy(&features, payload, sizeof(features));
	if (features & ~card->virtio.driver_features)
		return -EINVAL;
	net_control_set_offloads(card, features);
	return 0;
}

static int run_pairs(struct virtio_net *card, const uint8_t payload[PAYLOAD_MAX])
{
	uint16_t pairs;
	int rc;

	memcpy(&pairs, payload, sizeof(pairs));
	if (pairs == 0 || pairs > card->pairs)
		return -EINVAL;
	rc = net_use_pairs(card->net, pairs);
	if (rc < 0)
		return rc;
	card->used_pairs = pairs;
	for (unsigned int i = 0; i < pairs && !card->is_vhost; i++)
		net_rx_serve(card, i);
	return 0;
}

struct mac_change {
	struct virtio_net *card;
	const uint8_t *mac;
};

static void change_mac(void *context)
{
	const struct mac_change *change = context;

	memcpy(change->card->config.mac, change->mac, MAC_BYTES);
}

static int run_mac(struct virtio_net *card, const uint8_t payload[PAYLOAD_MAX])
{
	struct mac_change change = { .card = card, .mac = payload };

	if (payload[0] & 1)
		return -EINVAL;
	virtio_change_config(&card->virtio, change_mac, &change);
	return 0;
}

static const struct command commands[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, VIRTIO_NET_F_CTRL_RX, 1, NULL },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, VIRTIO_NET_F_CTRL_RX, 1, NULL },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, VIRTIO_NET_F_CTRL_RX, 8, NULL },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_F_CTRL_MAC_ADDR, MAC_BYTES,
	  run_mac },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_F_MQ, 2, run_pairs },
	{ VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
	  VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, 8, run_offloads },
};

static const struct command *command_find(const struct virtio *virtio,
					  const struct virtio_net_ctrl_hdr *header)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].class == header->class && commands[i].number == header->cmd)
			return virtio_has_feature(virtio, commands[i].feature) ? &commands[i]
									       : NULL;
	return NULL;
}

/* The chain at hand. */
static uint8_t command_run(struct virtio_net *card)
{
	const struct chain *chain = &card->command;
	struct virtio_net_ctrl_hdr header;
	uint8_t payload[PAYLOAD_MAX];
	const struct command *command;

	chain_read(chain, 0, &header, sizeof(header));
	command = command_find(&card->virtio, &header);
	if (!command || chain->readable_bytes < sizeof(header) + command->bytes)
		return VIRTIO_NET_ERR;
	chain_read(chain, sizeof(header), payload, command->bytes);
	if (command->run && command->run(card, payload) < 0)
		return VIRTIO_NET_ERR;
	return VIRTIO_NET_OK;
}

static bool control_step(struct virtio *virtio, unsigned int queue)
{
	struct virtio_net *card = (struct virtio_net *)virtio;
	struct chain *chain = &card->command;
	uint8_t answer;

	if (!virtio_take(virtio, queue, chain))
		return virtio_want_kicks(virtio, queue);
	if (chain->readable_bytes < sizeof(struct virtio_net_ctrl_hdr) ||
	    chain->writable_bytes < sizeof(answer)) {
		virtio_return(virtio, queue, chain, 0);
		virtio_refuse(virtio,
			      "a command without a beginning, or without room for an answer");
		return false;
	}
	answer = command_run(card);
	chain_write(chain, 0, &answer, sizeof(answer));
	virtio_return(virtio, queue, chain, sizeof(answer));
	return true;
}

void net_control_serve(struct virtio_net *card, unsigned int queue)
{
	virtio_serve_steps(&card->virtio, queue, COMMANDS_IN_ONE_GO, control_step);
	virtio_flush(&card->virtio, queue);
}
