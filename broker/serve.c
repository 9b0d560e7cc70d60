/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - answers one message: a guest's question, or a command's
 *
 * A message that can't be right (unknown, malformed, a page beyond the guest's RAM,
 * a release of what was never given) is an error, which ends the connection: a guest of
 * ours does not send such a thing. Bytes that don't have the promised digest are refused:
 * a page may change while it is sent. Who publishes hardly anything else is a liar.
 */
#include "broker/guest.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"

#define PREFETCH_ITEMS 32u /* of a probe, ahead of the answers */

/* The catalog's view of the broker */

static int on_catalog_write(void *context, uint32_t frame, const void *bytes)
{
	struct broker *broker = context;

	return store_write(&broker->store, frame, bytes);
}

static void on_catalog_punch(void *context, uint32_t frame)
{
	struct broker *broker = context;

	store_punch(&broker->store, frame, 1);
}

void guest_send_offers(struct guest *guest)
{
	uint8_t buffer[WIRE_HEADER_SIZE + BROKER_REPLY_MAX];
	uint32_t count = guest->offer_count;
	int length;

	guest->offer_count = 0;
	if (count == 0 || !guest->peer)
		return;
	peer_set_backlog(guest->peer, guest_backlog_bytes(guest));
	length = broker_put_offers(buffer, sizeof(buffer), guest->offers, count);
	if (length < 0 || peer_send(guest->peer, buffer, (size_t)length, -1) < 0)
		peer_drop(guest->peer);
}

static void on_catalog_offer(void *context, uint32_t client, const struct catalog_item *item,
			     uint32_t frame)
{
	struct broker *broker = context;
	struct guest *guest = broker->by_client[client];

	if (!guest->peer) { /* nobody there to take it: the reference comes back */
		if (catalog_release(broker->catalog, client, frame) < 0)
			log_error("lost count of frame %u", frame);
		return;
	}
	guest->offers[guest->offer_count++] = (struct link_offer){
		.page = item->page,
		.frame = frame,
		.digest_low = item->digest.low,
	};
	broker->offers_wait = true;
	if (guest->offer_count == BROKER_OFFERS_MAX)
		guest_send_offers(guest);
}

const struct catalog_ops broker_catalog_ops = {
	.write = on_catalog_write,
	.punch = on_catalog_punch,
	.offer = on_catalog_offer,
};

/* Questions */

static int on_hello(struct guest *guest, const uint8_t *payload, size_t length)
{
	uint8_t buffer[WIRE_HEADER_SIZE + sizeof(struct broker_welcome)];
	struct broker_welcome welcome = { .secret = guest->broker->secret,
					  .store_frames = guest->broker->store.frames };
	struct broker_hello hello;
	int rc = broker_get_hello(payload, length, &hello);

	if (rc < 0)
		return rc;
	if (guest->is_guest || hello.pages == 0 || hello.pages > BROKER_PAGES_MAX ||
	    !name_is_valid(hello.name))
		return -EPROTO;
	rc = guest_join(guest, &hello);
	if (rc < 0)
		return rc;
	log_debug("guest %s (pid %d) has joined", guest->name, guest->pid);
	rc = broker_put_welcome(buffer, sizeof(buffer), &welcome);
	return rc < 0 ? rc
		      : peer_send(guest->peer, buffer, (size_t)rc,
				  guest->broker->store.read_only_fd);
}

static int send_answers(struct guest *guest, const uint32_t *answers, uint32_t count)
{
	uint8_t buffer[WIRE_HEADER_SIZE + 4 + PROBE_MAX * 4];
	int length = broker_put_numbers(buffer, sizeof(buffer), BROKER_ANSWERS, answers, count);

	return length < 0 ? length : peer_send(guest->peer, buffer, (size_t)length, -1);
}

static int on_probe(struct guest *guest, const uint8_t *payload, size_t length)
{
	struct catalog_item items[PROBE_MAX];
	uint32_t answers[PROBE_MAX], count;
	int rc = broker_get_probe(payload, length, items, &count);

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		if (i % PREFETCH_ITEMS == 0)
			catalog_prefetch(guest->broker->catalog, items + i,
					 count - i < PREFETCH_ITEMS ? count - i : PREFETCH_ITEMS);
		rc = catalog_probe(guest->broker->catalog, guest->client, &items[i], &answers[i]);
	}
	return rc < 0 ? rc : send_answers(guest, answers, count);
}

static int guest_judge(struct guest *guest, uint32_t answer)
{
	uint32_t *trust = &guest->process->trust;

	if (answer != CATALOG_REFUSED) {
		*trust += *trust > 0 && *trust < TRUST_MAX;
		return 0;
	}
	if (*trust > 0)
		--*trust;
	return *trust > 0 ? 0 : -EBADMSG;
}

static int on_publish(struct guest *guest, const uint8_t *payload, size_t length)
{
	struct catalog_item items[PUBLISH_MAX];
	uint32_t answers[PUBLISH_MAX], count;
	const uint8_t *bytes;
	int rc = broker_get_publish(payload, length, items, &count, &bytes);

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		rc = catalog_publish(guest->broker->catalog, guest->client, &items[i],
				     bytes + (size_t)i * PAGE_BYTES, &answers[i]);
		if (rc == 0)
			rc = guest_judge(guest, answers[i]);
	}
	return rc < 0 ? rc : send_answers(guest, answers, count);
}

static int on_release(struct guest *guest, const uint8_t *payload, size_t length)
{
	uint32_t frames[RELEASE_MAX], count;
	int rc = broker_get_numbers(payload, length, RELEASE_MAX, frames, &count);

	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = catalog_release(guest->broker->catalog, guest->client, frames[i]);
	return rc;
}

static int on_report_request(struct guest *guest)
{
	AUTO_FREE uint8_t *bytes = NULL;
	size_t length;
	int rc = broker_report_make(guest->broker, &bytes, &length);

	return rc < 0 ? rc : peer_send(guest->peer, bytes, length, -1);
}

static int on_history_request(struct guest *guest)
{
	uint8_t bytes[WIRE_HEADER_SIZE + HISTORY_MAX_PAYLOAD];
	int rc = history_encode(&guest->broker->history, BROKER_HISTORY, bytes, sizeof(bytes));

	return rc < 0 ? rc : peer_send(guest->peer, bytes, (size_t)rc, -1);
}

int guest_serve(struct guest *guest, const struct wire_header *header, const uint8_t *payload)
{
	static int (*const serve[])(struct guest *, const uint8_t *, size_t) = {
		[BROKER_PROBE] = on_probe,
		[BROKER_PUBLISH] = on_publish,
		[BROKER_RELEASE] = on_release,
	};

	if (header->type == BROKER_HELLO)
		return on_hello(guest, payload, header->length);
	if (header->type == BROKER_REPORT_REQUEST && header->length == 0)
		return on_report_request(guest);
	if (header->type == BROKER_HISTORY_REQUEST && header->length == 0)
		return on_history_request(guest);
	if (!guest->is_guest || header->type >= ARRAY_SIZE(serve) || !serve[header->type])
		return -EPROTO;
	return serve[header->type](guest, payload, header->length);
}
