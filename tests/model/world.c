/* SPDX-License-Identifier: Apache-2.0 */
/* world.c - events at random, and what must be true after each */
#include "tests/model/world.h"

#include <errno.h>
#include <string.h>

#include "dedup/huge.h"
#include "tests/model/expect.h"

/* More than any engine needs to come to rest: what nobody noted is swept in 256 passes. */
#define SETTLE_STEPS 330u

/* Chance; xorshift64*, so that a seed means the same everywhere */

uint32_t world_random(struct world *world, uint32_t below)
{
	world->random ^= world->random >> 12;
	world->random ^= world->random << 25;
	world->random ^= world->random >> 27;
	return (uint32_t)((world->random * UINT64_C(2685821657736338717)) >> 33) % below;
}

bool world_chance(struct world *world, unsigned int percent)
{
	return world_random(world, 100) < percent;
}

bool world_fails(struct world *world, enum op op)
{
	if (world->calm)
		return false;
	if (++world->calls[op] == world->config.fail_call && op == world->config.fail_op)
		return true;
	return world_random(world, 1000) < world->config.fail_permille;
}

/* Guests */

static void guest_join(struct world *world)
{
	uint32_t span = world->config.pages_max - world->config.pages_min + 1;
	struct guest *guest = world->guests;

	while (guest < world->guests + GUESTS_MAX && guest->alive)
		guest++;
	if (guest == world->guests + GUESTS_MAX)
		return;
	guest->world = world;
	guest->client = NO_CLIENT;
	guest->pages = world->config.pages_min + world_random(world, span);
	guest->can_track = world_chance(world, world->config.track_percent);
	guest->tracks = false;
	memory_create(guest);
	struct engine_config config = {
		.base = guest->bytes,
		.pages = guest->pages,
		.mappings_limit = world->config.mappings_limit,
		.huge_gain = world->config.huge_gain,
		.memory = &model_memory_ops,
		.memory_context = guest,
		.link = &model_link_ops,
		.link_context = guest,
	};
	expect(engine_create(&config, &guest->engine) == 0);
	guest->boots = guest->becomes_huge = world->config.huge_gain > 0;
	guest->alive = true;
}

/* The mappings go first, then the broker notices: any other order would be a bug. */
static void guest_die(struct guest *guest)
{
	struct world *world = guest->world;
	struct guest gone = *guest;

	world->declined += engine_tally(guest->engine).declined_total;
	engine_free(guest->engine);
	memory_free(guest);
	if (gone.client != NO_CLIENT)
		catalog_client_remove(world->catalog, gone.client);
	for (uint32_t i = 0; i < gone.past_count; i++)
		catalog_client_remove(world->catalog, gone.past[i]);
}

static struct guest *guest_any(struct world *world)
{
	uint32_t at = world_random(world, GUESTS_MAX);

	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		if (world->guests[(at + i) % GUESTS_MAX].alive)
			return &world->guests[(at + i) % GUESTS_MAX];
	return NULL;
}

struct world *world_create(const struct world_config *config)
{
	struct world *world = calloc(1, sizeof(*world));

	expect(world);
	world->config = *config;
	world->random = config->seed * 2 + 1;
	for (int i = 0; i < 8; i++)
		(void)world_random(world, 2);
	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		world->guests[i].client = NO_CLIENT;
	broker_start(world);
	guest_join(world);
	guest_join(world);
	return world;
}

void world_free(struct world *world)
{
	struct catalog_sums sums;

	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		if (world->guests[i].alive)
			guest_die(&world->guests[i]);
	if (!world->catalog)
		broker_start(world);
	sums = catalog_sums(world->catalog);
	expect(sums.frames == 0 && sums.references == 0 && sums.claims == 0);
	for (uint32_t i = 0; i < world->stores->frames; i++)
		expect(!world->stores->written[i]);
	broker_die(world);
	expect(!world->stores);
	free(world);
}

/* Events */

