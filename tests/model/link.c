/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - the broker in the same process, and connections that break */
#include "tests/model/world.h"

#include <errno.h>
#include <string.h>

#include "tests/model/expect.h"

/* The broker */

static int on_write(void *context, uint32_t frame, const void *bytes)
{
	struct world *world = context;

	if (world_fails(world, OP_STORE_WRITE))
		return -ENOSPC;
	store_fill(world, frame, bytes);
	return 0;
}

static void on_punch(void *context, uint32_t frame)
{
	store_poison(context, frame);
}

/* As the broker does it: an offer to a broken connection comes back at once. */
static void on_offer(void *context, uint32_t client, const struct catalog_item *item,
		     uint32_t frame)
{
	struct world *world = context;
	struct guest *guest = NULL;

	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		if (world->guests[i].alive && world->guests[i].client == client)
			guest = &world->guests[i];
	if (!guest) {
		expect(catalog_release(world->catalog, client, frame) == 0);
		return;
	}
	if (guest->offer_count == guest->offer_room) {
		guest->offer_room = guest->offer_room * 2 + 16;
		guest->offers = realloc(guest->offers, guest->offer_room * sizeof(*guest->offers));
		expect(guest->offers);
	}
	guest->offers[guest->offer_count++] = (struct link_offer){
		.page = item->page,
		.frame = frame,
		.digest_low = item->digest.low,
	};
}

static const struct catalog_ops catalog_ops = {
	.write = on_write,
	.punch = on_punch,
	.offer = on_offer,
};

static bool store_is_mapped(const struct world *world, const struct store *store)
{
	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		for (uint32_t page = 0; world->guests[i].alive && page < world->guests[i].pages;
		     page++)
			if (world->guests[i].table[page].store == store)
				return true;
	return false;
}

/* The kernel frees a store when the last mapping of it goes. */
static void stores_tidy(struct world *world)
{
	struct store **link = &world->stores;

	while (*link) {
		struct store *store = *link;

		if (store_is_mapped(world, store)) {
			link = &store->next;
			continue;
		}
		*link = store->next;
		free(store->bytes);
		free(store->written);
		free(store);
	}
}

void broker_start(struct world *world)
{
	struct store *store = calloc(1, sizeof(*store));

	expect(store);
	store->frames = world->config.frame_limit;
	store->bytes = calloc(store->frames, PAGE_BYTES);
	store->written = calloc(store->frames, sizeof(*store->written));
	expect(store->bytes && store->written);
	store->next = world->stores;
	world->stores = store;
	for (size_t i = 0; i < sizeof(world->secret.bytes); i++)
		world->secret.bytes[i] = (uint8_t)world_random(world, 256);
	expect(catalog_create(store->frames, &world->secret, &catalog_ops, world,
			      &world->catalog) == 0);
}

void broker_die(struct world *world)
{
	catalog_free(world->catalog);
	world->catalog = NULL;
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		world->guests[i].client = NO_CLIENT;
		world->guests[i].past_count = 0;
		world->guests[i].offer_count = 0;
		world->guests[i].store = NULL;
	}
	stores_tidy(world);
}

/* Connections */

void link_up(struct guest *guest)
{
	struct world *world = guest->world;

	expect(guest->client == NO_CLIENT);
	expect(catalog_client_add(world->catalog, guest->pages, &guest->client) == 0);
	guest->store = world->stores;
	engine_link_up(guest->engine, &world->secret);
}

/* Mappings outlive the connection, so the old client's references do. */
void link_break(struct guest *guest)
{
	if (guest->client == NO_CLIENT)
		return;
	expect(guest->past_count < CLIENTS_PAST);
	guest->past[guest->past_count++] = guest->client;
	guest->client = NO_CLIENT;
	/* what was under way is lost, and still counted */
	guest->offer_count = 0;
}

static bool link_enter(struct guest *guest, enum op op)
{
	/* no peer is waited for while a writer may wait for us */
	for (uint32_t i = 0; i < guest->pages; i++)
		expect(!guest->table[i].held);
	world_disturb(guest->world, guest, 0, guest->pages);
	if (world_fails(guest->world, op))
		link_break(guest);
	return guest->client != NO_CLIENT;
}

