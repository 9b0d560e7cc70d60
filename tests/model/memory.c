/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - guest memory as the kernel keeps it, reduced to what sharing depends on */
#include "tests/model/world.h"

#include <errno.h>
#include <string.h>

#include "tests/model/expect.h"

#define POISON 0xdb

/* Contents differ from the first byte on, or only far behind it, or hardly at all. */
static const uint8_t *content_bytes(uint32_t content)
{
	static uint8_t bytes[CONTENTS][PAGE_BYTES];

	if (bytes[1][0] == 0) {
		for (uint32_t i = 1; i < CONTENTS; i++)
			memset(bytes[i], i < CONTENTS - 2 ? (int)i : 1, PAGE_BYTES);
		bytes[CONTENTS - 2][PAGE_BYTES - 1] = 2;
		bytes[CONTENTS - 1][PAGE_BYTES / 2] = 3;
	}
	return bytes[content];
}

static uint8_t *page_at(const struct guest *guest, uint32_t page)
{
	return guest->bytes + (size_t)page * PAGE_BYTES;
}

void memory_create(struct guest *guest)
{
	guest->bytes = calloc(guest->pages, PAGE_BYTES);
	guest->expected = calloc(guest->pages, PAGE_BYTES);
	guest->table = calloc(guest->pages, sizeof(*guest->table));
	expect(guest->bytes && guest->expected && guest->table);
}

void memory_free(struct guest *guest)
{
	free(guest->bytes);
	free(guest->expected);
	free(guest->table);
	free(guest->offers);
	free(guest->waiting);
	memset(guest, 0, sizeof(*guest));
}

/* Writers */

static void write_apply(uint8_t *bytes, const struct model_write *write)
{
	if (write->whole)
		memcpy(bytes, content_bytes(write->content), PAGE_BYTES);
	else
		bytes[write->offset] = write->value;
}

/* A write to a frame gives the page memory of its own, with the frame's bytes. */
static void write_land(struct guest *guest, const struct model_write *write)
{
	struct model_page *page = &guest->table[write->page];

	page->own = true;
	page->swapped = false;
	write_apply(page_at(guest, write->page), write);
	write_apply(guest->expected + (size_t)write->page * PAGE_BYTES, write);
}

void guest_write(struct guest *guest, const struct model_write *write)
{
	if (!guest->table[write->page].held) {
		write_land(guest, write);
		return;
	}
	if (guest->waiting_count == guest->waiting_room) {
		guest->waiting_room = guest->waiting_room * 2 + 16;
		guest->waiting =
			realloc(guest->waiting, guest->waiting_room * sizeof(*guest->waiting));
		expect(guest->waiting);
	}
	guest->waiting[guest->waiting_count++] = *write;
	guest->world->waits++;
}

static void write_near(struct world *world, struct guest *guest, uint32_t first, uint32_t count)
{
	struct model_write write = {
		.page = first + world_random(world, count),
		.whole = world_chance(world, 70),
		.content = (uint8_t)world_random(world, CONTENTS),
		.value = (uint8_t)world_random(world, 2),
		.offset = (uint16_t)(world_random(world, 4) * (PAGE_BYTES / 4)),
	};

	guest_write(guest, &write);
}

void world_disturb(struct world *world, struct guest *near, uint32_t first, uint32_t count)
{
	if (world->calm || !world_chance(world, world->config.disturb_percent))
		return;
	for (uint32_t i = world_random(world, 3); i > 0; i--)
		write_near(world, near, first, count);
	for (uint32_t i = 0; i < GUESTS_MAX; i++)
		if (world->guests[i].alive && world_chance(world, 30))
			write_near(world, &world->guests[i], 0, world->guests[i].pages);
}

void memory_swap_some(struct guest *guest)
{
	for (uint32_t i = 0; i < 8; i++) {
		struct model_page *page = &guest->table[world_random(guest->world, guest->pages)];

		if (page->own)
			page->swapped = !page->swapped;
	}
}

/* The store */

/* All pages that look through to the frame now show something else. */
static void frame_changes(struct world *world, uint32_t frame)
{
	const struct store *store = world->stores;

	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		const struct guest *guest = &world->guests[i];

		for (uint32_t page = 0; guest->alive && page < guest->pages; page++)
			if (guest->table[page].store == store &&
			    guest->table[page].frame == frame && !guest->table[page].own)
				memcpy(page_at(guest, page),
				       store->bytes + (size_t)frame * PAGE_BYTES, PAGE_BYTES);
	}
}

void store_fill(struct world *world, uint32_t frame, const void *bytes)
{
	expect(frame < world->stores->frames);
	expect(!world->stores->written[frame]);
	world->stores->written[frame] = true;
	memcpy(world->stores->bytes + (size_t)frame * PAGE_BYTES, bytes, PAGE_BYTES);
	frame_changes(world, frame);
}

void store_poison(struct world *world, uint32_t frame)
{
	expect(frame < world->stores->frames);
	world->stores->written[frame] = false;
	memset(world->stores->bytes + (size_t)frame * PAGE_BYTES, POISON, PAGE_BYTES);
	frame_changes(world, frame);
}

/* Mappings */

static bool starts_mapping(const struct guest *guest, uint32_t page)
{
	const struct model_page *here = &guest->table[page], *before = here - 1;

	if (page == 0)
		return true;
	return here->store != before->store || (here->store && here->frame != before->frame + 1);
}

