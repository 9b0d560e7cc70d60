/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.c - serves one connection: a guest's questions, or a command's
 *
 * A message that can't be right (unknown, malformed, a page beyond the guest's RAM,
 * a release of what was never given) ends the connection: a guest of ours does not
 * send such a thing. It does not end the guest's references (broker.c).
 */
#include "broker/guest.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"

#define LINGER_NS (2 * NS_PER_SEC)

/* The catalog's view of the broker */

static int on_catalog_write(void *context, uint32_t frame, const void *bytes)
{
	struct broker *broker = context;

	return store_write(&broker->store, frame, bytes);
}

static void on_catalog_punch(void *context, uint32_t frame)
{
	struct broker *broker = context;

	store_punch(&broker->store, frame);
}

static void offers_send(struct guest *guest)
{
	uint8_t buffer[WIRE_HEADER_SIZE + BROKER_REPLY_MAX];
	uint32_t count = guest->offer_count;
	int length;

	guest->offer_count = 0;
	if (count == 0 || !guest->peer)
		return;
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
	if (guest->offer_count == BROKER_OFFERS_MAX)
		offers_send(guest);
}

const struct catalog_ops broker_catalog_ops = {
	.write = on_catalog_write,
	.punch = on_catalog_punch,
	.offer = on_catalog_offer,
};

/* Life and death */

static void guest_free(struct guest *guest)
{
	struct broker *broker = guest->broker;
	struct guest **link = &broker->guests;

	while (*link != guest)
		link = &(*link)->next;
	*link = guest->next;
	if (guest->is_guest) {
		catalog_client_remove(broker->catalog, guest->client);
		broker->by_client[guest->client] = NULL;
		if (--broker->guest_count == 0 && broker->linger)
			loop_arm(broker->linger, LINGER_NS);
	}
	loop_remove(guest->death);
	if (guest->pidfd >= 0)
		close(guest->pidfd);
	free(guest);
}

/* The process is gone, and its mappings with it. */
static void on_death(void *context, uint32_t events)
{
	struct guest *guest = context;

	log_debug("guest %s (pid %d) has ended", guest->name, guest->pid);
	loop_remove(guest->death);
	guest->death = NULL;
	if (guest->peer)
		peer_drop(guest->peer); /* on_close does the rest */
	else
		guest_free(guest);
}

static void on_close(void *context)
{
	struct guest *guest = context;

	guest->peer = NULL;
	if (!guest->is_guest || !guest->death)
		guest_free(guest);
}

/* HELLO */

static int guest_watch(struct guest *guest)
{
	guest->pidfd = (int)syscall(SYS_pidfd_open, guest->pid, 0);
	if (guest->pidfd < 0)
		return -errno;
	return loop_add_fd(guest->broker->loop, guest->pidfd, EPOLLIN, on_death, guest,
			   &guest->death);
}

static int guest_join(struct guest *guest, uint32_t pages)
{
	struct broker *broker = guest->broker;
	int rc = guest_watch(guest);

	if (rc == 0)
		rc = catalog_client_add(broker->catalog, pages, &guest->client);
	if (rc < 0)
		return rc;
	if (guest->client >= ARRAY_SIZE(broker->by_client)) {
		catalog_client_remove(broker->catalog, guest->client);
		return -EUSERS;
	}
	broker->by_client[guest->client] = guest;
	broker->guest_count++;
	loop_arm(broker->linger, 0);
	guest->is_guest = true;
	return 0;
}

static int on_hello(struct guest *guest, const uint8_t *payload, size_t length)
{
	uint8_t buffer[WIRE_HEADER_SIZE + sizeof(struct broker_welcome)];
	struct broker_welcome welcome = { .secret = guest->broker->secret,
					  .store_frames = guest->broker->store.frames };
	struct broker_hello hello;
	int rc = broker_get_hello(payload, length, &hello);

	if (rc < 0)
		return rc;
	if (guest->is_guest || hello.pages == 0 || !name_is_valid(hello.name))
		return -EPROTO;
	memcpy(guest->name, hello.name, sizeof(guest->name));
	rc = guest_join(guest, hello.pages);
	if (rc < 0)
		return rc;
	log_debug("guest %s (pid %d) has joined", guest->name, guest->pid);
	rc = broker_put_welcome(buffer, sizeof(buffer), &welcome);
	return rc < 0 ? rc
		      : peer_send(guest->peer, buffer, (size_t)rc,
				  guest->broker->store.read_only_fd);
}

/* Questions */

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

	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = catalog_probe(guest->broker->catalog, guest->client, &items[i], &answers[i]);
	return rc < 0 ? rc : send_answers(guest, answers, count);
}

static int on_publish(struct guest *guest, const uint8_t *payload, size_t length)
{
	struct catalog_item items[PUBLISH_MAX];
	uint32_t answers[PUBLISH_MAX], count;
	const uint8_t *bytes;
	int rc = broker_get_publish(payload, length, items, &count, &bytes);

	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = catalog_publish(guest->broker->catalog, guest->client, &items[i],
				     bytes + (size_t)i * PAGE_BYTES, &answers[i]);
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

static int guest_serve(struct guest *guest, const struct wire_header *header,
		       const uint8_t *payload)
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
	if (!guest->is_guest || header->type >= ARRAY_SIZE(serve) || !serve[header->type])
		return -EPROTO;
	return serve[header->type](guest, payload, header->length);
}

static int on_message(void *context, const struct wire_header *header, const uint8_t *payload)
{
	struct guest *guest = context;
	struct broker *broker = guest->broker;
	int rc = guest_serve(guest, header, payload);

	if (rc < 0)
		log_warn("pid %d sent what no guest sends (message %u: %s): dropped", guest->pid,
			 header->type, strerror(-rc));
	for (struct guest *other = broker->guests; other; other = other->next)
		offers_send(other);
	return rc;
}

static const struct peer_ops peer_ops = { .on_message = on_message, .on_close = on_close };

void broker_connect(struct broker *broker, int fd, pid_t pid)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	int rc;

	if (!guest) {
		close(fd);
		return;
	}
	guest->broker = broker;
	guest->pid = pid;
	guest->pidfd = -1;
	rc = peer_create(broker->loop, fd, BROKER_REQUEST_MAX, &peer_ops, guest, &guest->peer);
	if (rc < 0) {
		log_warn("cannot serve pid %d: %s", pid, strerror(-rc));
		free(guest);
		return;
	}
	guest->next = broker->guests;
	broker->guests = guest;
}

void broker_guests_tidy(struct broker *broker)
{
	for (struct guest *guest = broker->guests; guest; guest = guest->next)
		if (guest->peer)
			peer_shrink(guest->peer);
}

void broker_guests_free(struct broker *broker)
{
	broker->linger = NULL; /* the loop is over */
	while (broker->guests) {
		struct guest *guest = broker->guests;

		if (guest->peer)
			peer_close(guest->peer); /* through on_close */
		if (broker->guests == guest)
			guest_free(guest);
	}
}