static bool link_leave(struct guest *guest, enum op op)
{
	world_disturb(guest->world, guest, 0, guest->pages);
	if (op != OP_NONE && world_fails(guest->world, op))
		link_break(guest);
	return guest->client != NO_CLIENT;
}

/* Whoever gives memory away does not wait for an answer. */
static bool question_enter(struct guest *guest, enum op op)
{
	expect(guest->given_count == 0);
	return link_enter(guest, op);
}

static int model_probe(void *context, const struct catalog_item *items, uint32_t count,
		       uint32_t *ret_answers)
{
	struct guest *guest = context;
	struct world *world = guest->world;

	expect(count > 0 && count <= PROBE_MAX);
	if (!question_enter(guest, OP_PROBE))
		return -ECONNRESET;
	for (uint32_t i = 0; i < count; i++) {
		struct catalog_item item = items[i];

		expect(i == 0 || items[i - 1].page < item.page);
		if (!world->calm && world_chance(world, world->config.collide_percent))
			item.digest = items[world_random(world, count)].digest;
		expect(catalog_probe(world->catalog, guest->client, &item, &ret_answers[i]) == 0);
	}
	return link_leave(guest, OP_PROBE_ANSWER) ? 0 : -ECONNRESET;
}

/* The bytes are taken in two halves, between which the page may change. */
static int model_publish(void *context, const struct catalog_item *items, const void *const *pages,
			 uint32_t count, uint32_t *ret_answers)
{
	struct guest *guest = context;
	struct world *world = guest->world;

	expect(count > 0 && count <= PUBLISH_MAX);
	if (!question_enter(guest, OP_PUBLISH))
		return -ECONNRESET;
	for (uint32_t i = 0; i < count; i++) {
		struct catalog_item item = items[i];
		uint8_t bytes[PAGE_BYTES];

		if (!world->calm && world_chance(world, 10)) /* it is just a wish */
			item.wish_plus = world_random(world, 50) == 0 ? UINT32_MAX
								      : world_random(world, 100);
		memcpy(bytes, pages[i], PAGE_BYTES / 2);
		world_disturb(world, guest, items[i].page, 1);
		memcpy(bytes + PAGE_BYTES / 2, (const uint8_t *)pages[i] + PAGE_BYTES / 2,
		       PAGE_BYTES / 2);
		expect(catalog_publish(world->catalog, guest->client, &item, bytes,
				       &ret_answers[i]) == 0);
	}
	return link_leave(guest, OP_PUBLISH_ANSWER) ? 0 : -ECONNRESET;
}

static int model_release(void *context, const uint32_t *frames, uint32_t count)
{
	struct guest *guest = context;

	expect(count > 0 && count <= RELEASE_MAX);
	if (!link_enter(guest, OP_RELEASE))
		return -ECONNRESET;
	for (uint32_t i = 0; i < count; i++)
		expect(catalog_release(guest->world->catalog, guest->client, frames[i]) == 0);
	return 0;
}

/* Sometimes only the first of them have come. */
static int model_offers(void *context, struct link_offer *ret_offers, uint32_t max)
{
	struct guest *guest = context;
	struct world *world = guest->world;
	uint32_t count;

	if (!link_enter(guest, OP_OFFERS))
		return -ECONNRESET;
	count = guest->offer_count;
	if (!world->calm && world_chance(world, 30))
		count = world_random(world, count + 1);
	if (count > max)
		count = max;
	if (count > 0)
		memcpy(ret_offers, guest->offers, count * sizeof(*ret_offers));
	guest->offer_count -= count;
	for (uint32_t i = 0; i < guest->offer_count; i++)
		guest->offers[i] = guest->offers[i + count];
	link_leave(guest, OP_NONE);
	return (int)count;
}

const struct link_ops model_link_ops = {
	.probe = model_probe,
	.publish = model_publish,
	.release = model_release,
	.offers = model_offers,
};