uint64_t memory_mappings(const struct guest *guest)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < guest->pages; i++)
		count += starts_mapping(guest, i);
	return count;
}

/* Operations */

static int model_look(void *context, uint32_t first, uint32_t count, uint8_t *ret_looks)
{
	struct guest *guest = context;

	expect(first + count <= guest->pages);
	world_disturb(guest->world, guest, first, count);
	if (world_fails(guest->world, OP_LOOK))
		return -EIO;
	for (uint32_t i = 0; i < count; i++) {
		const struct model_page *page = &guest->table[first + i];

		if (page->own)
			ret_looks[i] = page->swapped ? LOOK_SWAP : LOOK_OWN;
		else /* the zero page, or a frame: in the page tables, or not yet */
			ret_looks[i] = world_chance(guest->world, 50) ? LOOK_OTHER : LOOK_NONE;
	}
	world_disturb(guest->world, guest, first, count);
	return 0;
}

static int model_hold(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct guest *guest = context;

	expect(count > 0 && first + count <= guest->pages);
	world_disturb(guest->world, guest, first, count);
	if (world_fails(guest->world, OP_HOLD))
		return -EAGAIN;
	for (uint32_t i = first; i < first + count; i++) {
		expect(i == first || !starts_mapping(guest, i));
		expect((guest->table[i].store != NULL) == !!over_store);
		expect(!guest->table[i].held);
	}
	for (uint32_t i = first; i < first + count; i++)
		if (!guest->table[i].store && !guest->table[i].own)
			return -EAGAIN; /* nothing there to protect */
	for (uint32_t i = first; i < first + count; i++)
		guest->table[i].held = true;
	world_disturb(guest->world, guest, first, count);
	return 0;
}

static int model_read_frames(void *context, uint32_t frame, uint32_t count, void *ret_bytes)
{
	struct guest *guest = context;

	world_disturb(guest->world, guest, 0, guest->pages);
	if (world_fails(guest->world, OP_READ_FRAMES) || !guest->store ||
	    frame >= guest->store->frames || count > guest->store->frames - frame)
		return -EIO;
	memcpy(ret_bytes, guest->store->bytes + (size_t)frame * PAGE_BYTES,
	       (size_t)count * PAGE_BYTES);
	return 0;
}

static void expect_held(const struct guest *guest, uint32_t first, uint32_t count, int over_store)
{
	expect(count > 0 && first + count <= guest->pages);
	for (uint32_t i = first; i < first + count; i++) {
		expect(guest->table[i].held);
		expect(over_store < 0 || (guest->table[i].store != NULL) == !!over_store);
	}
}

static void pages_map(struct guest *guest, uint32_t first, uint32_t count, struct store *store,
		      uint32_t frame)
{
	for (uint32_t i = 0; i < count; i++)
		guest->table[first + i] = (struct model_page){
			.store = store,
			.frame = store ? frame + i : 0,
		};
}

static int model_share(void *context, uint32_t first, uint32_t count, uint32_t frame)
{
	struct guest *guest = context;

	world_disturb(guest->world, guest, first, count);
	expect_held(guest, first, count, -1);
	if (world_fails(guest->world, OP_SHARE))
		return -ENOMEM;
	/* the bytes decide: nothing but equal pages may come here */
	expect(memcmp(page_at(guest, first), guest->store->bytes + (size_t)frame * PAGE_BYTES,
		      (size_t)count * PAGE_BYTES) == 0);
	pages_map(guest, first, count, guest->store, frame);
	world_disturb(guest->world, guest, first, count);
	return 0;
}

static int model_discard(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct guest *guest = context;

	world_disturb(guest->world, guest, first, count);
	expect_held(guest, first, count, over_store);
	if (world_fails(guest->world, OP_DISCARD))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		expect(page_is_zero(page_at(guest, first + i)));
	pages_map(guest, first, count, NULL, 0);
	world_disturb(guest->world, guest, first, count);
	return 0;
}

static void model_unhold(void *context, uint32_t first, uint32_t count, int over_store)
{
	struct guest *guest = context;

	expect_held(guest, first, count, over_store);
	for (uint32_t i = first; i < first + count; i++)
		guest->table[i].held = false;
	world_disturb(guest->world, guest, first, count);
}

static void model_wake(void *context, uint32_t first, uint32_t count)
{
	struct guest *guest = context;
	uint32_t kept = 0;

	world_disturb(guest->world, guest, first, count);
	for (uint32_t i = first; i < first + count; i++)
		expect(!guest->table[i].held);
	for (uint32_t i = 0; i < guest->waiting_count; i++) {
		struct model_write write = guest->waiting[i];

		if (write.page >= first && write.page < first + count)
			write_land(guest, &write);
		else
			guest->waiting[kept++] = write;
	}
	guest->waiting_count = kept;
}

const struct memory_ops model_memory_ops = {
	.look = model_look,
	.hold = model_hold,
	.read_frames = model_read_frames,
	.share = model_share,
	.discard = model_discard,
	.unhold = model_unhold,
	.wake = model_wake,
};

void memory_check(const struct guest *guest)
{
	expect(guest->waiting_count == 0);
	for (uint32_t i = 0; i < guest->pages; i++)
		expect(!guest->table[i].held);
	expect(memcmp(guest->bytes, guest->expected, (size_t)guest->pages * PAGE_BYTES) == 0);
}