/* Neighbours get contents that others have as neighbours too: runs come of it. */
static void event_write(struct world *world, struct guest *guest)
{
	uint32_t first = world_random(world, guest->pages), n = 1 + world_random(world, 80);
	uint32_t content = world_random(world, CONTENTS);
	bool alike = world_chance(world, 20);

	for (uint32_t i = 0; i < n && first + i < guest->pages; i++) {
		struct model_write write = {
			.page = first + i,
			.whole = true,
			.content = (uint8_t)((alike ? content : content + i) % CONTENTS),
		};

		guest_write(guest, &write);
	}
}

/* A range of any length; then the broker hears of its frames. */
static void event_discard(struct world *world, struct guest *guest)
{
	uint32_t first = world_random(world, guest->pages), room = guest->pages - first;
	uint32_t count = world_random(world, world_chance(world, 50) ? 4 : 30), returned = 0;
	int rc;

	if (world_chance(world, 5))
		count = room;
	guest->given_first = first;
	guest->given_count = count = count < room ? count : room;
	guest->dropped = guest->skipped = 0;
	rc = engine_discard(guest->engine, first, count, &returned);
	expect(rc == 0 || rc == -ENOMEM);
	expect(returned == guest->dropped);
	expect(rc < 0 || returned + guest->skipped == count);
	guest->given_count = 0;
	engine_take_offers(guest->engine);
}

static void event_device(struct world *world, struct guest *guest)
{
	if (world_chance(world, 50))
		device_begin(guest, world_random(world, guest->pages));
	else
		device_complete(guest);
}

static void event_link(struct world *world, struct guest *guest)
{
	if (!world->catalog)
		broker_start(world);
	if (guest->client == NO_CLIENT && guest->past_count < CLIENTS_PAST &&
	    engine_can_link(guest->engine))
		link_up(guest);
}

/* The guest has booted; or it reboots, if all of its memory can be given away. */
static void event_boot(struct world *world, struct guest *guest)
{
	uint32_t returned;

	if (world->config.huge_gain == 0)
		return;
	if (guest->boots) {
		guest->boots = false;
		guest->becomes_huge = world_chance(world, 30);
		engine_expect_huge(guest->engine, guest->becomes_huge);
		return;
	}
	guest->given_first = 0;
	guest->given_count = guest->pages;
	if (engine_discard(guest->engine, 0, guest->pages, &returned) == 0 &&
	    returned == guest->pages)
		guest->boots = guest->becomes_huge = true;
	guest->given_count = 0;
	engine_take_offers(guest->engine);
}

static void event_rare(struct world *world, struct guest *guest)
{
	switch (world_random(world, 9)) {
	case 0:
		if (world->catalog)
			broker_die(world);
		break;
	case 1:
		if (guest->past_count < CLIENTS_PAST)
			link_break(guest);
		break;
	case 2:
		guest_die(guest);
		break;
	case 3:
		guest->tracks = false; /* it reboots, say */
		break;
	case 4:
	case 5:
		event_boot(world, guest);
		break;
	default:
		guest_join(world);
		break;
	}
}

static void event_engine(struct world *world, struct guest *guest)
{
	uint32_t kind = world_random(world, 10);
	int rc = 0;

	if (guest->boots && kind > 2)
		event_boot(world, guest);
	else if (kind == 0)
		rc = engine_refresh(guest->engine);
	else if (kind <= 2)
		engine_take_offers(guest->engine);
	else
		rc = engine_step(guest->engine);
	expect(rc >= 0 || rc == -EIO); /* what model_look() fails with */
}

void world_step(struct world *world)
{
	struct guest *guest = guest_any(world);
	uint32_t kind = world_random(world, 100);

	if (world->config.sharers_percent > 0 && world->catalog &&
	    world_chance(world, world->config.sharers_percent))
		catalog_set_max_sharers(world->catalog, world_random(world, 4));
	if (!guest)
		guest_join(world);
	else if (kind < 8)
		event_link(world, guest);
	else if (kind < 20)
		event_write(world, guest);
	else if (kind < 22)
		memory_swap_some(guest);
	else if (kind < 26)
		event_device(world, guest);
	else if (kind < 28 && world->config.eventful)
		event_rare(world, guest);
	else if (kind < 28 + world->config.give_percent)
		event_discard(world, guest);
	else
		event_engine(world, guest);
	world_check(world);
}

/* Checks */

static void guest_check(const struct world *world, const struct guest *guest)
{
	struct tally tally = engine_tally(guest->engine);
	uint64_t references, cost;

	memory_check(guest);
	engine_check(guest->engine);
	for (uint32_t page = 0; page < guest->pages; page++)
		expect((engine_page(guest->engine, page).frame_plus != 0) ==
		       (guest->table[page].store != NULL));
	expect(tally.mappings <= world->config.mappings_limit);
	/* two links to one broker are two stores to the engine: it may count more, never less */
	expect(memory_mappings(guest) <= tally.mappings);
	if (guest->client == NO_CLIENT || !engine_link_is_up(guest->engine))
		return;
	catalog_client_cost(world->catalog, guest->client, &references, &cost);
	expect(tally.states[PAGE_SHARED] + guest->offer_count == references);
}

void world_check(struct world *world)
{
	uint64_t cost_sum = 0;

	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		if (world->guests[i].alive)
			guest_check(world, &world->guests[i]);
	if (!world->catalog)
		return;
	catalog_check(world->catalog);
	expect(catalog_settle(world->catalog) == 0);
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		const struct guest *guest = &world->guests[i];
		uint64_t references, cost;

		for (uint32_t j = 0; guest->alive && j <= guest->past_count; j++) {
			uint32_t client = j ? guest->past[j - 1] : guest->client;

			if (client == NO_CLIENT)
				continue;
			catalog_client_cost(world->catalog, client, &references, &cost);
			cost_sum += cost;
		}
	}
	expect(cost_sum == (uint64_t)catalog_sums(world->catalog).frames * PAGE_BYTES);
}

/* Rest */

static uint32_t count_equal(const struct world *world, const uint8_t *bytes)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		for (uint32_t page = 0; world->guests[i].alive && page < world->guests[i].pages;
		     page++)
			count += !engine_keeps_huge(world->guests[i].engine, page) &&
				 memcmp(world->guests[i].bytes + (size_t)page * PAGE_BYTES, bytes,
					PAGE_BYTES) == 0;
	return count;
}

/* Zero pages have no memory, and no page of the guest's own has an equal anywhere. */
static void expect_all_shared(const struct world *world)
{
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		const struct guest *guest = &world->guests[i];

		for (uint32_t page = 0; guest->alive && page < guest->pages; page++) {
			const uint8_t *bytes = guest->bytes + (size_t)page * PAGE_BYTES;

			expect(guest->huge[page / HUGE_PAGES] != MODEL_PIECES);
			if (engine_keeps_huge(guest->engine, page))
				continue;
			if (page_is_zero(bytes))
				expect(!guest->table[page].own);
			else if (engine_page(guest->engine, page).state != PAGE_SHARED)
				expect(count_equal(world, bytes) == 1);
		}
	}
}

void world_rest(struct world *world)
{
	world->calm = true;
	for (uint32_t step = 0; step < SETTLE_STEPS; step++) {
		for (uint32_t i = 0; i < GUESTS_MAX; i++) {
			struct guest *guest = &world->guests[i];

			if (!guest->alive)
				continue;
			event_link(world, guest);
			if (step == 0 && world->config.huge_gain > 0) {
				guest->boots = guest->becomes_huge = false;
				engine_expect_huge(guest->engine, false);
			}
			while (guest->request_count > 0)
				device_complete(guest);
			for (uint32_t page = 0; step == 0 && page < guest->pages; page++)
				guest->table[page].swapped = false;
			expect(engine_step(guest->engine) >= 0);
		}
		if (step % 20 == 0)
			world_check(world);
	}
	world_check(world);
}

/* What an old broker left is gone; the last one's store may be one that a link had before. */
static void expect_no_old_stores(const struct world *world)
{
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		const struct guest *guest = &world->guests[i];

		expect(!guest->alive || engine_tally(guest->engine).old_store == 0);
		for (uint32_t page = 0; guest->alive && page < guest->pages; page++)
			expect(!guest->table[page].store ||
			       guest->table[page].store == world->stores);
	}
}

void world_settle(struct world *world)
{
	world_rest(world);
	expect_all_shared(world);
	if (memory_can_restore(world))
		expect_no_old_stores(world);
}
